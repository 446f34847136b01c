/* The virtual CPU: its words, and the flags. A leaf that everything stands on. */
#include "vcpu.h"

struct vcpu vcpu;
volatile u8 vcpu_pending;
EXPORT volatile u32 vcpu_vif_word;
volatile u32 vcpu_other_flags;
EXPORT u64 vcpu_cr[9];

/* RFLAGS as the guest sees them. */
u64 guest_flags(void)
{
    return (frame.flags & FLAGS_HOST) | FLAG_ONE | vcpu_vif_word | vcpu_other_flags;
}

/* Sets the flags of `changeable` from an image; the rest stay. */
void set_guest_flags(u64 flags, u64 changeable)
{
    u64 new = (guest_flags() & ~changeable) | (flags & changeable);

    vcpu_vif_word = new & FLAG_IF;
    vcpu_other_flags = new & (FLAGS_VIRTUAL & ~FLAG_IF);
    frame.flags = (new & FLAGS_HOST) | FLAG_IF | FLAG_ONE | (cpl() == 3 ? new & FLAG_AC : 0);
}

/* The hardware's flags as the guest left them. AC is real in ring 3 alone: elsewhere the host would check alignment. */
void take_host_flags(u64 flags)
{
    if (cpl() == 3)
        vcpu_other_flags = (vcpu_other_flags & ~FLAG_AC) | (flags & FLAG_AC);
    frame.flags = (flags & FLAGS_HOST) | FLAG_IF | FLAG_ONE | (cpl() == 3 ? flags & FLAG_AC : 0);
}

/* What POPF and IRET may change at a privilege level. */
u64 changeable_flags(unsigned level)
{
    u64 flags = FLAGS_HOST | FLAG_NT | FLAG_AC;

    if (level <= iopl())
        flags |= FLAG_IF;
    if (level == 0)
        flags |= FLAG_IOPL;
    return flags;
}
