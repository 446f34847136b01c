/* Exceptions and interrupts: what is delivered, and when. How a gate is entered: gates.c. */
#include "vcpu.h"

static bool contributory(u8 vector)
{
    return vector == V_DE || (vector >= V_TS && vector <= V_GP);
}

/* Delivers an exception; faults met on the way become what table 6-5 of the SDM says, in the end a triple fault. */
void raise(struct fault fault)
{
    for (;;) {
        struct fault second;

        if (fault.vector == V_PF)
            vcpu_cr[2] = fault.cr2;
        second = enter_vector(fault.vector, SOURCE_EXCEPTION, fault.has_error, fault.error);
        if (!second.raised)
            return;
        if (fault.vector == V_DF)
            stop_guest("triple fault: the guest's double fault handler cannot be entered", 0);
        if (second.vector == V_PF)
            vcpu_cr[2] = second.cr2;
        if ((contributory(fault.vector) && contributory(second.vector)) ||
            (fault.vector == V_PF && (second.vector == V_PF || contributory(second.vector))))
            fault = fault_code(V_DF, 0);
        else
            fault = second;
    }
}

/* INT n, INT3: the frame's RIP is behind the instruction; a fault stands at the instruction itself. */
struct fault software_interrupt(u8 vector, u64 next_rip)
{
    u64 rip = frame.rip;
    struct fault fault;

    frame.rip = next_rip;
    fault = enter_vector(vector, SOURCE_SOFTWARE, false, 0);
    if (fault.raised)
        frame.rip = rip;
    return fault;
}

struct fault op_int(const struct row *row, u64 next_rip)
{
    return software_interrupt((u8)row->immediate, next_rip);
}

struct fault op_int3(const struct row *row, u64 next_rip)
{
    (void)row;
    return software_interrupt(V_BP, next_rip);
}

bool interrupt_deliverable(void)
{
    return vcpu_vif_word && pic_wants_interrupt();
}

void deliver_interrupts(void)
{
    struct fault fault;

    update_pending();
    if (!interrupt_deliverable())
        return;
    fault = enter_vector(pic_acknowledge(), SOURCE_EXTERNAL, false, 0);
    if (fault.raised)
        raise(fault);
    update_pending();
}
