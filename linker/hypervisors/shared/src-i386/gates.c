/* 32-bit protected mode: gates, the stacks that they switch to (Intel SDM vol. 3, 6.12 and 8.2), and CS. */
#include "vcpu.h"

#define DESCRIPTOR_BIG (1ull << 54)
#define GATE_TASK 5
#define GATE_INTERRUPT16 6
#define GATE_TRAP16 7
#define GATE_INTERRUPT 14
#define GATE_TRAP 15
#define ERROR_IDT 2u

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
