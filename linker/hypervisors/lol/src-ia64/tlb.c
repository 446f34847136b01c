/* The guest's TLBs, its VHPT, and what a reference would meet there (SDM vol. 2, 4.1). */
#include "lol.h"

#define OFFSET(va)	((va) << 3 >> 3)
#define RR(va)		vcpu.rr[(va) >> 61]
#define RID(rr)		((u32)((rr) >> 8 & 0xffffff))
#define ITIR_SIZE(itir)	((itir) >> 2 & 63)

static int covers(const struct tlb_entry *entry, u64 va, u32 rid)
{
	return entry->valid && entry->rid == rid && (OFFSET(va) ^ entry->va) >> entry->size_log2 == 0;
}

struct tlb_entry *tlb_find(struct tlb *tlb, u64 va)
{
	u32 rid = RID(RR(va));
	u64 i;

	for (i = 0; i < tlb->tr_used; i++)
		if (covers(&tlb->tr[i], va, rid))
			return &tlb->tr[i];
	for (i = 0; i < tlb->tc_used; i++)
		if (covers(&tlb->tc[i], va, rid))
			return &tlb->tc[i];
	return 0;
}

/* Drop the entries that share an address with a range. */
void tlb_purge(struct tlb *tlb, u64 va, u64 size_log2, int registers)
{
	u32 rid = RID(RR(va));
	u64 i, larger;

	for (i = 0; i < TC_COUNT; i++) {
		larger = tlb->tc[i].size_log2 > size_log2 ? tlb->tc[i].size_log2 : size_log2;
		if (tlb->tc[i].rid == rid && (OFFSET(va) ^ tlb->tc[i].va) >> larger == 0)
			tlb->tc[i].valid = 0;
	}
	for (i = 0; registers && i < TR_COUNT; i++) {
		larger = tlb->tr[i].size_log2 > size_log2 ? tlb->tr[i].size_log2 : size_log2;
		if (tlb->tr[i].rid == rid && (OFFSET(va) ^ tlb->tr[i].va) >> larger == 0)
			tlb->tr[i].valid = 0;
	}
}

static void fill(struct tlb_entry *entry, u64 va, u64 itir, u64 pte)
{
	entry->size_log2 = ITIR_SIZE(itir);
	entry->va = OFFSET(va) >> entry->size_log2 << entry->size_log2;
	entry->rid = RID(RR(va));
	entry->key = itir >> 8 & 0xffffff;
	entry->pte = pte;
	entry->valid = 1;
}

static void insert_cached(struct tlb *tlb, u64 va, u64 itir, u64 pte)
{
	u64 i;

	tlb_purge(tlb, va, ITIR_SIZE(itir), 0);
	for (i = 0; i < tlb->tc_used && tlb->tc[i].valid; i++)
		;
	if (i == tlb->tc_used) {
		if (i < TC_COUNT)
			tlb->tc_used++;
		else
			i = tlb->next++ % TC_COUNT;
	}
	fill(&tlb->tc[i], va, itir, pte);
}

void tlb_insert_cached(struct tlb *tlb, u64 pte)
{
	insert_cached(tlb, vcpu.cr[CR_IFA], vcpu.cr[CR_ITIR], pte);
}

int tlb_insert_register(struct tlb *tlb, u64 slot, u64 pte)
{
	if (slot >= TR_COUNT)
		return 0;
	tlb_purge(tlb, vcpu.cr[CR_IFA], ITIR_SIZE(vcpu.cr[CR_ITIR]), 0);
	fill(&tlb->tr[slot], vcpu.cr[CR_IFA], vcpu.cr[CR_ITIR], pte);
	if (slot >= tlb->tr_used)
		tlb->tr_used = slot + 1;
	return 1;
}

/* What a page's ar and pl give at a level (vol. 2, table 4-2). */
u64 access_rights(u64 ar, u64 pl, u64 cpl)
{
	if (ar == 7)
		return cpl ? EXECUTE : EXECUTE | READ;
	if (cpl > pl)
		return 0;
	switch (ar) {
	case 0: return READ;
	case 1: return READ | EXECUTE;
	case 2: return READ | WRITE;
	case 3: return READ | WRITE | EXECUTE;
	case 4: return cpl < pl ? READ | WRITE : pl ? READ : READ | WRITE;
	case 5: return cpl < pl || !pl ? READ | WRITE | EXECUTE : READ | EXECUTE;
	default: return cpl < pl || !pl ? READ | WRITE : READ | WRITE | EXECUTE;
	}
}

/* thash: vol. 2, 4.1.7; the long format's hash is the processor's own business. */
u64 hash_address(u64 va)
{
	u64 pta = vcpu.cr[CR_PTA], mask = (1UL << (pta >> 2 & 63)) - 1, rr = RR(va), page = rr >> 2 & 63;

	if (pta >> 8 & 1)
		return (pta & ~mask & ~0x1ffUL) | (((OFFSET(va) >> page ^ RID(rr)) << 5) & mask);
	return (va & 7UL << 61) | OFFSET((pta & ~0x7fffUL & ~mask) | ((OFFSET(va) >> page << 3) & mask));
}

u64 hash_tag(u64 va)
{
	u64 rr = RR(va);

	return (u64)RID(rr) << 39 ^ OFFSET(va) >> (rr >> 2 & 63);
}

static int walker_enabled(u64 va, int execute, u64 isr)
{
	u64 wanted = PSR_DT | (execute ? PSR_IT : 0) | (isr & ISR_RS ? PSR_RT : 0);

	if (execute && !vcpu.psr_ic)
		return 0;
	return (vcpu.cr[CR_PTA] & 1) && (RR(va) & 1) && (vcpu.psr & wanted) == wanted;
}

/* Look an address up in the VHPT, short format, as the processor's walker does; 0 where nothing is inserted. */
static struct tlb_entry *walk(struct tlb *tlb, u64 va)
{
	u64 hashed = hash_address(va), pte, *where;
	struct tlb_entry *table = tlb_find(&vcpu.dtlb, hashed);

	if (vcpu.cr[CR_PTA] >> 8 & 1 || !table || !(table->pte & 1))
		return 0;
	where = guest_memory((table->pte & 0x3fffffffff000UL) + (OFFSET(hashed) - table->va), 8);
	if (!where)
		return 0;
	pte = *where;
	if (!(pte & 1) || pte & 2 || pte >> 50 & 3)
		return 0;
	insert_cached(tlb, va, (RR(va) & 0xfc) | RID(RR(va)) << 8, pte);
	return tlb_find(tlb, va);
}

static int miss(u64 va, int execute, u64 isr, struct fault *fault)
{
	fault->isr = isr;
	fault->ifa = va;
	fault->itir = RR(va) & 0xfffffffc;
	if (!execute && !vcpu.psr_ic)
		fault->vector = V_NESTED;
	else if (walker_enabled(va, execute, isr)) {
		fault->iha = hash_address(va);
		fault->vector = tlb_find(&vcpu.dtlb, fault->iha) ? (execute ? V_ITLB : V_DTLB) : V_VHPT;
	} else
		fault->vector = execute ? V_ALT_ITLB : V_ALT_DTLB;
	return 0;
}

static u64 key_disables(const struct tlb_entry *entry, int *present)
{
	u64 i, pkr;

	for (i = 0; i < 16; i++) {
		pkr = vcpu.pkr[i];
		if ((pkr & 1) && (pkr >> 8 & 0xffffff) == entry->key) {
			*present = 1;
			return (pkr & 2 ? WRITE : 0) | (pkr & 4 ? READ : 0) | (pkr & 8 ? EXECUTE : 0);
		}
	}
	*present = 0;
	return READ | WRITE | EXECUTE;
}

/*
 * Translate for the level in force: 1 and `t`, or 0 and the fault, in the manual's order. `t->prot` leaves out what would
 * fault; the caller finds out why by asking with what it wants in the access bits of `isr`.
 */
int tlb_lookup(u64 va, int execute, struct translation *t, struct fault *fault, u64 isr)
{
	struct tlb *tlb = execute ? &vcpu.itlb : &vcpu.dtlb;
	struct tlb_entry *entry = tlb_find(tlb, va);
	u64 wanted = (isr & ISR_R ? READ : 0) | (isr & ISR_W ? WRITE : 0) | (execute ? EXECUTE : 0);
	u64 disabled = 0;
	int key = 1;

	if (!entry && walker_enabled(va, execute, isr))
		entry = walk(tlb, va);
	if (!entry)
		return miss(va, execute, isr, fault);
	fault->isr = isr;
	fault->ifa = va;
	fault->itir = entry->size_log2 << 2 | (u64)entry->key << 8;
	if (!(entry->pte & 1)) {
		fault->vector = V_NOT_PRESENT;
		return 0;
	}
	t->size_log2 = entry->size_log2;
	t->pa = (entry->pte & 0x3fffffffff000UL) >> entry->size_log2 << entry->size_log2 | (OFFSET(va) - entry->va);
	t->ar = entry->pte >> 9 & 7;
	t->pl = entry->pte >> 7 & 3;
	t->prot = access_rights(t->ar, t->pl, CPL) & (execute ? EXECUTE : READ | WRITE);
	if (vcpu.psr & PSR_PK)
		disabled = key_disables(entry, &key);
	if (!key) {
		fault->vector = execute ? V_IKEY_MISS : V_DKEY_MISS;
		return 0;
	}
	if (wanted & disabled) {
		fault->vector = V_KEY_PERMISSION;
		return 0;
	}
	if (wanted & ~t->prot) {
		fault->vector = execute ? V_IACCESS_RIGHTS : V_DACCESS_RIGHTS;
		return 0;
	}
	t->prot &= ~disabled;
	if (!(entry->pte & 1 << 6)) {
		if (wanted & WRITE) {
			fault->vector = V_DIRTY;
			return 0;
		}
		t->prot &= ~(u64)WRITE;
	}
	if (!(entry->pte & 1 << 5)) {
		fault->vector = execute ? V_IACCESS_BIT : V_DACCESS_BIT;
		return 0;
	}
	return 1;
}
