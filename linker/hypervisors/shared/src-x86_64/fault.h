/* Exceptions of the guest: the outcome of an operation, done or to be raised at the instruction. */
#ifndef VCPU_FAULT_H
#define VCPU_FAULT_H

#include "types.h"

enum {
    V_DE = 0, V_DB = 1, V_BP = 3, V_OF = 4, V_BR = 5, V_UD = 6, V_NM = 7, V_DF = 8, V_TS = 10, V_NP = 11, V_SS = 12,
    V_GP = 13, V_PF = 14, V_MF = 16, V_AC = 17, V_XM = 19,
};

struct fault {
    bool raised;
    u8 vector;
    bool has_error;
    u32 error;
    u64 cr2; /* for V_PF */
};

#define NO_FAULT ((struct fault){0})

static inline struct fault fault_code(u8 vector, u32 error)
{
    return (struct fault){.raised = true, .vector = vector, .has_error = true, .error = error};
}

static inline struct fault fault_plain(u8 vector)
{
    return (struct fault){.raised = true, .vector = vector};
}

/* Evaluate, and hand a fault to the caller's caller. */
#define TRY(expression)                    \
    do {                                   \
        struct fault try_ = (expression);  \
        if (try_.raised)                   \
            return try_;                   \
    } while (0)

#endif
