/*
 * The GDT the hardware has while the guest is in its ring 3: that of the guest, as far as its programs see it. They read CS
 * and SS themselves, and load selectors. Xen adds its own descriptors behind (set_gdt, update_descriptor: xen.h).
 */
#include "xen.h"

#define GDT_ENTRIES 512u /* one page */
#define ACCESSED (1ull << 40)
#define LEVEL_3_SEGMENT 0x0000f00000000000ull /* present, DPL 3, code or data */

static u64 gdt_pfn;

u16 real_selector(u16 selector, u16 otherwise)
{
    unsigned index = selector >> 3;
    u64 wanted;

    if ((selector & 4) || !index || index >= GDT_ENTRIES || index * 8u + 7 > vcpu.gdt.limit)
        return otherwise;
    if (system_read(vcpu.gdt.base + index * 8u, &wanted, 8).raised || (wanted & LEVEL_3_SEGMENT) != LEVEL_3_SEGMENT)
        return otherwise;
    wanted |= ACCESSED;
    if (page_contents(gdt_pfn)[index] != wanted &&
        hypercall(H_UPDATE_DESCRIPTOR, machine_frame(gdt_pfn) * PAGE_LEN + index * 8u, wanted, 0, 0) < 0)
        return otherwise;
    return selector | 3;
}

void descriptors_init(void)
{
    u64 frame_list[1];

    gdt_pfn = --pool_end_pfn;
    clear_page(gdt_pfn);
    frame_list[0] = machine_frame(gdt_pfn);
    require(hypercall(H_SET_GDT, (u64)frame_list, GDT_ENTRIES, 0, 0), "Xen refuses the module's GDT");
}
