/* Debug registers: remembered; no breakpoint fires. The same in every mode. */
#include "vcpu.h"

#define CR4_DE (1ull << 3)

/* DR4 and DR5 are DR6 and DR7 unless CR4.DE is set. */
static struct fault debug_register(unsigned *number)
{
    if (*number == 4 || *number == 5) {
        if (vcpu_cr[4] & CR4_DE)
            return fault_plain(V_UD);
        *number += 2;
    }
    return NO_FAULT;
}

struct fault write_dr(unsigned number, u64 value)
{
    TRY(debug_register(&number));
    if (number >= 6 && value >> 32)
        return fault_code(V_GP, 0);
    if (number == 6)
        value = (value & 0xe00f) | 0xffff0ff0;
    if (number == 7)
        value = (value & 0xffff2bff) | 0x400;
    vcpu.dr[number] = value;
    return NO_FAULT;
}

struct fault read_dr(unsigned number, u64 *value)
{
    TRY(debug_register(&number));
    *value = vcpu.dr[number];
    return NO_FAULT;
}
