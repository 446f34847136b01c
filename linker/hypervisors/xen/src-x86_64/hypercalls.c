/* Hypercalls, through the page that Xen fills (note HYPERCALL_PAGE); counted. */
#include "xen.h"

extern u8 hypercall_stubs[] HIDDEN;

u64 hypercall_counts[HYPERCALLS];

/* Arguments in RDI, RSI, RDX, R10; the result in RAX (arch-x86/xen-x86_64.h). Xen may change the argument registers. */
long hypercall(unsigned number, u64 a, u64 b, u64 c, u64 d)
{
    register u64 r10 __asm__("r10") = d;
    u64 at = (u64)hypercall_stubs + number * HYPERCALL_STUB_LEN;

    hypercall_counts[number]++;
    __asm__ volatile("call *%0" : "+a"(at), "+D"(a), "+S"(b), "+d"(c), "+r"(r10) : : "rcx", "r8", "r9", "r11", "memory");
    return (long)at;
}

u64 hypercall_total(void)
{
    u64 total = 0;
    unsigned i;

    for (i = 0; i < HYPERCALLS; i++)
        total += hypercall_counts[i];
    return total;
}
