/* The host's timer, at the edges of the 8254's channel 0. */
#include "lol.h"

#define CLOCK_MONOTONIC 1
#define SIGALRM 14
#define TIMER_ABSTIME 1
#define NS 1000000000ull

static int host_timer;

struct timer_value {
    s64 interval_s, interval_ns, first_s, first_ns;
};

/* A POSIX timer at the edges of the 8254's channel 0. */
void host_arm_timer(u64 first_ns, u64 period_ns)
{
    struct timer_value value = {
        .interval_s = (s64)(period_ns / NS),
        .interval_ns = (s64)(period_ns % NS),
        .first_s = (s64)(first_ns / NS),
        .first_ns = (s64)(first_ns % NS),
    };

    host_call(SYS_timer_settime, host_timer, TIMER_ABSTIME, (long)&value, 0, 0, 0);
}

void timer_init(void)
{
    /* struct sigevent: value, signal, notify (0: SIGEV_SIGNAL), then padding to 64 bytes. */
    struct {
        uword value;
        int signal, notify;
        u8 rest[52];
    } event = {.signal = SIGALRM};

    if (host_call(SYS_timer_create, CLOCK_MONOTONIC, (long)&event, (long)&host_timer, 0, 0, 0) < 0) {
        say("previrt-lol: the host gives no timer\n");
        stop_exit(1);
    }
}
