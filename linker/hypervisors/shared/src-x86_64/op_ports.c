/* Port instructions: the operand, then ports.c. Intel SDM vol. 2. */
#include "vcpu.h"

static u16 port_of(const struct row *row)
{
    return row->flags & ROW_IMMEDIATE ? (u16)row->immediate : (u16)frame.reg[RDX];
}

struct fault op_in(const struct row *row, u64 next_rip)
{
    (void)next_rip;
    TRY(io_allowed(port_of(row), row->width));
    set_register(RAX, row->width, port_in(port_of(row), row->width));
    return NO_FAULT;
}

struct fault op_out(const struct row *row, u64 next_rip)
{
    (void)next_rip;
    TRY(io_allowed(port_of(row), row->width));
    port_out(port_of(row), row->width, (u32)register_value(RAX, row->width));
    return NO_FAULT;
}

/* INS to (RDI), OUTS from segment:(RSI). A fault in the middle leaves the registers at the element that faulted. */
static struct fault string_port(const struct row *row, bool input)
{
    unsigned pointer = input ? RDI : RSI;
    unsigned address_bytes = row->address_bits / 8u;
    u64 step = frame.flags & FLAG_DF ? -(u64)row->width : row->width;
    u16 port = (u16)frame.reg[RDX];

    TRY(io_allowed(port, row->width));
    while (!(row->flags & ROW_REPEAT) || register_value(RCX, address_bytes)) {
        u64 va = register_value(pointer, address_bytes);
        u32 value = 0;

        if (!input && row->segment == SEG_FS)
            va += fs_base();
        if (!input && row->segment == SEG_GS)
            va += gs_base();
        if (input) {
            /* The destination is tried first: a port read cannot be taken back. */
            TRY(guest_writable(va, row->width));
            value = port_in(port, row->width);
            TRY(guest_write(va, &value, row->width));
        } else {
            TRY(guest_read(va, &value, row->width));
            port_out(port, row->width, value);
        }
        set_register(pointer, address_bytes, register_value(pointer, address_bytes) + step);
        if (!(row->flags & ROW_REPEAT))
            break;
        set_register(RCX, address_bytes, register_value(RCX, address_bytes) - 1);
    }
    return NO_FAULT;
}

struct fault op_ins(const struct row *row, u64 next_rip)
{
    (void)next_rip;
    return string_port(row, true);
}

struct fault op_outs(const struct row *row, u64 next_rip)
{
    (void)next_rip;
    return string_port(row, false);
}
