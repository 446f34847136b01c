/* What sites ask for: the C ends of entry.S's long ways. */
#include "classes.h"
#include "lol.h"

EXPORT u64 lol_row;        /* set by the stub that jumped here: address of its row */
EXPORT u64 lol_site_start; /* set by a stub of the jump form: address of its site */

#define CALL_LEN 5 /* e8 rel32 and e9 rel32 */

void slow_deliver(void);
void slow_popf(void);
void slow_hlt(void);
void slow_emulate_call(void);
void slow_emulate_jump(void);
void slow_sti(void);

static void work(const struct row *row, u64 start_va)
{
    struct fault fault;

    frame.rip = start_va;
    take_host_flags(frame.flags);
    fault = emulate(row, start_va + CALL_LEN);
    if (fault.raised)
        raise(fault);
    recompute_pending();
}

/* Undoes the call: the return address was pushed by the site itself, so it can be read directly. */
static u64 take_return(void)
{
    uword next_rip = *(uword *)frame.reg[RSP];

    frame.reg[RSP] += sizeof(uword);
    return next_rip;
}

void slow_emulate_call(void)
{
    early_take_below(); /* the return address says it */
    work((const struct row *)(uword)lol_row, take_return() - CALL_LEN);
}

void slow_emulate_jump(void)
{
    work((const struct row *)(uword)lol_row, lol_site_start - early_take_below());
}

void slow_deliver(void)
{
    deliver_interrupts();
}

static void work_simple(u16 class_number)
{
    struct row row = {.class_number = class_number, .width = sizeof(uword)};

    early_take_below();
    work(&row, take_return() - CALL_LEN);
}

void slow_popf(void)
{
    work_simple(CLASS_POPF);
}

void slow_hlt(void)
{
    work_simple(CLASS_HLT);
}

/* sti with an interrupt pending: the instruction behind it runs first, as on hardware; then the interrupt is taken. */
void slow_sti(void)
{
    frame.rip = take_return();
    take_host_flags(frame.flags);
    deliver_after_next_instruction();
}
