/*
 * One sensitive instruction, worked on `frame` and the virtual CPU. A fault leaves both as they were, so that it can be
 * raised at the instruction. Also the C ends of entry.S's long ways.
 */
#include "classes.h"
#include "vcpu.h"

/* ---- operands ---- */

static u64 register_value(unsigned number, unsigned bytes)
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
static struct fault read_rm(const struct row *row, unsigned operand, unsigned bytes, u64 *value)
{
    *value = 0;
    if (row->flags & ROW_MEMORY)
        return guest_read(operand_va(row), value, bytes);
    *value = register_value(row->reg[operand], bytes);
    return NO_FAULT;
}

/* Stores a system register: a register takes its full width, memory two bytes (SLDT, STR, SMSW, MOV from segment). */
static struct fault store_word(const struct row *row, u64 value)
{
    if (row->flags & ROW_MEMORY)
        return guest_write(operand_va(row), &value, 2);
    set_register(row->reg[0], row->width, value);
    return NO_FAULT;
}

static struct fault push(u64 value, unsigned bytes)
{
    TRY(guest_write(frame.reg[RSP] - bytes, &value, bytes));
    frame.reg[RSP] -= bytes;
    return NO_FAULT;
}

/* ---- operations ---- */

static struct fault op_pushf(unsigned bytes)
{
    return push(guest_flags(), bytes);
}

static struct fault op_popf(unsigned bytes)
{
    u64 flags = 0;

    TRY(guest_read(frame.reg[RSP], &flags, bytes));
    set_guest_flags(flags, changeable_flags(cpl()) & (bytes == 2 ? 0xffff : ~0ull));
    frame.reg[RSP] += bytes;
    return NO_FAULT;
}

static struct fault op_load_table(const struct row *row, struct table_register *table)
{
    u8 image[2 + sizeof(uword)];

    TRY(guest_read(operand_va(row), image, sizeof image));
    table->base = 0;
    copy_bytes(&table->limit, image, 2);
    copy_bytes(&table->base, image + 2, sizeof(uword));
    return NO_FAULT;
}

static struct fault op_store_table(const struct row *row, const struct table_register *table)
{
    u8 image[2 + sizeof(uword)];

    copy_bytes(image, &table->limit, 2);
    copy_bytes(image + 2, &table->base, sizeof(uword));
    return guest_write(operand_va(row), image, sizeof image);
}

static struct fault op_lmsw(const struct row *row)
{
    u64 value;

    TRY(read_rm(row, 0, 2, &value));
    /* PE can be set, never cleared. */
    return write_cr(0, (vcpu_cr[0] & ~0xeull) | (value & 0xf));
}

static u16 port_of(const struct row *row)
{
    return row->flags & ROW_IMMEDIATE ? (u16)row->immediate : (u16)frame.reg[RDX];
}

static struct fault op_in(const struct row *row)
{
    TRY(io_allowed(port_of(row), row->width));
    set_register(RAX, row->width, port_in(port_of(row), row->width));
    return NO_FAULT;
}

static struct fault op_out(const struct row *row)
{
    TRY(io_allowed(port_of(row), row->width));
    port_out(port_of(row), row->width, (u32)register_value(RAX, row->width));
    return NO_FAULT;
}

/* INS to (RDI), OUTS from segment:(RSI). A fault in the middle leaves the registers at the element that faulted. */
static struct fault op_string_port(const struct row *row, bool input)
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

static struct fault op_rdmsr(void)
{
    u64 value;

    TRY(read_msr((u32)frame.reg[RCX], &value));
    frame.reg[RAX] = (u32)value;
    frame.reg[RDX] = value >> 32;
    return NO_FAULT;
}

static struct fault op_wrmsr(void)
{
    return write_msr((u32)frame.reg[RCX], (u64)frame.reg[RDX] << 32 | (u32)frame.reg[RAX]);
}

static void op_rdtsc(void)
{
    u64 value = __builtin_ia32_rdtsc();

    frame.reg[RAX] = (u32)value;
    frame.reg[RDX] = value >> 32;
}

static void op_swapgs(void)
{
    u64 base = gs_base();

    set_gs_base(vcpu.kernel_gs_base);
    vcpu.kernel_gs_base = base;
}

#define CR4_FSGSBASE (1ull << 16)

static struct fault op_segment_base(const struct row *row)
{
    u64 value;

    if (!(vcpu_cr[4] & CR4_FSGSBASE))
        return fault_plain(V_UD);
    value = register_value(row->reg[0], row->width);
    switch (row->class_number) {
    case CLASS_RDFSBASE:
        set_register(row->reg[0], row->width, fs_base());
        break;
    case CLASS_RDGSBASE:
        set_register(row->reg[0], row->width, gs_base());
        break;
    default:
        if (!canonical(value))
            return fault_code(V_GP, 0);
        if (row->class_number == CLASS_WRFSBASE)
            set_fs_base(value);
        else
            set_gs_base(value);
    }
    return NO_FAULT;
}

static struct fault op_pop_segment(const struct row *row)
{
    u64 selector = 0;

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

static struct fault op_load_far_pointer(const struct row *row)
{
    u8 image[10];
    u64 offset = 0;
    u16 selector;

    TRY(guest_read(operand_va(row), image, row->width + 2u));
    copy_bytes(&offset, image, row->width);
    copy_bytes(&selector, image + row->width, 2);
    TRY(load_segment(far_pointer_segment(row), selector));
    set_register(row->reg[0], row->width, offset);
    return NO_FAULT;
}

static struct fault op_mov_to_segment(const struct row *row)
{
    u64 selector;

    TRY(read_rm(row, 1, 2, &selector));
    return load_segment(row->reg[0], (u16)selector);
}

static struct fault op_mov_from_segment(const struct row *row)
{
    u64 selector = vcpu.selector[row->reg[row->flags & ROW_MEMORY ? 0 : 1]];

    return store_word(row, selector);
}

static struct fault op_inspect(const struct row *row)
{
    u64 selector;
    bool two = row->class_number == CLASS_LAR || row->class_number == CLASS_LSL;

    TRY(read_rm(row, two ? 1 : 0, 2, &selector));
    return inspect_selector(row, (u16)selector);
}

static struct fault op_table_selector(const struct row *row)
{
    u64 selector;

    TRY(read_rm(row, 0, 2, &selector));
    return row->class_number == CLASS_LLDT ? load_ldt((u16)selector) : load_task((u16)selector);
}

/* HLT: nothing but an interrupt ends it, and none comes while they are off. */
static void op_hlt(void)
{
    if (!vcpu_vif_word)
        stop_guest("the guest halted with interrupts off: nothing can wake it", 0);
    machine_sleep();
}

/* Classes that only ring 0 may execute; CLI, STI and the port instructions ask IOPL as well. */
static bool privileged(unsigned class_number)
{
    switch (class_number) {
    case CLASS_CLI: case CLASS_STI: case CLASS_PUSHF: case CLASS_POPF: case CLASS_SGDT: case CLASS_SIDT: case CLASS_SLDT: case CLASS_STR:
    case CLASS_SMSW: case CLASS_IN: case CLASS_OUT: case CLASS_INS: case CLASS_OUTS: case CLASS_IRET: case CLASS_LRET:
    case CLASS_LJMP: case CLASS_LCALL: case CLASS_RDTSC: case CLASS_RDTSCP: case CLASS_CPUID: case CLASS_MOV_FROM_SEG:
    case CLASS_MOV_TO_SEG: case CLASS_PUSH_SEG: case CLASS_POP_SEG: case CLASS_LOAD_FAR_POINTER: case CLASS_RDFSBASE:
    case CLASS_RDGSBASE: case CLASS_WRFSBASE: case CLASS_WRGSBASE: case CLASS_VERR: case CLASS_VERW: case CLASS_LAR:
    case CLASS_LSL: case CLASS_INT: case CLASS_INT3: case CLASS_UD2:
        return false;
    default:
        return true;
    }
}

/* Works the instruction of `row`. On success frame.rip is where the guest goes on; a fault leaves it. */
struct fault emulate(const struct row *row, u64 next_rip)
{
    u64 value = 0;

    if (cpl() != 0 && privileged(row->class_number))
        return fault_code(V_GP, 0);
    if ((row->class_number == CLASS_CLI || row->class_number == CLASS_STI) && cpl() > ((vcpu_other_flags >> 12) & 3))
        return fault_code(V_GP, 0);
    switch (row->class_number) {
    case CLASS_CLI:
        set_guest_flags(0, FLAG_IF);
        break;
    case CLASS_STI:
        set_guest_flags(FLAG_IF, FLAG_IF);
        break;
    case CLASS_PUSHF:
        TRY(op_pushf(row->width));
        break;
    case CLASS_POPF:
        TRY(op_popf(row->width));
        break;
    case CLASS_HLT:
        op_hlt();
        break;
    case CLASS_LGDT:
        TRY(op_load_table(row, &vcpu.gdt));
        break;
    case CLASS_LIDT:
        TRY(op_load_table(row, &vcpu.idt));
        break;
    case CLASS_SGDT:
        TRY(op_store_table(row, &vcpu.gdt));
        break;
    case CLASS_SIDT:
        TRY(op_store_table(row, &vcpu.idt));
        break;
    case CLASS_LLDT:
    case CLASS_LTR:
        TRY(op_table_selector(row));
        break;
    case CLASS_SLDT:
        TRY(store_word(row, vcpu.ldt.selector));
        break;
    case CLASS_STR:
        TRY(store_word(row, vcpu.task.selector));
        break;
    case CLASS_SMSW:
        TRY(store_word(row, vcpu_cr[0]));
        break;
    case CLASS_LMSW:
        TRY(op_lmsw(row));
        break;
    case CLASS_MOV_FROM_CR:
        TRY(read_cr(row->reg[1], &value));
        frame.reg[row->reg[0]] = value;
        break;
    case CLASS_MOV_TO_CR:
        TRY(write_cr(row->reg[0], frame.reg[row->reg[1]]));
        break;
    case CLASS_MOV_FROM_DR:
        TRY(read_dr(row->reg[1], &value));
        frame.reg[row->reg[0]] = value;
        break;
    case CLASS_MOV_TO_DR:
        TRY(write_dr(row->reg[0], frame.reg[row->reg[1]]));
        break;
    case CLASS_CLTS:
        TRY(write_cr(0, vcpu_cr[0] & ~8ull));
        break;
    case CLASS_INVLPG:
        mmu_flush_page(operand_va(row));
        break;
    case CLASS_INVPCID: /* not offered by cpuid */
    case CLASS_XSETBV:  /* CR4.OSXSAVE cannot be set */
    case CLASS_MONITOR:
    case CLASS_MWAIT:
    case CLASS_UD2:
        return fault_plain(V_UD);
    case CLASS_INVD:
    case CLASS_WBINVD:
        break;
    case CLASS_IN:
        TRY(op_in(row));
        break;
    case CLASS_OUT:
        TRY(op_out(row));
        break;
    case CLASS_INS:
    case CLASS_OUTS:
        TRY(op_string_port(row, row->class_number == CLASS_INS));
        break;
    case CLASS_IRET:
        return op_iret(row->width);
    case CLASS_LRET:
        return op_far_return(row->width, row->flags & ROW_IMMEDIATE ? (u64)row->immediate : 0);
    case CLASS_SYSRET:
        return op_sysret(row->width);
    case CLASS_SYSEXIT:
        return op_sysexit(row->width);
    case CLASS_LJMP:
    case CLASS_LCALL:
        return op_far_jump(row, row->class_number == CLASS_LCALL, next_rip);
    case CLASS_SWAPGS:
        op_swapgs();
        break;
    case CLASS_RDMSR:
        TRY(op_rdmsr());
        break;
    case CLASS_WRMSR:
        TRY(op_wrmsr());
        break;
    case CLASS_RDPMC: /* no counter is virtualized */
        return fault_code(V_GP, 0);
    case CLASS_RDTSC:
        op_rdtsc();
        break;
    case CLASS_RDTSCP:
        op_rdtsc();
        frame.reg[RCX] = (u32)vcpu.tsc_aux;
        break;
    case CLASS_CPUID:
        guest_cpuid();
        break;
    case CLASS_MOV_FROM_SEG:
        TRY(op_mov_from_segment(row));
        break;
    case CLASS_MOV_TO_SEG:
        TRY(op_mov_to_segment(row));
        break;
    case CLASS_PUSH_SEG:
        TRY(push(vcpu.selector[row->reg[0]], row->width));
        break;
    case CLASS_POP_SEG:
        TRY(op_pop_segment(row));
        break;
    case CLASS_LOAD_FAR_POINTER:
        TRY(op_load_far_pointer(row));
        break;
    case CLASS_RDFSBASE:
    case CLASS_RDGSBASE:
    case CLASS_WRFSBASE:
    case CLASS_WRGSBASE:
        TRY(op_segment_base(row));
        break;
    case CLASS_VERR:
    case CLASS_VERW:
    case CLASS_LAR:
    case CLASS_LSL:
        TRY(op_inspect(row));
        break;
    case CLASS_INT:
        return software_interrupt((u8)row->immediate, next_rip);
    case CLASS_INT3:
        return software_interrupt(V_BP, next_rip);
    default:
        stop_guest("an operation this module does not know", frame.rip);
    }
    frame.rip = next_rip;
    return NO_FAULT;
}

