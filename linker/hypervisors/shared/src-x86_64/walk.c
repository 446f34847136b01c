/* Guest-virtual addresses: reads and writes by the guest's own tables, which walk() in tables.c follows. */
#include "vcpu.h"

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

