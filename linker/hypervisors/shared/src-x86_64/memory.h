/* Guest-virtual addresses (walk.c) by the guest's page tables (tables.c). */
#ifndef VCPU_MEMORY_H
#define VCPU_MEMORY_H

#include "fault.h"

enum access { ACCESS_READ = 0, ACCESS_WRITE = 2, ACCESS_FETCH = 16 };

#define PAGE_LEN 4096ull
#define PTE_FRAME 0x000ffffffffff000ull

struct translation {
    u64 pa;
    u64 page_len;
    bool writable, user, executable, dirty;
};

/* Error code of #PF (Intel SDM vol. 3, 4.7). */
#define PF_ERROR_P 1u
#define PF_ERROR_W 2u
#define PF_ERROR_U 4u
#define PF_ERROR_RSVD 8u
#define PF_ERROR_I 16u

bool fetches_are_told(void); /* tables.c: whether error codes have PF_ERROR_I */
struct fault walk(u64 va, enum access access, bool user, struct translation *result);
struct fault guest_read(u64 va, void *to, u64 length);
struct fault guest_write(u64 va, const void *from, u64 length);
struct fault guest_writable(u64 va, u64 length); /* what guest_write would say */
struct fault system_read(u64 va, void *to, u64 length); /* as the CPU itself: supervisor whatever the CPL */
struct fault system_write(u64 va, const void *from, u64 length);

static inline struct fault page_fault(u64 va, u32 error, enum access access, bool user)
{
    if (access == ACCESS_WRITE)
        error |= PF_ERROR_W;
    if (access == ACCESS_FETCH && fetches_are_told())
        error |= PF_ERROR_I;
    if (user)
        error |= PF_ERROR_U;
    return (struct fault){.raised = true, .vector = V_PF, .has_error = true, .error = error, .cr2 = va};
}

static inline bool canonical(u64 va)
{
    return IS_CANONICAL(va);
}

#endif
