/*
 * What the guest sees: two sets of page tables in Xen's form, one while the guest is in its ring 0, one for its ring 3. The
 * guest's own tables stay plain memory; an entry here is made when the hardware faults and a walk of the guest's tables
 * allows the access, so the entries play the TLB's part: made by a walk that sets accessed and dirty bits, dropped by
 * invlpg, mov to cr3 and the like.
 *
 * Dropping clears the entries made since the last time, in one hypercall; the tables above them stay. When the pool runs
 * out of frames, everything goes, tables too.
 */
#include "xen.h"

#define ROOTS 2
#define ENTRIES 512u
#define LOG_MAX 1024u
#define POOL_MAX 1024u
#define FAULT_REPEATS_MAX 4 /* read, then write with the dirty bit, then fetch */
#define EFER_NXE (1ull << 11)
#define TABLE_FLAGS (PTE_PRESENT | PTE_WRITABLE | PTE_USER | PTE_ACCESSED)
#define PART_OF_LARGE_PAGE (1ull << 9) /* a bit the hardware leaves to software, and Xen to its guests */
#define XEN_START_VA 0xffff800000000000ull /* arch-x86/xen-x86_64.h: HYPERVISOR_VIRT_START, HYPERVISOR_VIRT_END */
#define XEN_END_VA 0xffff880000000000ull

static u64 root_pfn[ROOTS];
static u64 current_root;                /* the machine frame Xen uses for its user mode */
static u32 free_pfn[POOL_MAX], used_pfn[POOL_MAX];
static u32 free_count, used_count;
static struct mmu_update fill[4], log_of_fills[LOG_MAX]; /* the log: entries made, as updates that clear them */
static u32 log_count;
static u64 last_fault_va;
static unsigned fault_repeats;

static void table_operation(unsigned command, u64 pfn)
{
    struct mmuext_op op = {.cmd = command, .mfn = machine_frame(pfn)};

    require(hypercall(H_MMUEXT_OP, (u64)&op, 1, 0, SELF), "Xen refuses a shadow page table");
}

static void update(struct mmu_update *list, u32 count)
{
    require(hypercall(H_MMU_UPDATE, (u64)list, count, 0, SELF), "Xen refuses a mapping of the guest");
}

static void flush_tlb(void)
{
    struct mmuext_op op = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};

    require(hypercall(H_MMUEXT_OP, (u64)&op, 1, 0, SELF), "Xen does not flush the TLB");
}

static unsigned index_of(u64 va, unsigned level)
{
    return (va >> (12 + 9 * level)) & (ENTRIES - 1);
}

static u64 entry_address(u64 table_pfn, u64 va, unsigned level)
{
    return machine_frame(table_pfn) * PAGE_LEN + index_of(va, level) * 8;
}

/* The frame of the table below entry `value`. */
static u64 table_of(u64 value)
{
    return MACHINE_TO_PHYS[(value & PTE_FRAME) / PAGE_LEN];
}

/* The last-level table that serves `va`; false where there is none yet. */
static bool find_last_table(u64 root, u64 va, u64 *pfn)
{
    unsigned level;

    *pfn = root;
    for (level = 3; level > 0; level--) {
        u64 value = page_contents(*pfn)[index_of(va, level)];

        if (!(value & PTE_PRESENT))
            return false;
        *pfn = table_of(value);
    }
    return true;
}

/* Takes all tables away. Xen no longer counts them as page tables then, so that they can be cleared for their next use. */
static void drop_tables(void)
{
    unsigned root, i;

    for (root = 0; root < ROOTS; root++)
        for (i = 0; i < ENTRIES; i++) {
            u64 va = (u64)i << 39;

            if (va >= (XEN_START_VA & 0xffffffffffffull) && va < (XEN_END_VA & 0xffffffffffffull))
                continue;
            if (page_contents(root_pfn[root])[i]) {
                fill[0] = (struct mmu_update){.ptr = entry_address(root_pfn[root], va, 3)};
                update(fill, 1);
            }
        }
    while (used_count) {
        u64 pfn = used_pfn[--used_count];

        clear_page(pfn);
        free_pfn[free_count++] = (u32)pfn;
    }
    log_count = 0;
    flush_tlb();
}

static void map(u64 root, u64 va, u64 value)
{
    u64 pfn = root;
    unsigned level;
    u32 count = 0;

    if (free_count < 3 || log_count == LOG_MAX)
        drop_tables();
    for (level = 3; level > 0; level--) {
        u64 entry = count ? 0 : page_contents(pfn)[index_of(va, level)], below;

        if (entry & PTE_PRESENT) {
            pfn = table_of(entry);
            continue;
        }
        below = free_pfn[--free_count];
        used_pfn[used_count++] = (u32)below;
        fill[count++] = (struct mmu_update){.ptr = entry_address(pfn, va, level), .val = machine_frame(below) * PAGE_LEN | TABLE_FLAGS};
        pfn = below;
    }
    if (!count && page_contents(pfn)[index_of(va, 0)])
        flush_tlb(); /* an entry changes; else the hardware keeps none */
    else
        log_of_fills[log_count++] = (struct mmu_update){.ptr = entry_address(pfn, va, 0)};
    fill[count++] = (struct mmu_update){.ptr = entry_address(pfn, va, 0), .val = value};
    update(fill, count);
}

/* The hardware faulted at `va`: the guest's own fault, or an entry to be made. */
struct fault mmu_host_fault(u64 va, enum access access)
{
    struct translation found;
    bool user = cpl() == 3;
    u64 pfn, value;

    if (!canonical(va))
        return fault_code(V_GP, 0);
    TRY(walk(va, access, user, &found));
    if (va >= XEN_START_VA && va < XEN_END_VA)
        stop_guest("the guest uses an address that is Xen's", va);
    fault_repeats = va == last_fault_va ? fault_repeats + 1 : 0;
    last_fault_va = va;
    if (fault_repeats > FAULT_REPEATS_MAX)
        stop_guest("the hardware faults here although the access is allowed", va);
    pfn = found.pa / PAGE_LEN;
    if (pfn >= memory_end_pfn())
        stop_guest("the guest's tables map an address outside its memory", found.pa);
    /* Writable only when the dirty bit is set already: the first write must come here and set it. */
    value = machine_frame(pfn) * PAGE_LEN | PTE_PRESENT | PTE_ACCESSED;
    if (found.dirty && (found.writable || (!user && !(vcpu_cr[0] & CR0_WP))))
        value |= PTE_WRITABLE | PTE_DIRTY;
    if (!found.executable)
        value |= PTE_NO_EXECUTE;
    if (found.page_len > PAGE_LEN)
        value |= PART_OF_LARGE_PAGE;
    map(root_pfn[user], va & ~(PAGE_LEN - 1), value);
    return NO_FAULT;
}

void mmu_flush_all(void)
{
    fault_repeats = 0;
    if (!log_count)
        return;
    update(log_of_fills, log_count);
    log_count = 0;
    flush_tlb();
}

/* Drops the page at `va`, and with it every part of a large page nearby: it may be that one. Too much is always right. */
void mmu_flush_page(u64 va)
{
    static struct mmu_update clear[ENTRIES];
    unsigned root, i;
    u32 dropped = 0;
    u64 pfn;

    fault_repeats = 0;
    for (root = 0; root < ROOTS; root++) {
        u32 count = 0;

        if (!canonical(va) || !find_last_table(root_pfn[root], va, &pfn))
            continue;
        for (i = 0; i < ENTRIES; i++) {
            u64 entry = page_contents(pfn)[i];

            if (entry && (i == index_of(va, 0) || (entry & PART_OF_LARGE_PAGE)))
                clear[count++] = (struct mmu_update){.ptr = machine_frame(pfn) * PAGE_LEN + i * 8};
        }
        if (count)
            update(clear, count);
        dropped += count;
    }
    if (dropped)
        flush_tlb();
}

void mmu_enter_level(unsigned level)
{
    (void)level; /* shadow_enter() looks at the level that is left in the end */
}

void shadow_enter(void)
{
    u64 wanted = root_pfn[cpl() == 3];

    if (current_root == wanted)
        return;
    table_operation(MMUEXT_NEW_USER_BASEPTR, wanted);
    current_root = wanted;
}

void shadow_init(void)
{
    u64 pfn;
    unsigned i;

    for (pfn = pool_start_pfn; pfn < pool_end_pfn && free_count < POOL_MAX; pfn++) {
        clear_page(pfn);
        free_pfn[free_count++] = (u32)pfn;
    }
    for (i = 0; i < ROOTS; i++) {
        root_pfn[i] = free_pfn[--free_count];
        table_operation(MMUEXT_PIN_L4_TABLE, root_pfn[i]);
    }
}
