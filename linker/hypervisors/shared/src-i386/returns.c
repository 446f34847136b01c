/* 32-bit protected mode: IRET. Intel SDM vol. 2. */
#include "vcpu.h"

#define FLAG_VM (1u << 17)

struct fault op_iret(const struct row *row, u64 next_rip)
{
    unsigned width = row->width;
    u8 image[12], outer[8];
    u32 eip, esp, flags;
    u16 cs, ss = 0;
    unsigned old_level = cpl(), level;
    struct descriptor code;

    (void)next_rip;
    if (vcpu_other_flags & FLAG_NT)
        stop_guest("the guest returns to another task by iret, which this module does not do", frame.rip);
    TRY(guest_read(frame.reg[RSP], image, 3 * width));
    eip = (u32)stack_word(image, 0, width);
    cs = (u16)stack_word(image, 1, width);
    flags = (u32)stack_word(image, 2, width);
    if ((flags & FLAG_VM) && old_level == 0)
        stop_guest("the guest enters virtual-8086 mode, which this module does not have", frame.rip);
    TRY(check_return_code(cs, &code));
    level = cs & 3;
    esp = frame.reg[RSP] + 3 * width;
    if (level != old_level) {
        TRY(guest_read(esp, outer, 2 * width));
        esp = (u32)stack_word(outer, 0, width);
        ss = (u16)stack_word(outer, 1, width);
        TRY(check_return_stack(ss, level));
    }
    TRY(load_code(cs, level, &code));
    set_guest_flags(flags, changeable_flags(old_level) & (width == 2 ? 0xffff : ~0ull));
    frame.reg[RSP] = esp;
    if (level != old_level) {
        vcpu.selector[SEG_SS] = ss;
        drop_privileged_segments();
    }
    arrive(level, eip);
    return NO_FAULT;
}

/* Not of this mode, or not offered by cpuid. */
struct fault op_sysret(const struct row *row, u64 next_rip)
{
    (void)row;
    (void)next_rip;
    return fault_plain(V_UD);
}

struct fault op_sysexit(const struct row *row, u64 next_rip)
{
    (void)row;
    (void)next_rip;
    return fault_plain(V_UD);
}
