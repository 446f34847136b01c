/* Segment registers, descriptor tables, the FS and GS bases. Intel SDM vol. 2. */
#include "vcpu.h"

#define CR4_FSGSBASE (1ull << 16)

static struct fault load_table(const struct row *row, struct table_register *table)
{
    u8 image[2 + sizeof(uword)];

    TRY(guest_read(operand_va(row), image, sizeof image));
    table->base = 0;
    copy_bytes(&table->limit, image, 2);
    copy_bytes(&table->base, image + 2, sizeof(uword));
    return NO_FAULT;
}

static struct fault store_table(const struct row *row, const struct table_register *table)
{
    u8 image[2 + sizeof(uword)];

    copy_bytes(image, &table->limit, 2);
    copy_bytes(image + 2, &table->base, sizeof(uword));
    return guest_write(operand_va(row), image, sizeof image);
}

struct fault op_lgdt(const struct row *row, u64 next_rip)
{
    (void)next_rip;
    return load_table(row, &vcpu.gdt);
}

struct fault op_lidt(const struct row *row, u64 next_rip)
{
    (void)next_rip;
    return load_table(row, &vcpu.idt);
}

struct fault op_sgdt(const struct row *row, u64 next_rip)
{
    (void)next_rip;
    return store_table(row, &vcpu.gdt);
}

struct fault op_sidt(const struct row *row, u64 next_rip)
{
    (void)next_rip;
    return store_table(row, &vcpu.idt);
}

struct fault op_lldt(const struct row *row, u64 next_rip)
{
    u64 selector;

    (void)next_rip;
    TRY(read_rm(row, 0, 2, &selector));
    return load_ldt((u16)selector);
}

struct fault op_ltr(const struct row *row, u64 next_rip)
{
    u64 selector;

    (void)next_rip;
    TRY(read_rm(row, 0, 2, &selector));
    return load_task((u16)selector);
}

struct fault op_sldt(const struct row *row, u64 next_rip)
{
    (void)next_rip;
    return store_word(row, vcpu.ldt.selector);
}

struct fault op_str(const struct row *row, u64 next_rip)
{
    (void)next_rip;
    return store_word(row, vcpu.task.selector);
}

struct fault op_mov_from_seg(const struct row *row, u64 next_rip)
{
    (void)next_rip;
    return store_word(row, vcpu.selector[row->reg[row->flags & ROW_MEMORY ? 0 : 1]]);
}

struct fault op_mov_to_seg(const struct row *row, u64 next_rip)
{
    u64 selector;

    (void)next_rip;
    TRY(read_rm(row, 1, 2, &selector));
    return load_segment(row->reg[0], (u16)selector);
}

struct fault op_push_seg(const struct row *row, u64 next_rip)
{
    (void)next_rip;
    return push(vcpu.selector[row->reg[0]], row->width);
}

struct fault op_pop_seg(const struct row *row, u64 next_rip)
{
    u64 selector = 0;

    (void)next_rip;
    TRY(guest_read(frame.reg[RSP], &selector, 2));
    TRY(load_segment(row->reg[0], (u16)selector));
    frame.reg[RSP] += row->width;
    return NO_FAULT;
}

/* C4 LES, C5 LDS, 0F B2 LSS, 0F B4 LFS, 0F B5 LGS. No prefix looks like one of them. */
static unsigned far_pointer_segment(const struct row *row)
{
    unsigned i = 0;

    while (row->code[i] != 0x0f && (row->code[i] & 0xfe) != 0xc4)
        i++;
    if (row->code[i] != 0x0f)
        return row->code[i] == 0xc4 ? SEG_ES : SEG_DS;
    return row->code[i + 1] == 0xb2 ? SEG_SS : row->code[i + 1] == 0xb4 ? SEG_FS : SEG_GS;
}

struct fault op_load_far_pointer(const struct row *row, u64 next_rip)
{
    u8 image[10];
    u64 offset = 0;
    u16 selector;

    (void)next_rip;
    TRY(guest_read(operand_va(row), image, row->width + 2u));
    copy_bytes(&offset, image, row->width);
    copy_bytes(&selector, image + row->width, 2);
    TRY(load_segment(far_pointer_segment(row), selector));
    set_register(row->reg[0], row->width, offset);
    return NO_FAULT;
}

static struct fault inspect(const struct row *row, unsigned operand)
{
    u64 selector;

    TRY(read_rm(row, operand, 2, &selector));
    return inspect_selector(row, (u16)selector);
}

struct fault op_verr(const struct row *row, u64 next_rip)
{
    (void)next_rip;
    return inspect(row, 0);
}

struct fault op_verw(const struct row *row, u64 next_rip)
{
    (void)next_rip;
    return inspect(row, 0);
}

struct fault op_lar(const struct row *row, u64 next_rip)
{
    (void)next_rip;
    return inspect(row, 1);
}

struct fault op_lsl(const struct row *row, u64 next_rip)
{
    (void)next_rip;
    return inspect(row, 1);
}

struct fault op_swapgs(const struct row *row, u64 next_rip)
{
    u64 base = gs_base();

    (void)row;
    (void)next_rip;
    set_gs_base(vcpu.kernel_gs_base);
    vcpu.kernel_gs_base = base;
    return NO_FAULT;
}

struct fault op_rdfsbase(const struct row *row, u64 next_rip)
{
    (void)next_rip;
    if (!(vcpu_cr[4] & CR4_FSGSBASE))
        return fault_plain(V_UD);
    set_register(row->reg[0], row->width, fs_base());
    return NO_FAULT;
}

struct fault op_rdgsbase(const struct row *row, u64 next_rip)
{
    (void)next_rip;
    if (!(vcpu_cr[4] & CR4_FSGSBASE))
        return fault_plain(V_UD);
    set_register(row->reg[0], row->width, gs_base());
    return NO_FAULT;
}

struct fault op_wrfsbase(const struct row *row, u64 next_rip)
{
    u64 value = register_value(row->reg[0], row->width);

    (void)next_rip;
    if (!(vcpu_cr[4] & CR4_FSGSBASE))
        return fault_plain(V_UD);
    if (!canonical(value))
        return fault_code(V_GP, 0);
    set_fs_base(value);
    return NO_FAULT;
}

struct fault op_wrgsbase(const struct row *row, u64 next_rip)
{
    u64 value = register_value(row->reg[0], row->width);

    (void)next_rip;
    if (!(vcpu_cr[4] & CR4_FSGSBASE))
        return fault_plain(V_UD);
    if (!canonical(value))
        return fault_code(V_GP, 0);
    set_gs_base(value);
    return NO_FAULT;
}
