/*
 * 32-bit protected mode: segments, stacks and gates (Intel SDM vol. 3, 6.12 and 8.2), IRET. The hardware's own CS, DS, ES
 * and SS stay the host's flat ones, so the guest's must be flat as well; FS and GS become what the guest makes them.
 */
#include "vcpu.h"

#define FLAG_VM (1u << 17)
#define DESCRIPTOR_BIG (1ull << 54)
#define GATE_TASK 5
#define GATE_INTERRUPT16 6
#define GATE_TRAP16 7
#define GATE_INTERRUPT 14
#define GATE_TRAP 15
#define ERROR_IDT 2u

/* System types each instruction accepts (Intel SDM vol. 2, LAR table 3-53, LSL table 3-56). */
const u32 lar_system_types = 1u << SYSTEM_TSS16_AVAILABLE | 1u << SYSTEM_LDT | 1u << SYSTEM_TSS16_BUSY | 1u << SYSTEM_CALL_GATE16 |
                             1u << SYSTEM_TASK_GATE | 1u << SYSTEM_TSS_AVAILABLE | 1u << SYSTEM_TSS_BUSY | 1u << SYSTEM_CALL_GATE;
const u32 lsl_system_types = 1u << SYSTEM_TSS16_AVAILABLE | 1u << SYSTEM_LDT | 1u << SYSTEM_TSS16_BUSY | 1u << SYSTEM_TSS_AVAILABLE |
                             1u << SYSTEM_TSS_BUSY;
const bool null_stack_allowed = false;
const char *const register_names[GENERAL_REGISTERS] = {"eax ", " ecx ", " edx ", " ebx ", "esp ", " ebp ", " esi ", " edi "};
const char address_name[] = "eip ", flags_name[] = " flg ";

bool canonical(u64 va)
{
    return (uword)va == va;
}

/* Descriptors of system segments are as long as the others. */
struct fault read_system_part(u16 selector, u8 vector, struct descriptor *d)
{
    (void)selector, (void)vector, (void)d;
    return NO_FAULT;
}

static void require_flat(const struct descriptor *d)
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

/* CS for a transfer that has made its privilege checks; the descriptor has been read. */
struct fault load_code(u16 selector, unsigned new_cpl, struct descriptor *d)
{
    if (!d->present)
        return fault_code(V_NP, selector & ~3u);
    if (!(d->low & DESCRIPTOR_BIG))
        stop_guest("the guest enters 16-bit code, which this module does not run", frame.rip);
    require_flat(d);
    TRY(set_descriptor_bits(selector, DESCRIPTOR_ACCESSED));
    vcpu.selector[SEG_CS] = (selector & ~3u) | new_cpl;
    return NO_FAULT;
}

/* 32-bit TSS: ESP0 at 4, SS0 at 8 (Intel SDM vol. 3, 8.2.1). */
static struct fault stack_for_level(unsigned level, u32 *esp, u16 *ss)
{
    u32 offset = 4 + 8 * level;
    struct descriptor d;

    if (offset + 5 > vcpu.task.limit)
        return fault_code(V_TS, vcpu.task.selector & ~3u);
    TRY(system_read(vcpu.task.base + offset, esp, 4));
    TRY(system_read(vcpu.task.base + offset + 4, ss, 2));
    if (!(*ss & ~3u))
        return fault_code(V_TS, 0);
    TRY(read_descriptor(*ss, V_TS, &d));
    if ((*ss & 3u) != level || d.dpl != level || !d.is_code_or_data || d.code || !d.writable_or_readable)
        return fault_code(V_TS, *ss & ~3u);
    if (!d.present)
        return fault_code(V_SS, *ss & ~3u);
    require_flat(&d);
    return NO_FAULT;
}

struct gate {
    u32 eip;
    u16 selector;
    u8 type, dpl;
    bool present;
};

static struct fault read_gate(u8 vector, u32 error_bits, struct gate *gate)
{
    u64 word;

    if (vector * 8u + 7 > vcpu.idt.limit)
        return fault_code(V_GP, vector * 8u | error_bits);
    TRY(system_read(vcpu.idt.base + vector * 8u, &word, 8));
    gate->eip = (u32)((word & 0xffff) | ((word >> 32) & 0xffff0000));
    gate->selector = (word >> 16) & 0xffff;
    gate->type = (word >> 40) & 31;
    gate->dpl = (word >> 45) & 3;
    gate->present = (word >> 47) & 1;
    if (gate->type == GATE_TASK || gate->type == GATE_INTERRUPT16 || gate->type == GATE_TRAP16)
        stop_guest("the guest uses a task gate or a 16-bit gate, which this module does not have", frame.rip);
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
    unsigned level, first = has_error ? 0 : 1, end = 4;
    u32 image[6], esp = frame.reg[RSP];
    u16 new_ss = vcpu.selector[SEG_SS];

    TRY(read_gate(vector, ERROR_IDT | external, &gate));
    if (source == SOURCE_SOFTWARE && gate.dpl < cpl())
        return fault_code(V_GP, vector * 8u | ERROR_IDT);
    if (!gate.present)
        return fault_code(V_NP, vector * 8u | ERROR_IDT | external);
    if (!(gate.selector & ~3u))
        return fault_code(V_GP, external);
    TRY(read_descriptor(gate.selector, V_GP, &code));
    if (!code.code || code.dpl > cpl())
        return fault_code(V_GP, (gate.selector & ~3u) | external);
    if (!code.present)
        return fault_code(V_NP, (gate.selector & ~3u) | external);
    level = code.conforming ? cpl() : code.dpl;

    image[0] = error;
    image[1] = frame.rip;
    image[2] = vcpu.selector[SEG_CS];
    image[3] = (u32)guest_flags() | (source == SOURCE_EXCEPTION && is_fault_class(vector) ? FLAG_RF : 0);
    if (level != cpl()) {
        image[4] = frame.reg[RSP];
        image[5] = vcpu.selector[SEG_SS];
        end = 6;
        TRY(stack_for_level(level, &esp, &new_ss));
    }
    esp -= 4 * (end - first);
    TRY(system_write(esp, &image[first], 4 * (end - first)));
    TRY(load_code(gate.selector, level, &code));

    frame.reg[RSP] = esp;
    frame.rip = gate.eip;
    vcpu.selector[SEG_SS] = new_ss;
    time_stamp_for_level(level);
    mmu_enter_level(level);
    set_guest_flags(0, FLAG_TF | FLAG_NT | (gate.type == GATE_INTERRUPT ? FLAG_IF : 0));
    return NO_FAULT;
}

struct fault op_iret(unsigned width)
{
    u8 image[12], outer[8];
    u32 eip, esp, flags;
    u16 cs, ss = 0;
    unsigned old_level = cpl(), level;
    struct descriptor code;

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
struct fault op_sysret(unsigned width)
{
    (void)width;
    return fault_plain(V_UD);
}

struct fault op_sysexit(unsigned width)
{
    (void)width;
    return fault_plain(V_UD);
}
