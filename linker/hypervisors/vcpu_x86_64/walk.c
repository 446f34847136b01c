/* Guest-virtual addresses, by the guest's own tables (Intel SDM vol. 3, chapter 4: 4-level paging). */
#include "vcpu.h"

#define PTE_P (1ull << 0)
#define PTE_W (1ull << 1)
#define PTE_U (1ull << 2)
#define PTE_A (1ull << 5)
#define PTE_D (1ull << 6)
#define PTE_PS (1ull << 7)
#define PTE_NX (1ull << 63)

#define ERROR_P 1u
#define ERROR_W 2u
#define ERROR_U 4u
#define ERROR_RSVD 8u
#define ERROR_I 16u

#define EFER_NXE (1ull << 11)

static unsigned physical_bits;

static struct fault page_fault(u64 va, u32 error, enum access access, bool user)
{
    if (access == ACCESS_WRITE)
        error |= ERROR_W;
    if (access == ACCESS_FETCH && (vcpu.efer & EFER_NXE))
        error |= ERROR_I;
    if (user)
        error |= ERROR_U;
    return (struct fault){.raised = true, .vector = V_PF, .has_error = true, .error = error, .cr2 = va};
}

/* Intel SDM vol. 3, 4.5.4: frame bits the processor does not have, NX while it is off, large pages it does not offer. */
static u64 reserved_bits(int level, u64 value)
{
    u64 bits;

    if (!physical_bits)
        physical_bits = guest_physical_bits();
    bits = PTE_FRAME & ~((1ull << physical_bits) - 1);

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
            return page_fault(va, ERROR_P | ERROR_RSVD, access, user);
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
        return page_fault(va, ERROR_P, access, user);
    *entry |= PTE_A | (access == ACCESS_WRITE ? PTE_D : 0);
    result->dirty = (*entry & PTE_D) != 0;
    result->page_len = level ? LARGE_LEN : PAGE_LEN;
    result->pa = (*entry & PTE_FRAME & ~(result->page_len - 1)) | (va & (result->page_len - 1));
    return NO_FAULT;
}

static struct fault transfer(u64 va, void *buffer, u64 length, enum access access, bool user)
{
    u8 *bytes = buffer;

    while (length) {
        u64 part = PAGE_LEN - (va & (PAGE_LEN - 1));
        struct translation found;
        u8 *memory;

        if (part > length)
            part = length;
        if (!canonical(va))
            return fault_code(V_GP, 0);
        TRY(walk(va, access, user, &found));
        memory = physical(found.pa, part);
        if (!memory)
            stop_guest("the guest's tables map an address outside its memory", va);
        if (access == ACCESS_WRITE)
            copy_bytes(memory, bytes, part);
        else
            copy_bytes(bytes, memory, part);
        va += part;
        bytes += part;
        length -= part;
    }
    return NO_FAULT;
}

/* Whether [va, va + length), at most two pages, can be written. */
static struct fault check_writable(u64 va, u64 length, bool user)
{
    struct translation ignored;
    u64 last = va + length - 1;

    if (!canonical(va) || !canonical(last))
        return fault_code(V_GP, 0);
    TRY(walk(va, ACCESS_WRITE, user, &ignored));
    if ((va ^ last) & ~(PAGE_LEN - 1))
        TRY(walk(last & ~(PAGE_LEN - 1), ACCESS_WRITE, user, &ignored));
    return NO_FAULT;
}

struct fault guest_writable(u64 va, u64 length)
{
    return check_writable(va, length, cpl() == 3);
}

/* A write that spans pages must fault before its first byte is stored. */
static struct fault transfer_write(u64 va, const void *from, u64 length, bool user)
{
    TRY(check_writable(va, length, user));
    return transfer(va, (void *)from, length, ACCESS_WRITE, user);
}

struct fault guest_read(u64 va, void *to, u64 length)
{
    return transfer(va, to, length, ACCESS_READ, cpl() == 3);
}

struct fault guest_write(u64 va, const void *from, u64 length)
{
    return transfer_write(va, from, length, cpl() == 3);
}

struct fault system_read(u64 va, void *to, u64 length)
{
    return transfer(va, to, length, ACCESS_READ, false);
}

struct fault system_write(u64 va, const void *from, u64 length)
{
    return transfer_write(va, from, length, false);
}

