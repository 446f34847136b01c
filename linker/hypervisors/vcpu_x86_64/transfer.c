/* Every operation that changes CS: IRET, far returns, jumps and calls, SYSCALL, SYSRET, SYSEXIT. Intel SDM vol. 2. */
#include "vcpu.h"

#define EFER_SCE (1ull << 0)

bool canonical(u64 va)
{
    return (u64)((s64)(va << 16) >> 16) == va;
}

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

    if (level <= ((vcpu_other_flags >> 12) & 3))
        flags |= FLAG_IF;
    if (level == 0)
        flags |= FLAG_IOPL;
    return flags;
}

static u64 stack_word(const u8 *bytes, unsigned index, unsigned width)
{
    u64 value = 0;

    copy_bytes(&value, bytes + (size_t)index * width, width);
    return value;
}

static void advance_stack(u64 bytes)
{
    frame.reg[RSP] += bytes;
}

/* CS of a return: RPL is the new CPL and no smaller than the old one. */
static struct fault check_return_code(u16 selector, struct descriptor *d)
{
    unsigned level = selector & 3;

    if (!(selector & ~3u))
        return fault_code(V_GP, 0);
    TRY(read_descriptor(selector, V_GP, d));
    if (!d->code || level < cpl() || (d->conforming ? d->dpl > level : d->dpl != level))
        return fault_code(V_GP, selector & ~3u);
    if (!d->present)
        return fault_code(V_NP, selector & ~3u);
    return NO_FAULT;
}

static struct fault check_return_stack(u16 selector, unsigned level)
{
    struct descriptor d;

    if (!(selector & ~3u)) {
        if (level == 3 || (selector & 3u) != level)
            return fault_code(V_GP, 0);
        return NO_FAULT;
    }
    TRY(read_descriptor(selector, V_GP, &d));
    if ((selector & 3u) != level || d.dpl != level || !d.is_code_or_data || d.code || !d.writable_or_readable)
        return fault_code(V_GP, selector & ~3u);
    if (!d.present)
        return fault_code(V_SS, selector & ~3u);
    return NO_FAULT;
}

static void arrive(unsigned level, u64 rip)
{
    frame.rip = rip;
    if (level == 3)
        require_user_dispatch();
    time_stamp_for_level(level);
    mmu_enter_level(level);
}

struct fault op_iret(unsigned width)
{
    u8 image[40];
    u64 rip, flags, rsp;
    u16 cs, ss;
    unsigned old_level = cpl(), level;
    struct descriptor code;

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

struct fault op_far_return(unsigned width, u64 release)
{
    u8 image[16];
    u64 rip, rsp;
    u16 cs, ss;
    unsigned old_level = cpl(), level;
    struct descriptor code;

    TRY(guest_read(frame.reg[RSP], image, 2 * width));
    rip = stack_word(image, 0, width);
    cs = (u16)stack_word(image, 1, width);
    TRY(check_return_code(cs, &code));
    level = cs & 3;
    if (!canonical(rip))
        return fault_code(V_GP, 0);
    if (level == old_level) {
        TRY(load_code(cs, level, &code));
        advance_stack(2 * width + release);
        arrive(level, rip);
        return NO_FAULT;
    }
    TRY(guest_read(frame.reg[RSP] + 2 * width + release, image, 2 * width));
    rsp = stack_word(image, 0, width);
    ss = (u16)stack_word(image, 1, width);
    TRY(check_return_stack(ss, level));
    TRY(load_code(cs, level, &code));
    vcpu.selector[SEG_SS] = ss;
    frame.reg[RSP] = rsp + release;
    drop_privileged_segments();
    arrive(level, rip);
    return NO_FAULT;
}

/* Far JMP and CALL through memory m16:16, m16:32, m16:64; to code of the same privilege. */
struct fault op_far_jump(const struct row *row, bool call, u64 next_rip)
{
    unsigned width = row->width;
    u8 pointer[10];
    u64 rip = 0;
    u16 selector;
    struct descriptor code;

    TRY(guest_read(operand_va(row), pointer, width + 2u));
    copy_bytes(&rip, pointer, width);
    copy_bytes(&selector, pointer + width, 2);
    if (!(selector & ~3u))
        return fault_code(V_GP, 0);
    TRY(read_descriptor(selector, V_GP, &code));
    if (!code.is_code_or_data)
        stop_guest("the guest uses a call gate or a task gate, which this module does not have", frame.rip);
    if (!code.code ||
        (code.conforming ? code.dpl > cpl() : ((selector & 3u) > cpl() || code.dpl != cpl())))
        return fault_code(V_GP, selector & ~3u);
    if (!code.present)
        return fault_code(V_NP, selector & ~3u);
    if (!canonical(rip))
        return fault_code(V_GP, 0);
    if (call) {
        u64 words[2] = {next_rip, vcpu.selector[SEG_CS]};
        u8 image[16];

        copy_bytes(image, &words[0], width);
        copy_bytes(image + width, &words[1], width);
        TRY(guest_write(frame.reg[RSP] - 2 * width, image, 2 * width));
    }
    TRY(load_code(selector, cpl(), &code));
    if (call)
        frame.reg[RSP] -= 2 * width;
    arrive(cpl(), rip);
    return NO_FAULT;
}

/* The instruction itself cannot be replaced in user programs; Syscall User Dispatch brings it here, RIP behind it. */
struct fault op_syscall(void)
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

struct fault op_sysret(unsigned width)
{
    if (!(vcpu.efer & EFER_SCE))
        return fault_plain(V_UD);
    if (cpl() != 0)
        return fault_code(V_GP, 0);
    if (width != 8)
        stop_guest("sysret to 32-bit code, which this module does not run", frame.rip);
    if (!canonical(frame.reg[RCX]))
        return fault_code(V_GP, 0);
    vcpu.selector[SEG_CS] = (((vcpu.star >> 48) + 16) & 0xffff) | 3;
    vcpu.selector[SEG_SS] = (((vcpu.star >> 48) + 8) & 0xffff) | 3;
    set_guest_flags(frame.reg[R11], FLAGS_HOST | FLAGS_VIRTUAL);
    arrive(3, frame.reg[RCX]);
    return NO_FAULT;
}

struct fault op_sysexit(unsigned width)
{
    if (cpl() != 0 || !(vcpu.sysenter[0] & ~3ull))
        return fault_code(V_GP, 0);
    if (width != 8)
        stop_guest("sysexit to 32-bit code, which this module does not run", frame.rip);
    if (!canonical(frame.reg[RDX]) || !canonical(frame.reg[RCX]))
        return fault_code(V_GP, 0);
    vcpu.selector[SEG_CS] = ((vcpu.sysenter[0] + 32) & 0xffff) | 3;
    vcpu.selector[SEG_SS] = ((vcpu.sysenter[0] + 40) & 0xffff) | 3;
    frame.reg[RSP] = frame.reg[RCX];
    arrive(3, frame.reg[RDX]);
    return NO_FAULT;
}
