/*
 * From what the guest's TLB says to what the host maps. A mapping is made when a reference faults and lives as long as a
 * new lookup would give it again: every change of the TLB, of a region register, of the level or of psr.it, dt, rt or pk
 * looks all of them up and unmaps those that would now be different.
 */
#include "lol.h"

#define MAP_SHARED_FIXED	0x11
#define LARGEST_LOG2		24	/* a mapping spans at most 16 MiB of a larger guest page */
#define PHYSICAL_MASK		(~0UL >> 1)	/* bit 63 of a physical address says uncacheable */

void *guest_memory(u64 pa, u64 len)
{
	pa &= PHYSICAL_MASK;
	return pa <= vcpu.ram_len - len ? (void *)(LOL_WINDOW + pa) : 0;
}

/* Where a reference of the guest goes. wanted: READ, WRITE or EXECUTE; isr: its access bits. */
int guest_translate(u64 va, u64 wanted, u64 isr, struct translation *t, struct fault *fault)
{
	u64 bit = wanted & EXECUTE ? PSR_IT : isr & ISR_RS ? PSR_RT : PSR_DT;

	if (!(vcpu.psr & bit)) {
		t->pa = va & PHYSICAL_MASK;
		t->size_log2 = LARGEST_LOG2;
		t->prot = wanted & EXECUTE ? EXECUTE : READ | WRITE;
		t->ar = 3;
		t->pl = 0;
		return 1;
	}
	return tlb_lookup(va, (wanted & EXECUTE) != 0, t, fault, isr);
}

static void unmap(struct mapping *m)
{
	if (m->len)
		lol_system_call(m->va, m->len, 0, 0, 0, 0, NR_munmap);
	m->len = 0;
}

/* Whether the virtual CPU would make a mapping again, now. */
static int still_right(const struct mapping *m)
{
	struct translation t;
	struct fault fault;
	u64 kinds[2] = { m->prot & (READ | WRITE), m->prot & EXECUTE };
	int i;

	for (i = 0; i < 2; i++)
		if (kinds[i] && (!guest_translate(m->va, kinds[i], 0, &t, &fault) || t.pa != m->pa || kinds[i] & ~t.prot
				 || (1UL << t.size_log2 < m->len && vcpu.psr & (i ? PSR_IT : PSR_DT))
				 || (i && vcpu.through_epc && t.pl == 3)))
			return 0;
	return 1;
}

void mappings_check(void)
{
	u64 i;

	for (i = 0; i < MAPPINGS; i++)
		if (vcpu.mappings[i].len && !still_right(&vcpu.mappings[i]))
			unmap(&vcpu.mappings[i]);
}

/* Called after every change of psr. */
void context_changed(void)
{
	u64 context = (vcpu.psr & (PSR_IT | PSR_DT | PSR_RT | PSR_PK | PSR_CPL)) | vcpu.through_epc;

	if (context == vcpu.context)
		return;
	vcpu.context = context;
	mappings_check();
}

static void map(u64 va, u64 len, u64 pa, u64 prot)
{
	struct mapping *m = 0;
	u64 i;

	for (i = 0; i < MAPPINGS; i++) {
		if (vcpu.mappings[i].len && vcpu.mappings[i].va < va + len
		    && va < vcpu.mappings[i].va + vcpu.mappings[i].len)
			unmap(&vcpu.mappings[i]);
		if (!m && !vcpu.mappings[i].len)
			m = &vcpu.mappings[i];
	}
	if (!m) {
		m = &vcpu.mappings[vcpu.next_mapping++ % MAPPINGS];
		unmap(m);
	}
	if (lol_system_call(va, len, prot, MAP_SHARED_FIXED, vcpu.memory_fd, pa, NR_mmap) < 0)
		stop(0, "the host does not map this address", va);
	m->va = va;
	m->len = len;
	m->pa = pa;
	m->prot = prot;
}

/*
 * The host knows no mapping for a reference: make one and return 1, or return 0 and the guest's own fault. The other kind
 * of reference (instruction or data) is mapped with it if it leads to the same memory.
 */
int map_for(struct guest *g, u64 va, u64 wanted, u64 isr, struct fault *fault)
{
	struct translation t, other;
	struct fault unused;
	u64 size_log2, start, len, pa, prot;

	if (!guest_translate(va, wanted, isr, &t, fault))
		return 0;
	if (va - LOL_VCPU < LOL_END - LOL_VCPU)
		stop(g, "the guest uses addresses the module needs", va);
	if (t.size_log2 < 14)
		stop(g, "the host has pages of 16 KiB, the guest's page is smaller: log2", t.size_log2);
	if (!guest_memory(t.pa, 1))
		stop(g, "no guest memory at physical address", t.pa);
	if (isr & ISR_RS && (!guest_translate(va, READ, 0, &other, &unused) || other.pa != t.pa))
		stop(g, "psr.rt and psr.dt lead to different memory at", va);
	prot = t.prot;
	size_log2 = t.size_log2 > LARGEST_LOG2 ? LARGEST_LOG2 : t.size_log2;
	if (guest_translate(va, wanted & EXECUTE ? READ : EXECUTE, 0, &other, &unused) && other.pa == t.pa
	    && other.size_log2 >= size_log2)
		prot |= other.prot;
	if (vcpu.through_epc && t.pl == 3)
		prot &= ~(u64)EXECUTE;
	start = va >> size_log2 << size_log2;
	len = 1UL << size_log2;
	pa = t.pa >> size_log2 << size_log2;
	if (start < LOWEST_VA) {
		if (va < LOWEST_VA)
			stop(g, "the host maps nothing below 64 KiB: address", va);
		pa += LOWEST_VA - start;
		len -= LOWEST_VA - start;
		start = LOWEST_VA;
	}
	if (pa + len > vcpu.ram_len)
		len = vcpu.ram_len - pa;
	map(start, len, pa, prot);
	return 1;
}
