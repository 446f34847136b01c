/* Sites: what `int $0x80` in the guest's text, or in an entry that sites call, stands for. */
#include "classes.h"
#include "xen.h"

#define CALL_LEN 5 /* e8 rel32 */
#define TRAP_LEN 2 /* cd 80 */

extern u8 sti_trapped[] HIDDEN, popf_trapped[] HIDDEN;

static void work(const struct row *row, u64 start_va, u64 next_rip)
{
    u64 before = hypercall_total();
    struct fault fault;

    frame.rip = start_va;
    fault = emulate(row, next_rip);
    if (fault.raised)
        raise(fault);
    count_operation(row, before);
}

/* Undoes the call of a short entry, which has used the stack already. */
static u64 take_return(void)
{
    u64 next_rip = 0;

    if (guest_read(frame.reg[RSP], &next_rip, 8).raised)
        stop_guest("a site's return address is gone", frame.reg[RSP]);
    frame.reg[RSP] += 8;
    return next_rip;
}

/* RIP is behind the trap. */
void site_trapped(void)
{
    u64 start_va = frame.rip - TRAP_LEN, linked = linked_va(frame.rip);
    const struct site *site = cpl() == 0 ? site_at(linked - TRAP_LEN) : NULL;
    struct fault fault;
    struct row row;

    if (linked == (u64)sti_trapped) {
        /* The instruction behind sti runs first, as on hardware; then the interrupt is taken. */
        frame.rip = take_return();
        deliver_after_next_instruction();
    } else if (linked == (u64)popf_trapped) {
        static const struct row popf = {.class_number = CLASS_POPF, .width = 8};
        u64 next_rip = take_return();

        work(&popf, next_rip - CALL_LEN, next_rip);
    } else if (site && (site_start_va(site) == linked - TRAP_LEN || site_start_va(site) + site->length == linked)) {
        /* In front of the padding, or behind it: there too a fault is the site's. */
        bool shadow = site_row(site)->class_number == CLASS_STI && !vcpu_vif_word;

        work(site_row(site), frame.rip - (linked - site_start_va(site)), frame.rip);
        if (shadow && vcpu_vif_word)
            deliver_after_next_instruction();
    } else if (cpl() == 0 && carried_row(start_va, SITE_TRAP, &row)) {
        work(&row, start_va, frame.rip + CARRIED_LEN);
    } else { /* int $0x80 of the guest's own */
        u64 next_rip = frame.rip;

        frame.rip = start_va;
        fault = software_interrupt(TRAP_SITE, next_rip);
        if (fault.raised)
            raise(fault);
    }
}
