/*
 * From what the guest's TLB says to what the host maps. A mapping is made when a reference faults and lives as long as a
 * new lookup would give it again: every change of the TLB, of a region register or of the key registers looks all of them
 * up and unmaps those that would now be different. A change of the level or of psr.it, dt, rt or pk unmaps all; when the
 * virtual CPU is in such a context again what was mapped in it is mapped at once, as far as it is still right.
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

static int is_mapped(const struct mapping *m)
{
	return m->len && m->context == vcpu.context;
}

static void unmap(const struct mapping *m)
{
	lol_system_call(m->va, m->len, 0, 0, 0, 0, NR_munmap);
}

static void map_again(const struct mapping *m)
{
	if (lol_system_call(m->va, m->len, m->prot, MAP_SHARED_FIXED, vcpu.memory_fd, m->pa, NR_mmap) < 0)
		stop(0, "the host does not map this address", m->va);
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

/* Called after every change of the TLBs and of what they are searched by. */
void mappings_check(void)
{
	struct mapping *m, *end = vcpu.mappings + vcpu.mappings_used;

	vcpu.generation++;
	for (m = vcpu.mappings; m < end; m++)
		if (is_mapped(m)) {
			if (still_right(m))
				m->generation = vcpu.generation;
			else {
				unmap(m);
				m->len = 0;
			}
		}
}

/* Called after every change of psr. */
void context_changed(void)
{
	u64 context = (vcpu.psr & (PSR_IT | PSR_DT | PSR_RT | PSR_PK | PSR_CPL)) | vcpu.through_epc;
	struct mapping *m, *end = vcpu.mappings + vcpu.mappings_used;

	if (context == vcpu.context)
		return;
	for (m = vcpu.mappings; m < end; m++)
		if (is_mapped(m))
			unmap(m);
	vcpu.context = context;
	for (m = vcpu.mappings; m < end; m++)
		if (is_mapped(m)) {
			if (m->generation == vcpu.generation || still_right(m)) {
				map_again(m);
				m->generation = vcpu.generation;
			} else
				m->len = 0;
		}
}

static void map(u64 va, u64 len, u64 pa, u64 prot)
{
	struct mapping *m, *free = 0, *end = vcpu.mappings + vcpu.mappings_used;

	for (m = vcpu.mappings; m < end; m++) {
		if (is_mapped(m) && m->va < va + len && va < m->va + m->len) {
			unmap(m);
			m->len = 0;
		}
		if (!free && !m->len)
			free = m;
	}
	if (!free && vcpu.mappings_used < MAPPINGS)
		free = &vcpu.mappings[vcpu.mappings_used++];
	else if (!free) {
		free = &vcpu.mappings[vcpu.next_mapping++ % MAPPINGS];
		if (is_mapped(free))
			unmap(free);
	}
	*free = (struct mapping){ va, len, pa, prot, vcpu.context, vcpu.generation };
	map_again(free);
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
