/*
 * What the module itself sees, in Xen's kernel mode: its own text and data where the image has them, and all of the
 * domain's frames through a window. The tables Xen's builder made are given up, so that their frames, those of start_info
 * and of the frame list are plain memory of the guest.
 *
 *   guest-physical memory          pseudo-physical frames 0 ..
 *   the pool, behind it            tables of the window, copy of the frame list, tables of the shadow (shadow.c)
 *
 * The window shows the pool read-only: Xen accepts a page table only while nobody can write to it.
 *
 * In a domU two frames of the domain's memory, somewhere behind the image, are shared with dom0: the console's rings and
 * xenstore's. Whatever stood there would be read by others, so they trade places with the pool's last two, and are seen in
 * the window there, to be written.
 */
#include "xen.h"

#define WINDOW_FLAGS (PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY | PTE_USER)
#define TABLE_FLAGS (PTE_PRESENT | PTE_WRITABLE | PTE_USER | PTE_ACCESSED)
#define SHADOW_PAGES 1024u
#define MODULE_TABLES 8u

u64 pool_start_pfn, pool_end_pfn;

/* Its place in the module's tables shows Xen's page; the frame behind it stays unused. */
static u8 shared_info_page[PAGE_LEN] __attribute__((aligned(4096)));

static u64 pool_next_pfn;
static struct mmu_update updates[512];
static u32 update_count;

static void extended(unsigned command, u64 mfn, u64 argument)
{
    struct mmuext_op op = {.cmd = command, .mfn = mfn, .arg2 = argument};

    require(hypercall(H_MMUEXT_OP, (u64)&op, 1, 0, SELF), "Xen refuses an operation on page tables");
}

void clear_page(u64 pfn)
{
    extended(MMUEXT_CLEAR_PAGE, frames[pfn], 0);
}

/* ---- the module's own tables ---- */

static void write_updates(void)
{
    if (update_count)
        require(hypercall(H_MMU_UPDATE, (u64)updates, update_count, 0, SELF), "Xen refuses the module's page tables");
    update_count = 0;
}

static void set_entry(u64 table_pfn, unsigned index, u64 value)
{
    updates[update_count++] = (struct mmu_update){.ptr = frames[table_pfn] * PAGE_LEN + index * 8, .val = value};
    if (update_count == 512)
        write_updates();
}

static u64 take_cleared(void)
{
    u64 pfn = pool_next_pfn++;

    clear_page(pfn);
    return pfn;
}

struct own_tables {
    u32 pfn; /* this table's frame */
    u32 level;
    u64 base_va;
};

static struct own_tables own[640];
static unsigned own_count;

/* The table of `level` (4: the root) that serves `va`, made where it is missing. */
static u64 own_table(unsigned level, u64 va)
{
    u64 base_va = level == 4 ? 0 : va & ~((1ull << (12 + 9 * level)) - 1);
    unsigned i;
    u64 pfn;

    for (i = own_count; i-- > 0;) /* the latest is the likeliest */
        if (own[i].level == level && own[i].base_va == base_va)
            return own[i].pfn;
    if (own_count == sizeof own / sizeof own[0])
        stop_guest("the domain is larger than the module's tables can map", 0);
    pfn = take_cleared();
    own[own_count++] = (struct own_tables){(u32)pfn, level, base_va};
    if (level < 4)
        set_entry(own_table(level + 1, va), (va >> (12 + 9 * level)) & 511, frames[pfn] * PAGE_LEN | TABLE_FLAGS);
    return pfn;
}

static void own_map(u64 va, u64 mfn, u64 flags)
{
    set_entry(own_table(1, va), (va >> 12) & 511, mfn * PAGE_LEN | flags);
}

static void map_module(u64 virt_base, u64 va, u64 length, u64 flags)
{
    u64 end = va + length;

    for (; va < end; va += PAGE_LEN)
        own_map(va, frames[(va - virt_base) / PAGE_LEN], WINDOW_FLAGS | flags);
}

static u64 read_cr3(void)
{
    u64 value;

    __asm__ volatile("mov %%cr3, %0" : "=r"(value)); /* Xen emulates it and gives the machine frame */
    return value;
}

static u64 pages(u64 bytes)
{
    return (bytes + PAGE_LEN - 1) / PAGE_LEN;
}

static void set_aside(u64 *list, u64 mfn)
{
    u64 pfn = MACHINE_TO_PHYS[mfn];

    pool_end_pfn--;
    if (pfn > pool_end_pfn || list[pfn] != mfn)
        stop_guest("a page shared with dom0 is not in the domain's memory", mfn);
    list[pfn] = list[pool_end_pfn];
    list[pool_end_pfn] = mfn;
}

u64 memory_init(const struct start_info *info)
{
    u64 old_root = read_cr3() / PAGE_LEN, builder_len = info->nr_pt_frames, virt_base, builder_pfn, list_pages, pfn, i;

    frames = (const u64 *)info->mfn_list;
    virt_base = info->pt_base - MACHINE_TO_PHYS[old_root] * PAGE_LEN;
    builder_pfn = (info->pt_base - virt_base) / PAGE_LEN;

    list_pages = pages(info->nr_pages * 8);
    pool_end_pfn = info->nr_pages;
    if (!is_dom0) {
        console_ring = (struct xencons_interface *)(virt_base + MACHINE_TO_PHYS[info->console.domU.mfn] * PAGE_LEN);
        set_aside((u64 *)info->mfn_list, info->console.domU.mfn); /* the last frame now */
        set_aside((u64 *)info->mfn_list, info->store_mfn);
    }
    pool_start_pfn = pool_end_pfn - SHADOW_PAGES - list_pages - info->nr_pages / 512 - info->nr_pages / (512 * 512) - MODULE_TABLES;
    if (pool_start_pfn >= pool_end_pfn || pool_start_pfn * PAGE_LEN + virt_base <= info->pt_base + info->nr_pt_frames * PAGE_LEN)
        stop_guest("the domain has too little memory (Xen's option dom0_mem, or memory= of its configuration)", 0);
    memory_len = pool_start_pfn * PAGE_LEN;
    pool_next_pfn = pool_start_pfn;

    for (i = 0; i < list_pages; i++) {
        u64 source_pfn = (info->mfn_list - virt_base) / PAGE_LEN + i;

        extended(MMUEXT_COPY_PAGE, frames[pool_next_pfn++], frames[source_pfn]);
    }
    for (pfn = 0; pfn < info->nr_pages; pfn++) {
        bool is_table = pfn - builder_pfn < builder_len; /* still a page table: not writable yet */
        bool in_pool = pfn >= pool_start_pfn && pfn < pool_end_pfn;

        own_map(WINDOW_VA + pfn * PAGE_LEN, frames[pfn], WINDOW_FLAGS | (is_table || in_pool ? 0 : PTE_WRITABLE));
    }
    map_module(virt_base, vcpu_text_va, vcpu_text_len, 0);
    map_module(virt_base, vcpu_data_va, vcpu_data_len, PTE_WRITABLE);
    own_map((u64)shared_info_page, info->shared_info / PAGE_LEN, WINDOW_FLAGS | PTE_WRITABLE);
    write_updates();

    extended(MMUEXT_PIN_L4_TABLE, frames[own_table(4, 0)], 0);
    extended(MMUEXT_NEW_BASEPTR, frames[own_table(4, 0)], 0);
    frames = (const u64 *)(WINDOW_VA + pool_start_pfn * PAGE_LEN);
    if (!is_dom0)
        console_ring = (struct xencons_interface *)(WINDOW_VA + (pool_end_pfn + 1) * PAGE_LEN);
    extended(MMUEXT_UNPIN_TABLE, old_root, 0);
    for (i = 0; i < builder_len; i++) {
        pfn = builder_pfn + i;
        require(hypercall(H_UPDATE_VA_MAPPING, WINDOW_VA + pfn * PAGE_LEN, frames[pfn] * PAGE_LEN | WINDOW_FLAGS | PTE_WRITABLE, UVMF_INVLPG, 0),
                "Xen keeps its builder's page tables");
    }
    shared_info = (struct shared_info *)shared_info_page;
    pool_start_pfn = pool_next_pfn; /* the rest is the shadow's */
    return virt_base;
}
