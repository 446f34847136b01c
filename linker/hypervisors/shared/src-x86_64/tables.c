/* The guest's page tables: 4 levels (Intel SDM vol. 3, 4.5). */
#include "vcpu.h"

#define PTE_P (1ull << 0)
#define PTE_W (1ull << 1)
#define PTE_U (1ull << 2)
#define PTE_A (1ull << 5)
#define PTE_D (1ull << 6)
#define PTE_PS (1ull << 7)
#define PTE_NX (1ull << 63)

#define EFER_NXE (1ull << 11)

bool fetches_are_told(void)
{
    return vcpu.efer & EFER_NXE;
}

/* Intel SDM vol. 3, 4.5.4: frame bits the processor does not have, NX while it is off, large pages it does not offer. */
static u64 reserved_bits(int level, u64 value)
{
    u64 bits = PTE_FRAME & ~((1ull << GUEST_PHYSICAL_BITS) - 1);

    if (!(vcpu.efer & EFER_NXE))
        bits |= PTE_NX;
    if (level >= 2)
        bits |= PTE_PS;
    if (level == 1 && (value & PTE_PS))
        bits |= LARGE_LEN - 1 - 0x1fff; /* below the frame, above the PAT bit */
    return bits;
}

/* One walk of the guest's tables, as the processor does it. `user`: the access has user privilege. */
struct fault walk(u64 va, enum access access, bool user, struct translation *result)
{
    u64 table = vcpu_cr[3] & PTE_FRAME;
    u64 *entry = NULL;
    int level;

    *result = (struct translation){.writable = true, .user = true, .executable = true};
    for (level = 3; level >= 0; level--) {
        unsigned index = (va >> (12 + 9 * level)) & 511;
        u64 value;

        entry = (u64 *)physical(table + index * 8, 8);
        if (!entry)
            stop_guest("a page table of the guest lies outside its memory", table + index * 8);
        value = *entry;
        if (!(value & PTE_P))
            return page_fault(va, 0, access, user);
        if (value & reserved_bits(level, value))
            return page_fault(va, PF_ERROR_P | PF_ERROR_RSVD, access, user);
        result->writable &= (value & PTE_W) != 0;
        result->user &= (value & PTE_U) != 0;
        result->executable &= !(value & PTE_NX);
        if (level == 0 || (value & PTE_PS))
            break;
        *entry = value | PTE_A;
        table = value & PTE_FRAME;
    }
    if ((user && !result->user) || (access == ACCESS_FETCH && !result->executable) ||
        (access == ACCESS_WRITE && !result->writable && (user || (vcpu_cr[0] & CR0_WP))))
        return page_fault(va, PF_ERROR_P, access, user);
    *entry |= PTE_A | (access == ACCESS_WRITE ? PTE_D : 0);
    result->dirty = (*entry & PTE_D) != 0;
    result->page_len = level ? LARGE_LEN : PAGE_LEN;
    result->pa = (*entry & PTE_FRAME & ~(result->page_len - 1)) | (va & (result->page_len - 1));
    return NO_FAULT;
}
