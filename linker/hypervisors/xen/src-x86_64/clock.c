/* Xen's clock. */
#include "xen.h"

/* Nanoseconds since Xen started (xen.h, vcpu_time_info): Xen may change the record at any time; odd: being written. */
u64 host_now_ns(void)
{
    const volatile struct vcpu_time *t = &shared_info->vcpu[0].time;
    u32 version;
    u64 now, delta;

    do {
        version = t->version;
        __asm__ volatile("" : : : "memory");
        delta = __builtin_ia32_rdtsc() - t->tsc_timestamp;
        delta = t->tsc_shift < 0 ? delta >> -t->tsc_shift : delta << t->tsc_shift;
        now = t->system_time + (u64)(((unsigned __int128)delta * t->tsc_to_system_mul) >> 32);
        __asm__ volatile("" : : : "memory");
    } while ((version & 1) || version != t->version);
    return now;
}
