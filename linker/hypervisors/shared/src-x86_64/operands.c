/* Operands of a row: registers, addresses, the stack. A leaf: it asks the state and the guest's memory. */
#include "vcpu.h"

u64 register_value(unsigned number, unsigned bytes)
{
    u64 value = frame.reg[number];

    return bytes == 8 ? value : value & ((1ull << (8 * bytes)) - 1);
}

/* 32-bit writes clear the upper half, narrower ones keep the rest. */
void set_register(unsigned number, unsigned bytes, u64 value)
{
    uword *reg = &frame.reg[number];

    if (bytes == 8)
        *reg = (uword)value;
    else if (bytes == 4)
        *reg = (u32)value;
    else
        *reg = (*reg & ~((1ull << (8 * bytes)) - 1)) | (value & ((1ull << (8 * bytes)) - 1));
}

u64 operand_va(const struct row *row)
{
    u64 va = (u64)row->displacement;

    if (row->base >= 0)
        va += frame.reg[row->base];
    /* RIP-relative, made absolute for the linked address; code that runs elsewhere can have no absolute operand. */
    if (row->base < 0 && row->index < 0)
        va -= linked_va(frame.rip) - frame.rip;
    if (row->index >= 0)
        va += frame.reg[row->index] * row->scale;
    if (row->address_bits == 32)
        va = (u32)va;
    if (row->segment == SEG_FS)
        va += fs_base();
    if (row->segment == SEG_GS)
        va += gs_base();
    return (uword)va;
}

/* The source of an instruction whose operand number `operand` is r/m. */
struct fault read_rm(const struct row *row, unsigned operand, unsigned bytes, u64 *value)
{
    *value = 0;
    if (row->flags & ROW_MEMORY)
        return guest_read(operand_va(row), value, bytes);
    *value = register_value(row->reg[operand], bytes);
    return NO_FAULT;
}

/* Stores a system register: a register takes its full width, memory two bytes (SLDT, STR, SMSW, MOV from segment). */
struct fault store_word(const struct row *row, u64 value)
{
    if (row->flags & ROW_MEMORY)
        return guest_write(operand_va(row), &value, 2);
    set_register(row->reg[0], row->width, value);
    return NO_FAULT;
}

struct fault push(u64 value, unsigned bytes)
{
    TRY(guest_write(frame.reg[RSP] - bytes, &value, bytes));
    frame.reg[RSP] -= bytes;
    return NO_FAULT;
}

u64 stack_word(const u8 *bytes, unsigned index, unsigned width)
{
    u64 value = 0;

    copy_bytes(&value, bytes + (size_t)index * width, width);
    return value;
}
