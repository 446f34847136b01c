/* Far returns, jumps and calls. IRET and the system calls: returns.c. Intel SDM vol. 2. */
#include "vcpu.h"

static void advance_stack(u64 bytes)
{
    frame.reg[RSP] += bytes;
}

/* CS of a return: RPL is the new CPL and no smaller than the old one. */
struct fault check_return_code(u16 selector, struct descriptor *d)
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

struct fault check_return_stack(u16 selector, unsigned level)
{
    struct descriptor d;

    if (!(selector & ~3u)) {
        if (!null_stack_allowed || level == 3 || (selector & 3u) != level)
            return fault_code(V_GP, 0);
        return NO_FAULT;
    }
    TRY(read_descriptor(selector, V_GP, &d));
    if ((selector & 3u) != level || d.dpl != level || !d.is_code_or_data || d.code || !d.writable_or_readable)
        return fault_code(V_GP, selector & ~3u);
    if (!d.present)
        return fault_code(V_SS, selector & ~3u);
    segment_loaded(SEG_SS, &d);
    return NO_FAULT;
}

void arrive(unsigned level, u64 rip)
{
    frame.rip = rip;
    if (level == 3)
        require_user_dispatch();
    time_stamp_for_level(level);
    mmu_enter_level(level);
}

struct fault op_lret(const struct row *row, u64 next_rip)
{
    unsigned width = row->width;
    u64 release = row->flags & ROW_IMMEDIATE ? (u64)row->immediate : 0;
    u8 image[16];
    u64 rip, rsp;
    u16 cs, ss;
    unsigned old_level = cpl(), level;
    struct descriptor code;

    (void)next_rip;
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

/* The far pointer in the instruction itself: behind prefixes and the opcode EA or 9A. */
static void immediate_pointer(const struct row *row, u8 *pointer)
{
    unsigned i = 0;

    while (row->code[i] != 0xea && row->code[i] != 0x9a)
        i++;
    copy_bytes(pointer, row->code + i + 1, row->width + 2u);
}

/* Far JMP and CALL to code of the same privilege. */
static struct fault far_jump(const struct row *row, bool call, u64 next_rip)
{
    unsigned width = row->width;
    u8 pointer[10];
    u64 rip = 0;
    u16 selector;
    struct descriptor code;

    if (row->flags & ROW_MEMORY)
        TRY(guest_read(operand_va(row), pointer, width + 2u));
    else
        immediate_pointer(row, pointer);
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

struct fault op_ljmp(const struct row *row, u64 next_rip)
{
    return far_jump(row, false, next_rip);
}

struct fault op_lcall(const struct row *row, u64 next_rip)
{
    return far_jump(row, true, next_rip);
}
