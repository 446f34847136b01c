/* 64-bit division, which the compiler calls by these names (libgcc's) where the processor has none. */
#include "vcpu.h"

u64 __udivmoddi4(u64 n, u64 d, u64 *rest);
s64 __divmoddi4(s64 n, s64 d, s64 *rest);
u64 __udivdi3(u64 n, u64 d);
u64 __umoddi3(u64 n, u64 d);
s64 __divdi3(s64 n, s64 d);
s64 __moddi3(s64 n, s64 d);

/* A bit of the quotient at a time. */
u64 __udivmoddi4(u64 n, u64 d, u64 *rest)
{
    u64 quotient = 0, remainder = 0;
    int bit;

    for (bit = 63; bit >= 0; bit--) {
        bool carry = remainder >> 63;

        remainder = remainder << 1 | (n >> bit & 1);
        if (carry || remainder >= d) {
            remainder -= d;
            quotient |= 1ull << bit;
        }
    }
    if (rest)
        *rest = remainder;
    return quotient;
}

u64 __udivdi3(u64 n, u64 d)
{
    return __udivmoddi4(n, d, NULL);
}

u64 __umoddi3(u64 n, u64 d)
{
    u64 rest;

    __udivmoddi4(n, d, &rest);
    return rest;
}

static u64 magnitude(s64 value)
{
    return value < 0 ? -(u64)value : (u64)value;
}

/* Truncates towards zero; the rest has the sign of `n`. */
s64 __divmoddi4(s64 n, s64 d, s64 *rest)
{
    u64 remainder, quotient = __udivmoddi4(magnitude(n), magnitude(d), &remainder);

    *rest = (s64)(n < 0 ? -remainder : remainder);
    return (s64)((n < 0) != (d < 0) ? -quotient : quotient);
}

s64 __divdi3(s64 n, s64 d)
{
    s64 rest;

    return __divmoddi4(n, d, &rest);
}

s64 __moddi3(s64 n, s64 d)
{
    s64 rest;

    __divmoddi4(n, d, &rest);
    return rest;
}
