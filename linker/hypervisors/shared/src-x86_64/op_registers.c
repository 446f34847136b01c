/* Control, debug and model-specific registers, cpuid and time stamps, TLB and caches. Intel SDM vol. 2. */
#include "vcpu.h"

struct fault op_smsw(const struct row *row, u64 next_rip)
{
    (void)next_rip;
    return store_word(row, vcpu_cr[0]);
}

struct fault op_lmsw(const struct row *row, u64 next_rip)
{
    u64 value;

    (void)next_rip;
    TRY(read_rm(row, 0, 2, &value));
    /* PE can be set, never cleared. */
    return write_cr(0, (vcpu_cr[0] & ~0xeull) | (value & 0xf));
}

struct fault op_mov_from_cr(const struct row *row, u64 next_rip)
{
    u64 value;

    (void)next_rip;
    TRY(read_cr(row->reg[1], &value));
    frame.reg[row->reg[0]] = value;
    return NO_FAULT;
}

struct fault op_mov_to_cr(const struct row *row, u64 next_rip)
{
    (void)next_rip;
    return write_cr(row->reg[0], frame.reg[row->reg[1]]);
}

struct fault op_mov_from_dr(const struct row *row, u64 next_rip)
{
    u64 value;

    (void)next_rip;
    TRY(read_dr(row->reg[1], &value));
    frame.reg[row->reg[0]] = value;
    return NO_FAULT;
}

struct fault op_mov_to_dr(const struct row *row, u64 next_rip)
{
    (void)next_rip;
    return write_dr(row->reg[0], frame.reg[row->reg[1]]);
}

struct fault op_clts(const struct row *row, u64 next_rip)
{
    (void)row;
    (void)next_rip;
    return write_cr(0, vcpu_cr[0] & ~CR0_TS);
}

struct fault op_rdmsr(const struct row *row, u64 next_rip)
{
    u64 value;

    (void)row;
    (void)next_rip;
    TRY(read_msr((u32)frame.reg[RCX], &value));
    frame.reg[RAX] = (u32)value;
    frame.reg[RDX] = value >> 32;
    return NO_FAULT;
}

struct fault op_wrmsr(const struct row *row, u64 next_rip)
{
    (void)row;
    (void)next_rip;
    return write_msr((u32)frame.reg[RCX], (u64)frame.reg[RDX] << 32 | (u32)frame.reg[RAX]);
}

/* No counter is virtualized. */
struct fault op_rdpmc(const struct row *row, u64 next_rip)
{
    (void)row;
    (void)next_rip;
    return fault_code(V_GP, 0);
}

struct fault op_rdtsc(const struct row *row, u64 next_rip)
{
    u64 value = __builtin_ia32_rdtsc();

    (void)row;
    (void)next_rip;
    if (cpl() != 0 && (vcpu_cr[4] & CR4_TSD))
        return fault_code(V_GP, 0);
    frame.reg[RAX] = (u32)value;
    frame.reg[RDX] = value >> 32;
    return NO_FAULT;
}

struct fault op_rdtscp(const struct row *row, u64 next_rip)
{
    if (!HAS_RDTSCP)
        return fault_plain(V_UD);
    TRY(op_rdtsc(row, next_rip));
    frame.reg[RCX] = (u32)vcpu.tsc_aux;
    return NO_FAULT;
}

struct fault op_cpuid(const struct row *row, u64 next_rip)
{
    (void)row;
    (void)next_rip;
    guest_cpuid();
    return NO_FAULT;
}

struct fault op_invlpg(const struct row *row, u64 next_rip)
{
    (void)next_rip;
    mmu_flush_page(operand_va(row));
    return NO_FAULT;
}

/* Memory is coherent. */
struct fault op_invd(const struct row *row, u64 next_rip)
{
    (void)row;
    (void)next_rip;
    return NO_FAULT;
}

struct fault op_wbinvd(const struct row *row, u64 next_rip)
{
    (void)row;
    (void)next_rip;
    return NO_FAULT;
}

/* ---- what cpuid does not offer: CR4.OSXSAVE, CR4.PKE and CR4.SMAP cannot be set ---- */

struct fault op_ud2(const struct row *row, u64 next_rip)
{
    (void)row;
    (void)next_rip;
    return fault_plain(V_UD);
}

struct fault op_invpcid(const struct row *row, u64 next_rip)
{
    (void)row;
    (void)next_rip;
    return fault_plain(V_UD);
}

struct fault op_xsetbv(const struct row *row, u64 next_rip)
{
    (void)row;
    (void)next_rip;
    return fault_plain(V_UD);
}

struct fault op_monitor(const struct row *row, u64 next_rip)
{
    (void)row;
    (void)next_rip;
    return fault_plain(V_UD);
}

struct fault op_mwait(const struct row *row, u64 next_rip)
{
    (void)row;
    (void)next_rip;
    return fault_plain(V_UD);
}

struct fault op_clac(const struct row *row, u64 next_rip)
{
    (void)row;
    (void)next_rip;
    return fault_plain(V_UD);
}

struct fault op_stac(const struct row *row, u64 next_rip)
{
    (void)row;
    (void)next_rip;
    return fault_plain(V_UD);
}

struct fault op_xsaves(const struct row *row, u64 next_rip)
{
    (void)row;
    (void)next_rip;
    return fault_plain(V_UD);
}

struct fault op_xrstors(const struct row *row, u64 next_rip)
{
    (void)row;
    (void)next_rip;
    return fault_plain(V_UD);
}

struct fault op_wrpkru(const struct row *row, u64 next_rip)
{
    (void)row;
    (void)next_rip;
    return fault_plain(V_UD);
}

struct fault op_rdpkru(const struct row *row, u64 next_rip)
{
    (void)row;
    (void)next_rip;
    return fault_plain(V_UD);
}

struct fault op_xrstor(const struct row *row, u64 next_rip)
{
    (void)row;
    (void)next_rip;
    return fault_plain(V_UD);
}

struct fault op_xgetbv(const struct row *row, u64 next_rip)
{
    (void)row;
    (void)next_rip;
    return fault_plain(V_UD);
}
