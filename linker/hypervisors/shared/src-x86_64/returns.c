/* 64-bit mode: IRET, and SYSCALL, SYSRET, SYSEXIT. Intel SDM vol. 2. */
#include "vcpu.h"

#define EFER_SCE (1ull << 0)

struct fault op_iret(const struct row *row, u64 next_rip)
{
    unsigned width = row->width;
    u8 image[40];
    u64 rip, flags, rsp;
    u16 cs, ss;
    unsigned old_level = cpl(), level;
    struct descriptor code;

    (void)next_rip;
    if (vcpu_other_flags & FLAG_NT)
        return fault_code(V_GP, 0);
    TRY(guest_read(frame.reg[RSP], image, 5 * width));
    rip = stack_word(image, 0, width);
    cs = (u16)stack_word(image, 1, width);
    flags = stack_word(image, 2, width);
    rsp = stack_word(image, 3, width);
    ss = (u16)stack_word(image, 4, width);
    TRY(check_return_code(cs, &code));
    level = cs & 3;
    TRY(check_return_stack(ss, level));
    if (!canonical(rip))
        return fault_code(V_GP, 0);
    TRY(load_code(cs, level, &code));
    set_guest_flags(flags, changeable_flags(old_level) & (width == 2 ? 0xffff : ~0ull));
    vcpu.selector[SEG_SS] = ss;
    frame.reg[RSP] = rsp;
    if (level > old_level)
        drop_privileged_segments();
    arrive(level, rip);
    return NO_FAULT;
}

/* The instruction itself cannot be replaced in user programs; Syscall User Dispatch brings it here, RIP behind it. */
struct fault user_syscall(void)
{
    u64 flags = guest_flags();

    if (!(vcpu.efer & EFER_SCE)) {
        frame.rip -= 2;
        return fault_plain(V_UD);
    }
    frame.reg[RCX] = frame.rip;
    frame.reg[R11] = flags;
    vcpu.selector[SEG_CS] = (vcpu.star >> 32) & 0xfffc;
    vcpu.selector[SEG_SS] = ((vcpu.star >> 32) & 0xfffc) + 8;
    set_guest_flags(flags & ~vcpu.sfmask, FLAGS_HOST | FLAGS_VIRTUAL);
    arrive(0, vcpu.lstar);
    return NO_FAULT;
}

struct fault op_sysret(const struct row *row, u64 next_rip)
{
    (void)next_rip;
    if (!(vcpu.efer & EFER_SCE))
        return fault_plain(V_UD);
    if (row->width != 8)
        stop_guest("sysret to 32-bit code, which this module does not run", frame.rip);
    if (!canonical(frame.reg[RCX]))
        return fault_code(V_GP, 0);
    vcpu.selector[SEG_CS] = (((vcpu.star >> 48) + 16) & 0xffff) | 3;
    vcpu.selector[SEG_SS] = (((vcpu.star >> 48) + 8) & 0xffff) | 3;
    set_guest_flags(frame.reg[R11], FLAGS_HOST | FLAGS_VIRTUAL);
    arrive(3, frame.reg[RCX]);
    return NO_FAULT;
}

struct fault op_sysexit(const struct row *row, u64 next_rip)
{
    (void)next_rip;
    if (!(vcpu.sysenter[0] & ~3ull))
        return fault_code(V_GP, 0);
    if (row->width != 8)
        stop_guest("sysexit to 32-bit code, which this module does not run", frame.rip);
    if (!canonical(frame.reg[RDX]) || !canonical(frame.reg[RCX]))
        return fault_code(V_GP, 0);
    vcpu.selector[SEG_CS] = ((vcpu.sysenter[0] + 32) & 0xffff) | 3;
    vcpu.selector[SEG_SS] = ((vcpu.sysenter[0] + 40) & 0xffff) | 3;
    frame.reg[RSP] = frame.reg[RCX];
    arrive(3, frame.reg[RDX]);
    return NO_FAULT;
}
