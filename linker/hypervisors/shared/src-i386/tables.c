/* The guest's page tables: none, or 2 levels of 32-bit entries (Intel SDM vol. 3, 4.3). */
#include "vcpu.h"

#define PTE_P (1u << 0)
#define PTE_W (1u << 1)
#define PTE_U (1u << 2)
#define PTE_A (1u << 5)
#define PTE_D (1u << 6)
#define PTE_PS (1u << 7)
#define LARGE_RESERVED 0x003fe000u /* PSE-36 is not offered */

#define CR0_PG (1u << 31)
#define CR4_PSE (1u << 4)

/* Error codes tell of fetches only where NX or SMEP is on; neither is here. */
bool fetches_are_told(void)
{
    return false;
}

/* An entry of a table; its accessed bit is set. */
static u32 *entry_of(u32 table_pa, u32 index)
{
    u32 *entry = (u32 *)physical(table_pa + index * 4ull, 4);

    if (!entry)
        stop_guest("a page table of the guest lies outside its memory", table_pa + index * 4ull);
    return entry;
}

struct fault walk(u64 va, enum access access, bool user, struct translation *result)
{
    u32 *entry, value;
    bool large;

    *result = (struct translation){.pa = va, .page_len = LARGE_LEN, .writable = true, .user = true, .executable = true, .dirty = true};
    if (!(vcpu_cr[0] & CR0_PG))
        return NO_FAULT;
    entry = entry_of((u32)vcpu_cr[3] & ~0xfffu, (u32)va >> 22);
    value = *entry;
    if (!(value & PTE_P))
        return page_fault(va, 0, access, user);
    large = (value & PTE_PS) && (vcpu_cr[4] & CR4_PSE);
    if (large && (value & LARGE_RESERVED))
        return page_fault(va, PF_ERROR_P | PF_ERROR_RSVD, access, user);
    result->writable = value & PTE_W;
    result->user = value & PTE_U;
    if (!large) {
        *entry = value | PTE_A;
        entry = entry_of(value & ~0xfffu, (u32)va >> 12 & 1023);
        value = *entry;
        if (!(value & PTE_P))
            return page_fault(va, 0, access, user);
        result->writable &= (value & PTE_W) != 0;
        result->user &= (value & PTE_U) != 0;
        result->page_len = PAGE_LEN;
    }
    if ((user && !result->user) || (access == ACCESS_WRITE && !result->writable && (user || (vcpu_cr[0] & CR0_WP))))
        return page_fault(va, PF_ERROR_P, access, user);
    *entry |= PTE_A | (access == ACCESS_WRITE ? PTE_D : 0);
    result->dirty = *entry & PTE_D;
    result->pa = (*entry & ~(u32)(result->page_len - 1)) | (va & (result->page_len - 1));
    return NO_FAULT;
}
