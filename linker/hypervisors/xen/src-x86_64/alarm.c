/* Xen's timer, which an event tells of. */
#include "xen.h"

void host_arm_timer(u64 first_ns, u64 period_ns)
{
    (void)period_ns; /* each event sets the next */
    require(hypercall(H_SET_TIMER_OP, first_ns, 0, 0, 0), "Xen sets no timer");
}
