/* Event channels, as the shared page shows them. */
#include "xen.h"

/* Whether an event came on `port`; takes note of it. */
bool take_event(u32 port)
{
    u64 bit = 1ull << (port % 64);

    return (__atomic_fetch_and(&shared_info->evtchn_pending[port / 64], ~bit, __ATOMIC_SEQ_CST) & bit) != 0;
}
