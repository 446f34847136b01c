/*
 * 32-bit protected mode: loaded segments. The hardware's own CS, DS, ES and SS stay the host's flat ones, so the guest's must
 * be flat as well; FS and GS become what the guest makes them.
 */
#include "vcpu.h"

/* System types each instruction accepts (Intel SDM vol. 2, LAR table 3-53, LSL table 3-56). */
const u32 lar_system_types = 1u << SYSTEM_TSS16_AVAILABLE | 1u << SYSTEM_LDT | 1u << SYSTEM_TSS16_BUSY | 1u << SYSTEM_CALL_GATE16 |
                             1u << SYSTEM_TASK_GATE | 1u << SYSTEM_TSS_AVAILABLE | 1u << SYSTEM_TSS_BUSY | 1u << SYSTEM_CALL_GATE;
const u32 lsl_system_types = 1u << SYSTEM_TSS16_AVAILABLE | 1u << SYSTEM_LDT | 1u << SYSTEM_TSS16_BUSY | 1u << SYSTEM_TSS_AVAILABLE |
                             1u << SYSTEM_TSS_BUSY;
const bool null_stack_allowed = false;

/* Descriptors of system segments are as long as the others. */
struct fault read_system_part(u64 va, struct descriptor *d)
{
    (void)va, (void)d;
    return NO_FAULT;
}

void require_flat(const struct descriptor *d)
{
    if (d->base || d->limit != 0xffffffff)
        stop_guest("the guest uses a code, stack or data segment that is not flat, which this module cannot give it", d->base);
}

void segment_loaded(unsigned segment, const struct descriptor *d)
{
    if (segment == SEG_FS || segment == SEG_GS)
        host_load_segment(segment, d);
    else if (d)
        require_flat(d);
}

void segment_dropped(unsigned segment)
{
    vcpu.selector[segment] = 0;
    segment_loaded(segment, NULL);
}
