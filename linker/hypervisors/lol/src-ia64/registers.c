/*
 * The guest's general registers. r4-r7 are where entry.S put them, the other static ones in the signal frame. Stacked
 * ones were covered and flushed: on the signal stack's backing store as far as they were dirty, else on the guest's.
 */
#include "lol.h"

/* Backing-store address `count` registers above (below) another; every 64th slot is a NaT collection. */
u64 rse_skip(u64 address, s64 count)
{
	s64 slot = address >> 3 & 63;

	if (count >= 0)
		for (slot += count; slot >= 63; slot -= 63)
			count++;
	else
		for (slot += count; slot < 0; slot += 63)
			count--;
	return address + 8 * count;
}

static u64 rse_registers(u64 low, u64 high)
{
	u64 slots = (high - low) >> 3;

	return slots - (((low >> 3 & 63) + slots) >> 6);
}

/* Where a stacked register is; 0 where it is in no memory the module can reach. */
static u64 *stacked(struct guest *g, u64 number, u64 *va)
{
	u64 cfm = g->sc->cfm;
	u64 sof = cfm & 127, sor = (cfm >> 14 & 15) * 8, rrb = cfm >> 18 & 127;
	u64 index = number - 32, below;
	struct translation t;
	struct fault fault;

	if (index >= sof)
		stop(g, "register outside the frame", number);
	if (index < sor) {
		index += rrb;
		if (index >= sor)
			index -= sor;
	}
	below = sof - index;
	if (below <= rse_registers(g->sc->rbs_base, g->state->bspstore)) {
		*va = rse_skip(g->state->bspstore, -(s64)below);
		return (u64 *)*va;
	}
	*va = 0;
	if (guest_translate(rse_skip(g->sc->ar_bsp, -(s64)below), READ | WRITE, ISR_RS, &t, &fault))
		return guest_memory(t.pa, 8);
	return 0;
}

u64 get_gr(struct guest *g, u64 number)
{
	u64 va, *where;

	if (number == 0)
		return 0;
	if (number >= 4 && number <= 7)
		return g->state->r4[number - 4];
	if (number < 32)
		return g->sc->gr[number];
	where = stacked(g, number, &va);
	if (!where)
		stop(g, "stacked register is out of reach", number);
	return *where;
}

/* The collection with the NaT bit of a register on the signal stack's backing store: in memory, or still in ar.rnat. */
static u64 *collection(struct guest *g, u64 va)
{
	u64 slot = va | 0x1f8;

	return slot < g->state->bspstore ? (u64 *)slot : &g->state->rnat;
}

int is_nat(struct guest *g, u64 number)
{
	u64 va;

	if (number == 0)
		return 0;
	if (number >= 4 && number <= 7)
		return g->state->unat >> ((u64)&g->state->r4[number - 4] >> 3 & 63) & 1;
	if (number < 32)
		return g->sc->nat >> number & 1;
	stacked(g, number, &va);
	return va ? *collection(g, va) >> (va >> 3 & 63) & 1 : 0;
}

/* Write a register; it is no NaT then. */
void set_gr(struct guest *g, u64 number, u64 value)
{
	u64 va, *where;

	if (number == 0)
		return;
	if (number >= 4 && number <= 7) {
		g->state->r4[number - 4] = value;
		g->state->unat &= ~(1UL << ((u64)&g->state->r4[number - 4] >> 3 & 63));
	} else if (number < 32) {
		g->sc->gr[number] = value;
		g->sc->nat &= ~(1UL << number);
	} else {
		where = stacked(g, number, &va);
		if (!where)
			stop(g, "stacked register is out of reach", number);
		*where = value;
		if (va)
			*collection(g, va) &= ~(1UL << (va >> 3 & 63));
	}
}

/*
 * Forget the interrupted frame: bsp goes back to its first register, so that rfi can put another frame under it. The
 * host's trampoline takes up as many registers as sc_loadrs says from below ar.bsp and ends them at sc_ar_bsp.
 */
void drop_frame(struct guest *g)
{
	u64 sof = g->sc->cfm & 127, bsp = rse_skip(g->state->bspstore, -(s64)sof);

	if (sof > rse_registers(g->sc->rbs_base, g->state->bspstore))
		stop(g, "frame is not complete", sof);
	g->state->exit_bsp = bsp;
	g->state->exit_rnat = *collection(g, bsp);
	g->sc->loadrs = (bsp - g->sc->rbs_base) << 16;
	g->sc->ar_bsp = rse_skip(g->sc->ar_bsp, -(s64)sof);
}
