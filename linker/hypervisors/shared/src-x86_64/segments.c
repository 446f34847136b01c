/*
 * Segment registers and descriptors. The host never loads a guest selector: what a loaded segment means to the hardware
 * is segment_loaded()'s business. All checks are those of Intel SDM vol. 2 (MOV, LLDT, LTR, LAR, LSL, VERR) and vol. 3,
 * chapter 5.
 */
#include "classes.h"
#include "vcpu.h"

/* Where a selector's descriptor stands; false when the selector is outside its table. */
bool descriptor_va(u16 selector, unsigned length, u64 *va)
{
    u64 base = selector & 4 ? vcpu.ldt.base : vcpu.gdt.base;
    u32 limit = selector & 4 ? (vcpu.ldt.selector & ~3u ? vcpu.ldt.limit : 0) : vcpu.gdt.limit;
    u32 offset = selector & ~7u;

    if (offset + length - 1 > limit)
        return false;
    *va = base + offset;
    return true;
}

/* Reads and takes apart a descriptor; `vector` with the selector as error code when it is not in its table. */
struct fault read_descriptor(u16 selector, u8 vector, struct descriptor *d)
{
    u64 va, low;

    if (!descriptor_va(selector, 8, &va))
        return fault_code(vector, selector & ~3u);
    TRY(system_read(va, &low, 8));
    *d = (struct descriptor){.low = low};
    d->is_code_or_data = (low >> 44) & 1;
    d->type = (low >> 40) & 15;
    d->dpl = (low >> 45) & 3;
    d->present = (low >> 47) & 1;
    d->long_mode = (low >> 53) & 1;
    d->code = d->is_code_or_data && (d->type & 8);
    d->conforming = d->code && (d->type & 4);
    d->writable_or_readable = d->is_code_or_data && (d->type & 2);
    d->base = ((low >> 16) & 0xffffff) | ((low >> 56) << 24);
    d->limit = (low & 0xffff) | ((low >> 32) & 0xf0000);
    if ((low >> 55) & 1)
        d->limit = d->limit << 12 | 0xfff;
    if (d->is_code_or_data)
        return NO_FAULT;
    if (!descriptor_va(selector, SYSTEM_DESCRIPTOR_LEN, &va))
        return fault_code(vector, selector & ~3u);
    return read_system_part(va, d);
}

struct fault set_descriptor_bits(u16 selector, u64 bits)
{
    u64 va, low;

    if (!descriptor_va(selector, 8, &va))
        return fault_code(V_GP, selector & ~3u);
    TRY(system_read(va, &low, 8));
    if ((low & bits) != bits) {
        low |= bits;
        TRY(system_write(va, &low, 8));
    }
    return NO_FAULT;
}

/* MOV to, POP and far-pointer loads of ES, SS, DS, FS, GS. */
struct fault load_segment(unsigned segment, u16 selector)
{
    struct descriptor d;
    unsigned rpl = selector & 3;

    if (segment == SEG_CS)
        return fault_plain(V_UD);
    if (!(selector & ~3u)) {
        if (segment == SEG_SS && (!null_stack_allowed || cpl() == 3 || rpl != cpl()))
            return fault_code(V_GP, 0);
        segment_loaded(segment, NULL);
        vcpu.selector[segment] = selector;
        return NO_FAULT;
    }
    TRY(read_descriptor(selector, V_GP, &d));
    if (segment == SEG_SS) {
        if (rpl != cpl() || d.dpl != cpl() || !d.is_code_or_data || d.code || !d.writable_or_readable)
            return fault_code(V_GP, selector & ~3u);
    } else {
        if (!d.is_code_or_data || (d.code && !d.writable_or_readable))
            return fault_code(V_GP, selector & ~3u);
        if (!d.conforming && (rpl > d.dpl || cpl() > d.dpl))
            return fault_code(V_GP, selector & ~3u);
    }
    if (!d.present)
        return fault_code(segment == SEG_SS ? V_SS : V_NP, selector & ~3u);
    TRY(set_descriptor_bits(selector, DESCRIPTOR_ACCESSED));
    segment_loaded(segment, &d);
    vcpu.selector[segment] = selector;
    return NO_FAULT;
}

struct fault load_ldt(u16 selector)
{
    struct descriptor d;

    if (selector & ~3u) {
        if (selector & 4)
            return fault_code(V_GP, selector & ~3u);
        TRY(read_descriptor(selector, V_GP, &d));
        if (d.is_code_or_data || d.type != SYSTEM_LDT)
            return fault_code(V_GP, selector & ~3u);
        if (!d.present)
            return fault_code(V_NP, selector & ~3u);
        vcpu.ldt.base = d.base;
        vcpu.ldt.limit = d.limit;
    }
    vcpu.ldt.selector = selector;
    return NO_FAULT;
}

struct fault load_task(u16 selector)
{
    struct descriptor d;

    if (!(selector & ~3u))
        return fault_code(V_GP, 0);
    if (selector & 4)
        return fault_code(V_GP, selector & ~3u);
    TRY(read_descriptor(selector, V_GP, &d));
    if (d.is_code_or_data || d.type != SYSTEM_TSS_AVAILABLE)
        return fault_code(V_GP, selector & ~3u);
    if (!d.present)
        return fault_code(V_NP, selector & ~3u);
    TRY(set_descriptor_bits(selector, DESCRIPTOR_BUSY));
    vcpu.task = (struct system_segment){.selector = selector, .base = d.base, .limit = d.limit};
    return NO_FAULT;
}

/* IOPL, then the TSS's permission bitmap (Intel SDM vol. 1, 19.5). */
struct fault io_allowed(u16 port, unsigned bytes)
{
    u16 map_base, bits;

    if (cpl() <= iopl())
        return NO_FAULT;
    if (vcpu.task.limit < 103)
        return fault_code(V_GP, 0);
    TRY(system_read(vcpu.task.base + 102, &map_base, 2));
    if (map_base + port / 8u + 1 > vcpu.task.limit)
        return fault_code(V_GP, 0);
    TRY(system_read(vcpu.task.base + map_base + port / 8u, &bits, 2));
    if ((bits >> (port & 7)) & ((1u << bytes) - 1))
        return fault_code(V_GP, 0);
    return NO_FAULT;
}

/* A return to an outer level leaves no data segment that level may not use. */
void drop_privileged_segments(void)
{
    static const u8 data_segments[] = {SEG_ES, SEG_DS, SEG_FS, SEG_GS};
    unsigned i;

    for (i = 0; i < sizeof data_segments; i++) {
        u16 selector = vcpu.selector[data_segments[i]];
        struct descriptor d;

        if (!(selector & ~3u))
            continue;
        if (read_descriptor(selector, V_GP, &d).raised || (!d.conforming && d.dpl < cpl()))
            segment_dropped(data_segments[i]);
    }
}

static bool inspectable(unsigned class_number, u16 selector, struct descriptor *d, struct fault *fault)
{
    unsigned reach = (selector & 3) > cpl() ? selector & 3u : cpl();

    if (!(selector & ~3u))
        return false;
    *fault = read_descriptor(selector, V_GP, d);
    if (fault->raised) {
        if (fault->vector == V_GP)
            fault->raised = false;
        return false;
    }
    if (!d->is_code_or_data) {
        unsigned types = class_number == CLASS_LAR   ? lar_system_types
                         : class_number == CLASS_LSL ? lsl_system_types
                                                     : 0;

        if (!(types >> d->type & 1))
            return false;
    }
    if (!d->conforming && d->dpl < reach)
        return false;
    if (class_number == CLASS_VERR)
        return !d->code || d->writable_or_readable;
    if (class_number == CLASS_VERW)
        return !d->code && d->writable_or_readable;
    return true;
}

/* VERR, VERW, LAR, LSL: ZF tells, LAR and LSL write their first operand only when it is set. */
struct fault inspect_selector(const struct row *row, u16 selector)
{
    struct descriptor d;
    struct fault fault = NO_FAULT;
    bool good = inspectable(row->class_number, selector, &d, &fault);

    if (fault.raised)
        return fault;
    frame.flags &= ~(u64)FLAG_ZF;
    if (!good)
        return NO_FAULT;
    frame.flags |= FLAG_ZF;
    if (row->class_number == CLASS_LAR)
        set_register(row->reg[0], row->width, (d.low >> 32) & 0x00ffff00);
    if (row->class_number == CLASS_LSL)
        set_register(row->reg[0], row->width, d.limit);
    return NO_FAULT;
}
