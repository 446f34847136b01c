/* The flags, and waiting for an interrupt. Intel SDM vol. 2. */
#include "vcpu.h"

struct fault op_cli(const struct row *row, u64 next_rip)
{
    (void)row;
    (void)next_rip;
    set_guest_flags(0, FLAG_IF);
    return NO_FAULT;
}

struct fault op_sti(const struct row *row, u64 next_rip)
{
    (void)row;
    (void)next_rip;
    set_guest_flags(FLAG_IF, FLAG_IF);
    return NO_FAULT;
}

struct fault op_pushf(const struct row *row, u64 next_rip)
{
    (void)next_rip;
    return push(guest_flags(), row->width);
}

struct fault op_popf(const struct row *row, u64 next_rip)
{
    u64 flags = 0;

    (void)next_rip;
    TRY(guest_read(frame.reg[RSP], &flags, row->width));
    set_guest_flags(flags, changeable_flags(cpl()) & (row->width == 2 ? 0xffff : ~0ull));
    frame.reg[RSP] += row->width;
    return NO_FAULT;
}

/* HLT: nothing but an interrupt ends it, and none comes while they are off. */
struct fault op_hlt(const struct row *row, u64 next_rip)
{
    (void)row;
    (void)next_rip;
    if (!vcpu_vif_word)
        stop_guest("the guest halted with interrupts off: nothing can wake it", 0);
    machine_sleep();
    return NO_FAULT;
}
