/* Changes of psr, interruptions, rfi, cover, epc: SDM vol. 2, 5.5; vol. 3, the pages of the instructions. */
#include "lol.h"

/* psr as cr.ipsr gets it. */
u64 full_psr(struct guest *g)
{
	return vcpu.psr | (g->sc->um & PSR_UM) | (vcpu.psr_i ? PSR_I : 0) | (vcpu.psr_ic ? PSR_IC : 0);
}

static void swap_bank(struct guest *g)
{
	u64 i, kept, nats = g->sc->nat;

	for (i = 0; i < 16; i++) {
		kept = vcpu.bank[i];
		vcpu.bank[i] = g->sc->gr[16 + i];
		g->sc->gr[16 + i] = kept;
	}
	g->sc->nat = (nats & 0xffff) | (vcpu.bank_nat & 0xffff0000);
	vcpu.bank_nat = nats & 0xffff0000;
}

void set_psr(struct guest *g, u64 psr)
{
	if ((vcpu.psr ^ psr) & PSR_BN)
		swap_bank(g);
	g->sc->um = (g->sc->um & ~PSR_UM) | (psr & PSR_UM);
	vcpu.psr_i = (psr & PSR_I) != 0;
	vcpu.psr_ic = (psr & PSR_IC) != 0;
	vcpu.psr = psr & ~(PSR_UM | PSR_I | PSR_IC | PSR_RI);
	vcpu.psr_readable = vcpu.psr & PSR_READABLE;
	if (CPL)
		vcpu.through_epc = 0;
	context_changed();
}

void next_instruction(struct guest *g)
{
	u64 slot = g->sc->ip & 3;

	g->sc->ip = slot == 2 ? (g->sc->ip & ~15UL) + 16 : g->sc->ip + 1;
}

/* An interruption: the other registers (ifa and so on) have their values if psr.ic is one. */
void deliver(struct guest *g, u64 vector, u64 isr)
{
	u64 slot = g->sc->ip & 3, psr = full_psr(g), dcr = vcpu.cr[CR_DCR];

	if (!vcpu.cr[CR_IVA] && !vcpu.psr_ic)
		stop(g, "interruption before the guest set its vectors up", vector);
	if (vcpu.psr_ic) {
		vcpu.cr[CR_IPSR] = (psr & ~PSR_RI) | slot << RI_SHIFT;
		vcpu.cr[CR_IIP] = vcpu.cr[CR_IIPA] = g->sc->ip & ~15UL;
		vcpu.cr[CR_IFS] = 0;
	}
	if (vector != V_NESTED)
		vcpu.cr[CR_ISR] = (isr & ~ISR_EI) | slot << RI_SHIFT | (vcpu.psr_ic ? 0 : ISR_NI);
	/* A frame that is not filled cannot be the handler's on the host: it is covered until cover or rfi. */
	if (isr & ISR_IR) {
		vcpu.incomplete_cfm = g->sc->cfm | 1UL << 63;
		g->sc->cfm = 0;
	}
	g->sc->ip = vcpu.cr[CR_IVA] + vector;
	vcpu.through_epc = 0;
	set_psr(g, (psr & PSR_KEPT) | (dcr & 2 ? PSR_BE : 0) | (dcr & 1) << 21);
}

void deliver_fault(struct guest *g, struct fault *fault)
{
	if (vcpu.psr_ic) {
		vcpu.cr[CR_IFA] = fault->ifa;
		vcpu.cr[CR_ITIR] = fault->itir;
		if (fault->vector == V_VHPT || fault->vector == V_ITLB || fault->vector == V_DTLB)
			vcpu.cr[CR_IHA] = fault->iha;
	}
	deliver(g, fault->vector, fault->isr);
}

void general_exception(struct guest *g, u64 code)
{
	deliver(g, V_GENERAL, code);
}

/* The frame goes to the backing store; with psr.ic zero its marker goes to cr.ifs. */
void emulate_cover(struct guest *g)
{
	u64 cfm = vcpu.incomplete_cfm ? vcpu.incomplete_cfm : g->sc->cfm;

	if (!vcpu.psr_ic)
		vcpu.cr[CR_IFS] = 1UL << 63 | cfm;
	vcpu.incomplete_cfm = 0;
	g->sc->cfm = 0;		/* the host's trampoline has covered it */
	next_instruction(g);
}

void emulate_rfi(struct guest *g)
{
	u64 ipsr = vcpu.cr[CR_IPSR], ifs = vcpu.cr[CR_IFS];
	struct translation t;
	struct fault fault;

	if (ipsr & (PSR_IS | PSR_DA | PSR_ED | PSR_IA))
		stop(g, "rfi with a psr bit that is not there: cr.ipsr", ipsr);
	if (ifs >> 63) {
		drop_frame(g);
		g->sc->cfm = ifs & ((1UL << 38) - 1);
		vcpu.incomplete_cfm = 0;
	} else if (vcpu.incomplete_cfm) {
		g->sc->cfm = vcpu.incomplete_cfm & ((1UL << 38) - 1);
		vcpu.incomplete_cfm = 0;
	}
	vcpu.returned = 1;
	g->sc->ip = (vcpu.cr[CR_IIP] & ~15UL) | (ipsr >> RI_SHIFT & 3);
	set_psr(g, ipsr);
	/* A gate page's code is between epc and its return (emulate_epc). */
	if (!CPL && vcpu.psr & PSR_IT && guest_translate(g->sc->ip, EXECUTE, ISR_X, &t, &fault) && t.ar == 7) {
		vcpu.through_epc = 1;
		context_changed();
	}
}

/*
 * epc in a page with rights 7 goes to the page's level. The way back, br.ret, is not privileged and does not trap: while
 * `through_epc` is set no page of level 3 is mapped for execution, and the fault of the first one is the return
 * (signals.c).
 */
void emulate_epc(struct guest *g)
{
	u64 psr = full_psr(g), level = 0;
	struct translation t;
	struct fault fault;

	if (vcpu.psr & PSR_IT) {
		level = CPL;
		if (guest_translate(g->sc->ip, EXECUTE, ISR_X, &t, &fault) && t.ar == 7 && t.pl < level)
			level = t.pl;
	}
	next_instruction(g);
	if (CPL && level == 0)
		vcpu.through_epc = 1;
	set_psr(g, (psr & ~PSR_CPL) | level << 32);
}
