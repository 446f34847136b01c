/* 64-bit mode: gates, the stacks that they switch to (Intel SDM vol. 3, 6.14 and 8.7), and CS. */
#include "vcpu.h"

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
