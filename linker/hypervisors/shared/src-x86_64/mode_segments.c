/* 64-bit mode: system descriptors, and loaded segments, of which only the FS and GS bases matter to the hardware. */
#include "vcpu.h"

/* System types each instruction accepts in long mode (Intel SDM vol. 2, LAR table 3-53, LSL table 3-56). */
const u32 lar_system_types = 1u << SYSTEM_LDT | 1u << SYSTEM_TSS_AVAILABLE | 1u << SYSTEM_TSS_BUSY | 1u << SYSTEM_CALL_GATE;
const u32 lsl_system_types = 1u << SYSTEM_LDT | 1u << SYSTEM_TSS_AVAILABLE | 1u << SYSTEM_TSS_BUSY;
const bool null_stack_allowed = true;

/* Descriptors of system segments are 16 bytes. */
struct fault read_system_part(u64 va, struct descriptor *d)
{
    TRY(system_read(va + 8, &d->high, 8));
    d->base |= d->high << 32;
    return NO_FAULT;
}

void segment_loaded(unsigned segment, const struct descriptor *d)
{
    if (segment == SEG_FS)
        set_fs_base(d ? d->base : 0);
    if (segment == SEG_GS)
        set_gs_base(d ? d->base : 0);
}

void segment_dropped(unsigned segment)
{
    vcpu.selector[segment] = 0;
}
