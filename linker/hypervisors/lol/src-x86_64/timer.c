/* When the host interrupts the guest, and sleeping. */
#include "lol.h"

#define NS 1000000000ull
#define POLLIN 1

/* ---- what waits for the guest ---- */

static volatile u32 events; /* left by signals, taken up by update_pending() */

/* From a signal: something happened; whoever next looks at vcpu_pending finds out what. */
void note_event(enum event event)
{
    __atomic_or_fetch(&events, event, __ATOMIC_SEQ_CST);
    vcpu_pending = 1;
}

/* A signal may come between any two of these lines; it sets vcpu_pending, so clearing goes first. */
void recompute_pending(void)
{
    vcpu_pending = 0;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (events || pic_wants_interrupt())
        vcpu_pending = 1;
}

static void input_ready(void)
{
    terminal_input_ready();
    uart_input_ready();
}

void update_pending(void)
{
    if (__atomic_exchange_n(&events, 0, __ATOMIC_SEQ_CST) & EVENT_INPUT)
        input_ready();
    timer_expired();
    recompute_pending();
}

struct poll_fd {
    int fd;
    short events, returned;
};

/* hlt: sleeps until the PIC has something, by the timer's next edge or by input. */
void machine_sleep(void)
{
    for (;;) {
        struct poll_fd input = {.fd = terminal_input_fd(), .events = POLLIN};
        s64 left, timeout[2];

        update_pending();
        if (pic_wants_interrupt())
            return;
        left = timer_next_ns();
        timeout[0] = left / (s64)NS;
        timeout[1] = left % (s64)NS;
        if (host_call(SYS_ppoll, (long)&input, terminal_has_input() && uart_wants_input() ? 1 : 0, left < 0 ? 0 : (long)timeout, 0, 8, 0) > 0)
            input_ready();
    }
}

