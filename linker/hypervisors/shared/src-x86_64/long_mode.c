/*
 * 64-bit mode: descriptors, stacks and gates (Intel SDM vol. 3, 6.14 and 8.7), IRET, SYSCALL, SYSRET, SYSEXIT.
 * Of segment registers only the FS and GS bases matter to the hardware.
 */
#include "vcpu.h"

#define EFER_SCE (1ull << 0)

/* System types each instruction accepts in long mode (Intel SDM vol. 2, LAR table 3-53, LSL table 3-56). */
const u32 lar_system_types = 1u << SYSTEM_LDT | 1u << SYSTEM_TSS_AVAILABLE | 1u << SYSTEM_TSS_BUSY | 1u << SYSTEM_CALL_GATE;
const u32 lsl_system_types = 1u << SYSTEM_LDT | 1u << SYSTEM_TSS_AVAILABLE | 1u << SYSTEM_TSS_BUSY;
const bool null_stack_allowed = true;
const char *const register_names[GENERAL_REGISTERS] = {"rax ", " rcx ", " rdx ", " rbx ", "rsp ", " rbp ", " rsi ", " rdi ",
                                                       "r8  ", " r9  ", " r10 ", " r11 ", "r12 ", " r13 ", " r14 ", " r15 "};
const char address_name[] = "rip ", flags_name[] = " flg ";

bool canonical(u64 va)
{
    return (u64)((s64)(va << 16) >> 16) == va;
}

/* Descriptors of system segments are 16 bytes. */
struct fault read_system_part(u16 selector, u8 vector, struct descriptor *d)
{
    u64 va;

    if (!descriptor_va(selector, 16, &va))
        return fault_code(vector, selector & ~3u);
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

/* CS for a transfer that has made its privilege checks; the descriptor has been read. */
struct fault load_code(u16 selector, unsigned new_cpl, struct descriptor *d)
{
    if (!d->present)
        return fault_code(V_NP, selector & ~3u);
    if (!d->long_mode)
        stop_guest("the guest enters 32-bit code, which this module does not run", frame.rip);
    TRY(set_descriptor_bits(selector, DESCRIPTOR_ACCESSED));
    vcpu.selector[SEG_CS] = (selector & ~3u) | new_cpl;
    return NO_FAULT;
}

/* 64-bit TSS: RSP0 at 4, IST1 at 36 (Intel SDM vol. 3, 8.7). */
static struct fault stack_from_task(u32 offset, u64 *rsp)
{
    if (offset + 7 > vcpu.task.limit)
        return fault_code(V_TS, vcpu.task.selector & ~3u);
    return system_read(vcpu.task.base + offset, rsp, 8);
}

static struct fault stack_for_level(unsigned level, u64 *rsp)
{
    return stack_from_task(4 + 8 * level, rsp);
}

static struct fault stack_from_ist(unsigned ist, u64 *rsp)
{
    return stack_from_task(36 + 8 * (ist - 1), rsp);
}

#define GATE_INTERRUPT 14
#define GATE_TRAP 15
#define ERROR_IDT 2u

struct gate {
    u64 rip;
    u16 selector;
    u8 type, dpl, ist;
    bool present;
};

static struct fault read_gate(u8 vector, u32 error_bits, struct gate *gate)
{
    u64 words[2];

    if (vector * 16u + 15 > vcpu.idt.limit)
        return fault_code(V_GP, vector * 8u | error_bits);
    TRY(system_read(vcpu.idt.base + vector * 16u, words, 16));
    gate->rip = (words[0] & 0xffff) | ((words[0] >> 32) & 0xffff0000) | words[1] << 32;
    gate->selector = (words[0] >> 16) & 0xffff;
    gate->ist = (words[0] >> 32) & 7;
    gate->type = (words[0] >> 40) & 31;
    gate->dpl = (words[0] >> 45) & 3;
    gate->present = (words[0] >> 47) & 1;
    if (gate->type != GATE_INTERRUPT && gate->type != GATE_TRAP)
        return fault_code(V_GP, vector * 8u | error_bits);
    return NO_FAULT;
}

/* Faults push RF set, so that a breakpoint does not hit again; traps and interrupts do not (SDM vol. 3, 17.3.1.1). */
static bool is_fault_class(u8 vector)
{
    return vector != V_DB && vector != V_BP && vector != V_OF && vector != V_DF;
}

struct fault enter_vector(u8 vector, enum source source, bool has_error, u32 error)
{
    u32 external = source == SOURCE_SOFTWARE ? 0 : 1;
    struct gate gate;
    struct descriptor code;
    unsigned level;
    u64 rsp, image[6], flags;
    u16 new_ss = vcpu.selector[SEG_SS];
    unsigned words = has_error ? 6 : 5, first = has_error ? 0 : 1;

    TRY(read_gate(vector, ERROR_IDT | external, &gate));
    if (source == SOURCE_SOFTWARE && gate.dpl < cpl())
        return fault_code(V_GP, vector * 8u | ERROR_IDT);
    if (!gate.present)
        return fault_code(V_NP, vector * 8u | ERROR_IDT | external);
    if (!(gate.selector & ~3u))
        return fault_code(V_GP, external);
    TRY(read_descriptor(gate.selector, V_GP, &code));
    if (!code.code || code.dpl > cpl() || !code.long_mode)
        return fault_code(V_GP, (gate.selector & ~3u) | external);
    if (!code.present)
        return fault_code(V_NP, (gate.selector & ~3u) | external);
    level = code.conforming ? cpl() : code.dpl;

    rsp = frame.reg[RSP];
    if (level != cpl()) {
        new_ss = (u16)level; /* null selector with the new RPL */
        TRY(stack_for_level(level, &rsp));
    }
    if (gate.ist)
        TRY(stack_from_ist(gate.ist, &rsp));
    if (!canonical(rsp))
        return fault_code(V_SS, 0);
    rsp &= ~15ull;

    flags = guest_flags();
    image[0] = error;
    image[1] = frame.rip;
    image[2] = vcpu.selector[SEG_CS];
    image[3] = flags | (source == SOURCE_EXCEPTION && is_fault_class(vector) ? FLAG_RF : 0);
    image[4] = frame.reg[RSP];
    image[5] = vcpu.selector[SEG_SS];
    TRY(system_write(rsp - 8 * words, &image[first], 8 * words));
    TRY(load_code(gate.selector, level, &code));

    frame.reg[RSP] = rsp - 8 * words;
    frame.rip = gate.rip;
    vcpu.selector[SEG_SS] = new_ss;
    time_stamp_for_level(level);
    mmu_enter_level(level);
    set_guest_flags(0, FLAG_TF | FLAG_NT | (gate.type == GATE_INTERRUPT ? FLAG_IF : 0));
    return NO_FAULT;
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
