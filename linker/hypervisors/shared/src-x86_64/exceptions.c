/* What the hardware reports about guest code, and instructions that no site holds. */
#include "classes.h"
#include "vcpu.h"

#define CR0_AM (1ull << 18)

enum access access_of(u64 error)
{
    if (error & 16)
        return ACCESS_FETCH;
    return error & 2 ? ACCESS_WRITE : ACCESS_READ;
}

#define OPCODE_INT 0xcd
#define OPCODE2_SYSCALL 0x05 /* behind 0f */
#define OPCODE2_SYSENTER 0x34
#define OPCODE2_CPUID 0xa2

/*
 * What IOPL lets a user program do though the host does not: CLI, STI, IN, OUT, INS, OUTS (Intel SDM vol. 1, 19.5).
 * Fills `row` and gives the instruction's length; 0 for any other instruction.
 */
static u64 user_io_instruction(const u8 *code, struct row *row)
{
    unsigned i = 0;
    bool narrow = false;

    *row = (struct row){.base = -1, .index = -1, .address_bits = ADDRESS_BITS, .segment = SEG_DS};
    for (; i < 4 && (code[i] == 0x66 || code[i] == 0xf3 || code[i] == 0xf2); i++) {
        narrow |= code[i] == 0x66;
        row->flags |= code[i] != 0x66 ? ROW_REPEAT : 0;
    }
    row->width = !(code[i] & 1) ? 1 : narrow ? 2 : 4;
    switch (code[i]) {
    case 0xfa: case 0xfb:
        row->class_number = code[i] == 0xfa ? CLASS_CLI : CLASS_STI;
        return i + 1;
    case 0x6c: case 0x6d: case 0x6e: case 0x6f:
        row->class_number = code[i] < 0x6e ? CLASS_INS : CLASS_OUTS;
        return i + 1;
    case 0xe4: case 0xe5: case 0xe6: case 0xe7:
        row->flags |= ROW_IMMEDIATE;
        row->immediate = code[i + 1];
        row->class_number = code[i] < 0xe6 ? CLASS_IN : CLASS_OUT;
        return i + 2;
    case 0xec: case 0xed: case 0xee: case 0xef:
        row->class_number = code[i] < 0xee ? CLASS_IN : CLASS_OUT;
        return i + 1;
    default:
        return 0;
    }
}

static unsigned prefix_count(const u8 *code)
{
    unsigned i = 0;

    while (i < 4 && (code[i] == 0x66 || code[i] == 0x67 || code[i] == 0xf2 || code[i] == 0xf3 ||
                     (HAS_REX && (code[i] & 0xf0) == 0x40)))
        i++;
    return i;
}

/* First bytes of instructions that fault in user mode only for being privileged (Intel SDM vol. 2, opcode maps). */
static bool looks_privileged(const u8 *code)
{
    unsigned i = prefix_count(code);

    switch (code[i]) {
    case 0x6c: case 0x6d: case 0x6e: case 0x6f: case 0xe4: case 0xe5: case 0xe6: case 0xe7: case 0xec: case 0xed:
    case 0xee: case 0xef: case 0xf4: case 0xfa: case 0xfb:
        return true;
    case 0x0f:
        switch (code[i + 1]) {
        case 0x00: case 0x01: case 0x06: case 0x07: case 0x08: case 0x09: case 0x20: case 0x21: case 0x22: case 0x23:
        case 0x30: case 0x32: case 0x33: case 0x35:
            return true;
        default:
            return false;
        }
    default:
        return false;
    }
}

/* Whether the site's own instruction stands at `rip`: in front of its padding, or behind it. */
static bool holds_instruction_at(const struct site *site, u64 rip)
{
    u64 start_va = site_start_va(site);

    return rip == start_va || rip == start_va + site->length - site_row(site)->length;
}

/* The bytes at RIP, as many as can be read; zeros behind them. */
static void read_code(u8 *code, unsigned length)
{
    unsigned i;

    for (i = 0; i < length; i++)
        code[i] = 0;
    for (i = 0; i < length; i++)
        if (system_read(frame.rip + i, code + i, 1).raised)
            break;
}

/* #GP of the host in guest code: a software interrupt, a site left as it was, or the guest's own fault. */
static struct fault general_protection(u32 error)
{
    u8 code[8];
    u64 va = linked_va(frame.rip);
    const struct site *site = site_at(va);
    unsigned prefixes;

    read_code(code, sizeof code);
    if (code[0] == OPCODE_INT)
        return software_interrupt(code[1], frame.rip + 2);
    prefixes = prefix_count(code);
    if (code[prefixes] == 0x0f && code[prefixes + 1] == OPCODE2_CPUID) { /* the host makes it fault */
        guest_cpuid();
        frame.rip += prefixes + 2;
        return NO_FAULT;
    }
    if (cpl() == 0 && site && holds_instruction_at(site, va)) {
        const struct row *row = site_row(site);

        return emulate(row, frame.rip + row->length);
    }
    if (cpl() != 0) {
        struct row row;
        u64 length = user_io_instruction(code, &row);

        if (length)
            return emulate(&row, frame.rip + length);
    }
    if (cpl() == 0 && looks_privileged(code))
        stop_guest("a sensitive instruction that is not in the annotation table", frame.rip);
    return fault_code(V_GP, error);
}

/*
 * SYSENTER, and SYSCALL in 32-bit mode. cpuid offers neither. Some processors raise #UD, others enter the host, which does not
 * keep where it came from (Linux, arch/x86/entry/entry_64_compat.S). The guest shall not depend on that: both stop it.
 */
void stop_at_host_entry(u64 va)
{
    stop_guest("the guest uses sysenter or a 32-bit syscall, which cpuid does not offer", va);
}

/*
 * Instructions that cpuid offers though the host may lack them. Fills `row` and gives the length; 0 for any other.
 *   0f 01 f9                      rdtscp
 *   f3 [40-4f] 0f ae c0-df        rdfsbase, rdgsbase, wrfsbase, wrgsbase
 */
static u64 missing_instruction(const u8 *code, struct row *row)
{
    unsigned i = 1;
    u8 rex = 0;

    *row = (struct row){.base = -1, .index = -1};
    if (code[0] == 0x0f && code[1] == 0x01 && code[2] == 0xf9) {
        row->class_number = CLASS_RDTSCP;
        return 3;
    }
    if (HAS_REX && (code[i] & 0xf0) == 0x40)
        rex = code[i++];
    if (!HAS_REX || code[0] != 0xf3 || code[i] != 0x0f || code[i + 1] != 0xae || code[i + 2] < 0xc0 || code[i + 2] > 0xdf)
        return 0;
    row->class_number = CLASS_RDFSBASE + (code[i + 2] >> 3 & 3);
    row->width = rex & 8 ? 8 : 4;
    row->reg[0] = (code[i + 2] & 7) | (rex & 1) << 3;
    return i + 3;
}

static struct fault undefined_opcode(void)
{
    u8 code[8];
    struct row row;
    u64 length;

    read_code(code, sizeof code);
    if (code[0] == 0x0f && (code[1] == OPCODE2_SYSENTER || (code[1] == OPCODE2_SYSCALL && !HAS_SYSCALL)))
        stop_at_host_entry(frame.rip);
    length = missing_instruction(code, &row);
    return length ? emulate(&row, frame.rip + length) : fault_plain(V_UD);
}

/*
 * An exception of the hardware in guest code, registers in `frame`: the guest's own fault, or something the module does
 * for it. `error` and `cr2` as the hardware gave them.
 */
struct fault hardware_exception(unsigned vector, u64 error, u64 cr2)
{
    switch (vector) {
    case V_PF:
        return mmu_host_fault(cr2, access_of(error));
    case V_GP:
        return general_protection((u32)error);
    case V_UD:
        return undefined_opcode();
    case V_BP:
        frame.rip -= 1;
        return software_interrupt(V_BP, frame.rip + 1);
    case V_DB:
        vcpu.dr[6] |= 1u << 14; /* BS: single step */
        return fault_plain(V_DB);
    case V_AC:
        if (vcpu_cr[0] & CR0_AM)
            return fault_code(V_AC, 0);
        frame.flags &= ~(u64)FLAG_AC; /* the host checks where this guest's CPU would not: run it unchecked */
        return NO_FAULT;
    case V_SS:
        return fault_code(V_SS, 0);
    default:
        if (vector > V_XM)
            stop_guest("an exception this module does not know", cr2);
        return fault_plain((u8)vector);
    }
}
