/* What Xen must do, or the guest stops. */
#include "xen.h"

void require(long result, const char *what)
{
    if (result < 0)
        stop_guest(what, (u64)result);
}
