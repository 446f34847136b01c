/*
 * Guest memory. Physical memory is one memfd, seen by the module through a window. What the guest sees at a virtual
 * address is a mapping of the same memfd, made when the host reports a fault there and the guest's page tables allow
 * the access; so mappings play the TLB's part: made by a walk that sets accessed and dirty bits, dropped by invlpg,
 * mov to cr3 and the like. (Intel SDM vol. 3, chapter 4.)
 */
#include "lol.h"

#define GUEST_LOW_VA 0x10000ull /* below: the host's vm.mmap_min_addr */

#define PROT_NONE 0
#define PROT_READ 1
#define PROT_WRITE 2
#define PROT_EXEC 4
#define MAP_SHARED 1
#define MAP_FIXED 0x10
#define MAP_FIXED_NOREPLACE 0x100000

/* Read, then write with the dirty bit, then fetch: more faults than that mean the mapping does not help. */
#define FAULT_REPEATS_MAX 4

/* A run of mappings that ring 3 must not reach: taken away while it runs, given back behind it. */
struct extent {
    u64 start, end;
    int prot;
};

#define EXTENTS_MAX 256

static u64 guest_end_va; /* from here: window, host stack */
static u64 memory_len;
static int memory_fd;
static bool anything_mapped;
static struct extent extents[EXTENTS_MAX]; /* sorted, disjoint */
static unsigned extent_count;
static bool hidden;             /* ring 3 runs: the extents are there, but not accessible */
static u64 last_fault_va;       /* and how often in a row the host faulted there with nothing dropped in between */
static unsigned fault_repeats;

/* The end of the module's area that holds `va`, or else the start of the next one above it, or `end`. */
static u64 module_edge(u64 va, u64 end, bool *is_module)
{
    const u64 area[2][2] = {{vcpu_text_va, vcpu_text_len}, {vcpu_data_va, vcpu_data_len}};
    unsigned i;

    *is_module = false;
    for (i = 0; i < 4; i++) {
        bool below = i >= 2;
        u64 start = area[i % 2][0] - (below ? vcpu_virtual_offset : 0), length = area[i % 2][1];

        if (below && !early_in_module(start))
            continue;
        if (va - start < length) {
            *is_module = true;
            return start + length < end ? start + length : end;
        }
        if (va < start && start < end)
            end = start;
    }
    return end;
}

/* Calls `act` on every part of [va, end) that is not the module's own. */
static void outside_module(u64 va, u64 end, void (*act)(u64 va, u64 end, void *context), void *context)
{
    while (va < end) {
        bool is_module;
        u64 edge = module_edge(va, end, &is_module);

        if (!is_module)
            act(va, edge, context);
        va = edge;
    }
}

/* Makes room in the list at `index`, or closes it; false when the list is full. */
static bool move_extents(unsigned index, int by)
{
    unsigned i;

    if (by > 0) {
        if (extent_count == EXTENTS_MAX)
            return false;
        for (i = extent_count; i > index; i--)
            extents[i] = extents[i - 1];
        extent_count++;
    } else {
        extent_count--;
        for (i = index; i < extent_count; i++)
            extents[i] = extents[i + 1];
    }
    return true;
}

/* [start, end) holds something else now, or nothing. */
static bool forget_extents(u64 start, u64 end)
{
    unsigned i = 0;

    while (i < extent_count && extents[i].start < end) {
        struct extent *e = &extents[i];

        if (e->end <= start) {
            i++;
        } else if (e->start < start && e->end > end) {
            struct extent tail = {end, e->end, e->prot};

            if (!move_extents(i + 1, 1))
                return false;
            extents[i].end = start;
            extents[i + 1] = tail;
            return true;
        } else if (e->start < start) {
            e->end = start;
            i++;
        } else if (e->end > end) {
            e->start = end;
            return true;
        } else {
            move_extents(i, -1);
        }
    }
    return true;
}

static bool add_extent(u64 start, u64 end, int prot)
{
    unsigned i = 0;

    while (i < extent_count && extents[i].start < start)
        i++;
    if (i && extents[i - 1].end == start && extents[i - 1].prot == prot) {
        extents[i - 1].end = end;
        if (i < extent_count && extents[i].start == end && extents[i].prot == prot) {
            extents[i - 1].end = extents[i].end;
            move_extents(i, -1);
        }
        return true;
    }
    if (i < extent_count && extents[i].start == end && extents[i].prot == prot) {
        extents[i].start = start;
        return true;
    }
    if (!move_extents(i, 1))
        return false;
    extents[i] = (struct extent){start, end, prot};
    return true;
}

static void unmap_part(u64 va, u64 end, void *context)
{
    (void)context;
    if (va >= end)
        return;
    host_call(SYS_munmap, (long)va, (long)(end - va), 0, 0, 0, 0);
    if (!forget_extents(va, end))
        mmu_flush_all();
}

struct mapping {
    u64 va, pa;
    int prot;
    bool supervisor;
};

static void map_part(u64 va, u64 end, void *context)
{
    const struct mapping *m = context;
    long result;

    if (va >= end)
        return;
    result = host_map(va, end - va, m->prot, MAP_SHARED | MAP_FIXED, memory_fd, m->pa + (va - m->va));
    if (result != (long)va)
        stop_guest("the host refused to map guest memory here", va);
    if (!forget_extents(va, end) || (m->supervisor && !add_extent(va, end, m->prot)))
        mmu_flush_all(); /* the list is full: start anew, the access faults once more */
}

/*
 * The host faulted at `va`. Either the guest's tables do not allow the access, and the fault is the guest's, or they
 * do, and the mapping is made.
 */
struct fault mmu_host_fault(u64 va, enum access access)
{
    struct translation found;
    struct mapping mapping;
    bool user = cpl() == 3;
    u64 start, end;

    TRY(walk(va, access, user, &found));
    if (va < GUEST_LOW_VA || va >= guest_end_va || va - vcpu_data_va < vcpu_data_len || in_module_text(va) ||
        early_in_module(va))
        stop_guest("the guest uses an address that a Linux process cannot give it", va);
    fault_repeats = va == last_fault_va ? fault_repeats + 1 : 0;
    last_fault_va = va;
    if (fault_repeats > FAULT_REPEATS_MAX)
        stop_guest("the host faults here although the access is allowed", va);

    start = va & ~(found.page_len - 1);
    end = start + found.page_len;
    mapping.va = start;
    mapping.pa = found.pa & ~(found.page_len - 1);
    if (mapping.pa >= memory_len)
        stop_guest("the guest's tables map an address outside its memory", va);
    if (end - start > memory_len - mapping.pa)
        end = start + (memory_len - mapping.pa);
    if (end > guest_end_va)
        end = guest_end_va;
    if (start < GUEST_LOW_VA) {
        mapping.pa += GUEST_LOW_VA - start;
        mapping.va = start = GUEST_LOW_VA;
    }
    /* Writable only when the dirty bit is set already: the first write must come here and set it. */
    mapping.prot = PROT_READ | (found.executable ? PROT_EXEC : 0);
    if (found.dirty && (found.writable || (!user && !(vcpu_cr[0] & CR0_WP))))
        mapping.prot |= PROT_WRITE;
    mapping.supervisor = !found.user || ((mapping.prot & PROT_WRITE) && !found.writable);
    anything_mapped = true;
    outside_module(start, end, map_part, &mapping);
    return NO_FAULT;
}

void mmu_flush_all(void)
{
    fault_repeats = 0;
    early_look();
    if (!anything_mapped)
        return;
    extent_count = 0;
    outside_module(GUEST_LOW_VA, guest_end_va, unmap_part, NULL);
    anything_mapped = false;
}

/* Drops the LARGE_LEN around `va`: the page there may be a large one. Dropping too much is always right. */
void mmu_flush_page(u64 va)
{
    u64 start = va & ~(LARGE_LEN - 1), end = start + LARGE_LEN < guest_end_va ? start + LARGE_LEN : guest_end_va;

    fault_repeats = 0;
    if (!anything_mapped || va >= guest_end_va)
        return;
    outside_module(start < GUEST_LOW_VA ? GUEST_LOW_VA : start, end, unmap_part, NULL);
}

/* Ring `level` is about to run: what only the kernel may reach goes and comes. */
void mmu_enter_level(unsigned level)
{
    unsigned i;

    if (hidden == (level == 3))
        return;
    hidden = level == 3;
    for (i = 0; i < extent_count; i++) {
        const struct extent *e = &extents[i];
        u64 start = e->start;

        /* Neighbours are hidden by one call; what each may do differs when they come back. */
        while (hidden && i + 1 < extent_count && extents[i + 1].start == extents[i].end)
            i++;
        host_call(SYS_mprotect, (long)start, (long)(extents[i].end - start), hidden ? PROT_NONE : e->prot, 0, 0, 0);
    }
}

void mmu_init(u64 length, int fd)
{
    long at;

    guest_end_va = GUEST_END_VA(length);
    at = host_map(guest_end_va, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0);
    if (at < 0 && at > -4096) /* taken: anywhere above the guest's range */
        at = host_map(0, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if ((at < 0 && at > -4096) || (uword)at < guest_end_va) {
        say("previrt-lol: cannot map the guest's memory\n");
        stop_exit(1);
    }
    window_init((u8 *)at, length);
    memory_len = length;
    memory_fd = fd;
    anything_mapped = true; /* the image as execve() mapped it */
    mmu_flush_all();
}
