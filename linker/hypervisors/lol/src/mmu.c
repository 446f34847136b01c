/*
 * Guest memory. Physical memory is one memfd, seen by the module through a window. What the guest sees at a virtual
 * address is a mapping of the same memfd, made when the host reports a fault there and the guest's page tables allow
 * the access; so mappings play the TLB's part: made by a walk that sets accessed and dirty bits, dropped by invlpg,
 * mov to cr3 and the like. (Intel SDM vol. 3, chapter 4: 4-level paging.)
 */
#include "lol.h"

#define PTE_P (1ull << 0)
#define PTE_W (1ull << 1)
#define PTE_U (1ull << 2)
#define PTE_A (1ull << 5)
#define PTE_D (1ull << 6)
#define PTE_PS (1ull << 7)
#define PTE_NX (1ull << 63)
#define PTE_FRAME 0x000ffffffffff000ull
#define PAGE_LEN 4096ull
#define LARGE_LEN (2ull << 20)

#define ERROR_P 1u
#define ERROR_W 2u
#define ERROR_U 4u
#define ERROR_RSVD 8u
#define ERROR_I 16u

#define CR0_WP (1ull << 16)
#define EFER_NXE (1ull << 11)

#define GUEST_LOW_VA 0x10000ull         /* below: the host's vm.mmap_min_addr */
#define GUEST_END_VA 0x7f0000000000ull  /* from here: window, host stack */

#define SYS_mmap 9
#define SYS_mprotect 10
#define SYS_munmap 11
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

struct translation {
    u64 pa;
    u64 page_len;
    bool writable, user, executable, dirty;
};

static u8 *window;
static unsigned physical_bits;
static u64 memory_len;
static int memory_fd;
static bool anything_mapped;
static struct extent extents[EXTENTS_MAX]; /* sorted, disjoint */
static unsigned extent_count;
static bool hidden;             /* ring 3 runs: the extents are there, but not accessible */
static u64 last_fault_va;       /* and how often in a row the host faulted there with nothing dropped in between */
static unsigned fault_repeats;

u8 *physical(u64 pa, u64 length)
{
    if (pa > memory_len || length > memory_len - pa)
        return NULL;
    return window + pa;
}

static struct fault page_fault(u64 va, u32 error, enum access access, bool user)
{
    if (access == ACCESS_WRITE)
        error |= ERROR_W;
    if (access == ACCESS_FETCH && (vcpu.efer & EFER_NXE))
        error |= ERROR_I;
    if (user)
        error |= ERROR_U;
    return (struct fault){.raised = true, .vector = V_PF, .has_error = true, .error = error, .cr2 = va};
}

/* Intel SDM vol. 3, 4.5.4: frame bits the processor does not have, NX while it is off, large pages it does not offer. */
static u64 reserved_bits(int level, u64 value)
{
    u64 bits = PTE_FRAME & ~((1ull << physical_bits) - 1);

    if (!(vcpu.efer & EFER_NXE))
        bits |= PTE_NX;
    if (level >= 2)
        bits |= PTE_PS;
    if (level == 1 && (value & PTE_PS))
        bits |= LARGE_LEN - 1 - 0x1fff; /* below the frame, above the PAT bit */
    return bits;
}

/* One walk of the guest's tables, as the processor does it. `user`: the access has user privilege. */
static struct fault walk(u64 va, enum access access, bool user, struct translation *result)
{
    u64 table = lol_cr[3] & PTE_FRAME;
    u64 *entry = NULL;
    int level;

    *result = (struct translation){.writable = true, .user = true, .executable = true};
    for (level = 3; level >= 0; level--) {
        unsigned index = (va >> (12 + 9 * level)) & 511;
        u64 value;

        entry = (u64 *)physical(table + index * 8, 8);
        if (!entry)
            stop_guest("a page table of the guest lies outside its memory", table + index * 8);
        value = *entry;
        if (!(value & PTE_P))
            return page_fault(va, 0, access, user);
        if (value & reserved_bits(level, value))
            return page_fault(va, ERROR_P | ERROR_RSVD, access, user);
        result->writable &= (value & PTE_W) != 0;
        result->user &= (value & PTE_U) != 0;
        result->executable &= !(value & PTE_NX);
        if (level == 0 || (value & PTE_PS))
            break;
        *entry = value | PTE_A;
        table = value & PTE_FRAME;
    }
    if ((user && !result->user) || (access == ACCESS_FETCH && !result->executable) ||
        (access == ACCESS_WRITE && !result->writable && (user || (lol_cr[0] & CR0_WP))))
        return page_fault(va, ERROR_P, access, user);
    *entry |= PTE_A | (access == ACCESS_WRITE ? PTE_D : 0);
    result->dirty = (*entry & PTE_D) != 0;
    result->page_len = level ? LARGE_LEN : PAGE_LEN;
    result->pa = (*entry & PTE_FRAME & ~(result->page_len - 1)) | (va & (result->page_len - 1));
    return NO_FAULT;
}

static struct fault transfer(u64 va, void *buffer, u64 length, enum access access, bool user)
{
    u8 *bytes = buffer;

    while (length) {
        u64 part = PAGE_LEN - (va & (PAGE_LEN - 1));
        struct translation found;
        u8 *memory;

        if (part > length)
            part = length;
        if (!canonical(va))
            return fault_code(V_GP, 0);
        TRY(walk(va, access, user, &found));
        memory = physical(found.pa, part);
        if (!memory)
            stop_guest("the guest's tables map an address outside its memory", va);
        if (access == ACCESS_WRITE)
            copy_bytes(memory, bytes, part);
        else
            copy_bytes(bytes, memory, part);
        va += part;
        bytes += part;
        length -= part;
    }
    return NO_FAULT;
}

/* Whether [va, va + length), at most two pages, can be written. */
static struct fault check_writable(u64 va, u64 length, bool user)
{
    struct translation ignored;
    u64 last = va + length - 1;

    if (!canonical(va) || !canonical(last))
        return fault_code(V_GP, 0);
    TRY(walk(va, ACCESS_WRITE, user, &ignored));
    if ((va ^ last) & ~(PAGE_LEN - 1))
        TRY(walk(last & ~(PAGE_LEN - 1), ACCESS_WRITE, user, &ignored));
    return NO_FAULT;
}

struct fault guest_writable(u64 va, u64 length)
{
    return check_writable(va, length, cpl() == 3);
}

/* A write that spans pages must fault before its first byte is stored. */
static struct fault transfer_write(u64 va, const void *from, u64 length, bool user)
{
    TRY(check_writable(va, length, user));
    return transfer(va, (void *)from, length, ACCESS_WRITE, user);
}

struct fault guest_read(u64 va, void *to, u64 length)
{
    return transfer(va, to, length, ACCESS_READ, cpl() == 3);
}

struct fault guest_write(u64 va, const void *from, u64 length)
{
    return transfer_write(va, from, length, cpl() == 3);
}

struct fault system_read(u64 va, void *to, u64 length)
{
    return transfer(va, to, length, ACCESS_READ, false);
}

struct fault system_write(u64 va, const void *from, u64 length)
{
    return transfer_write(va, from, length, false);
}

/* Calls `act` on every part of [va, end) that is not the module's own. */
static void outside_module(u64 va, u64 end, void (*act)(u64 va, u64 end, void *context), void *context)
{
    struct {
        u64 start, end;
    } hole[2] = {{lol_text_va, lol_text_va + lol_text_len}, {lol_data_va, lol_data_va + lol_data_len}};
    unsigned i;

    if (hole[1].start < hole[0].start) {
        u64 start = hole[0].start, stop = hole[0].end;

        hole[0] = hole[1];
        hole[1].start = start;
        hole[1].end = stop;
    }
    for (i = 0; i < 2; i++) {
        if (va < hole[i].start)
            act(va, end < hole[i].start ? end : hole[i].start, context);
        if (va < hole[i].end)
            va = hole[i].end;
        if (va >= end)
            return;
    }
    act(va, end, context);
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
    result = host_call(SYS_mmap, (long)va, (long)(end - va), m->prot, MAP_SHARED | MAP_FIXED, memory_fd,
                       (long)(m->pa + (va - m->va)));
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
    if (va < GUEST_LOW_VA || va >= GUEST_END_VA || va - lol_data_va < lol_data_len || in_module_text(va))
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
    if (start < GUEST_LOW_VA) {
        mapping.pa += GUEST_LOW_VA - start;
        mapping.va = start = GUEST_LOW_VA;
    }
    /* Writable only when the dirty bit is set already: the first write must come here and set it. */
    mapping.prot = PROT_READ | (found.executable ? PROT_EXEC : 0);
    if (found.dirty && (found.writable || (!user && !(lol_cr[0] & CR0_WP))))
        mapping.prot |= PROT_WRITE;
    mapping.supervisor = !found.user || ((mapping.prot & PROT_WRITE) && !found.writable);
    anything_mapped = true;
    outside_module(start, end, map_part, &mapping);
    return NO_FAULT;
}

void mmu_flush_all(void)
{
    fault_repeats = 0;
    if (!anything_mapped)
        return;
    extent_count = 0;
    outside_module(GUEST_LOW_VA, GUEST_END_VA, unmap_part, NULL);
    anything_mapped = false;
}

/* Drops the 2 MiB around `va`: the page there may be a large one. Dropping too much is always right. */
void mmu_flush_page(u64 va)
{
    u64 start = va & ~(LARGE_LEN - 1);

    fault_repeats = 0;
    if (!anything_mapped || va >= GUEST_END_VA)
        return;
    outside_module(start < GUEST_LOW_VA ? GUEST_LOW_VA : start, start + LARGE_LEN, unmap_part, NULL);
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
    long at = host_call(SYS_mmap, (long)GUEST_END_VA, (long)length, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0);

    if (at < 0 && at > -4096) /* taken: anywhere the host likes, which is above the guest's range */
        at = host_call(SYS_mmap, 0, (long)length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at < 0 && at > -4096) {
        say("previrt-lol: cannot map the guest's memory\n");
        stop_exit(1);
    }
    window = (u8 *)at;
    physical_bits = guest_physical_bits();
    memory_len = length;
    memory_fd = fd;
    anything_mapped = true; /* the image as execve() mapped it */
    mmu_flush_all();
}
