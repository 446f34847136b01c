/* Control registers and model-specific registers in 64-bit mode: what the virtual CPU has and what it refuses. */
#include "vcpu.h"

#define CR0_PE (1ull << 0)
#define CR0_MP (1ull << 1)
#define CR0_EM (1ull << 2)
#define CR0_ET (1ull << 4)
#define CR0_NE (1ull << 5)
#define CR0_AM (1ull << 18)
#define CR0_NW (1ull << 29)
#define CR0_CD (1ull << 30)
#define CR0_PG (1ull << 31)
#define CR0_KNOWN (CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG)

#define CR4_PAE (1ull << 5)
#define CR4_FSGSBASE (1ull << 16)
/* VME PVI TSD DE PSE PAE MCE PGE PCE OSFXSR OSXMMEXCPT; FSGSBASE where the module offers it. */
#define CR4_OFFERED 0x7ffull

#define EFER_SCE (1ull << 0)
#define EFER_LME (1ull << 8)
#define EFER_LMA (1ull << 10)
#define EFER_NXE (1ull << 11)

/* docs/machine.md, Entry. */
void control_reset(void)
{
    vcpu_cr[0] = CR0_PE | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
    vcpu_cr[4] = CR4_PAE;
    vcpu.efer = EFER_LME | EFER_LMA;
    vcpu.dr[6] = 0xffff0ff0;
    vcpu.dr[7] = 0x400;
    vcpu.pat = 0x0007040600070406;
}

static struct fault write_cr0(u64 value)
{
    u64 changed = value ^ vcpu_cr[0];

    if (value >> 32 || ((value & CR0_PG) && !(value & CR0_PE)) || ((value & CR0_NW) && !(value & CR0_CD)))
        return fault_code(V_GP, 0);
    if (!(value & CR0_PE) || !(value & CR0_PG))
        stop_guest("the guest leaves long mode, which this module cannot follow", frame.rip);
    vcpu_cr[0] = (value & CR0_KNOWN) | CR0_ET;
    if (changed & CR0_WP)
        mmu_flush_all();
    return NO_FAULT;
}

struct fault write_cr(unsigned number, u64 value)
{
    switch (number) {
    case 0:
        return write_cr0(value);
    case 2:
        vcpu_cr[2] = value;
        return NO_FAULT;
    case 3:
        if (value >> 52)
            return fault_code(V_GP, 0);
        vcpu_cr[3] = value;
        mmu_flush_all();
        return NO_FAULT;
    case 4:
        if ((value & ~(CR4_OFFERED | (host_offers_fsgsbase ? CR4_FSGSBASE : 0))) || !(value & CR4_PAE))
            return fault_code(V_GP, 0);
        vcpu_cr[4] = value;
        mmu_flush_all();
        return NO_FAULT;
    case 8:
        if (value & ~15ull)
            return fault_code(V_GP, 0);
        vcpu_cr[8] = value;
        return NO_FAULT;
    default:
        return fault_plain(V_UD);
    }
}

struct fault read_cr(unsigned number, u64 *value)
{
    if (number != 0 && number != 2 && number != 3 && number != 4 && number != 8)
        return fault_plain(V_UD);
    *value = vcpu_cr[number];
    return NO_FAULT;
}

#define MSR_TSC 0x10
#define MSR_SYSENTER_CS 0x174
#define MSR_SYSENTER_EIP 0x176
#define MSR_PAT 0x277
#define MSR_EFER 0xc0000080
#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_CSTAR 0xc0000083
#define MSR_SFMASK 0xc0000084
#define MSR_FS_BASE 0xc0000100
#define MSR_GS_BASE 0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102
#define MSR_TSC_AUX 0xc0000103

/* Registers that are nothing but memory to the virtual CPU. */
static u64 *plain_msr(u32 number)
{
    switch (number) {
    case MSR_PAT:
        return &vcpu.pat;
    case MSR_STAR:
        return &vcpu.star;
    case MSR_LSTAR:
        return &vcpu.lstar;
    case MSR_CSTAR:
        return &vcpu.cstar;
    case MSR_SFMASK:
        return &vcpu.sfmask;
    case MSR_KERNEL_GS_BASE:
        return &vcpu.kernel_gs_base;
    case MSR_TSC_AUX:
        return &vcpu.tsc_aux;
    default:
        if (number >= MSR_SYSENTER_CS && number <= MSR_SYSENTER_EIP)
            return &vcpu.sysenter[number - MSR_SYSENTER_CS];
        return NULL;
    }
}

struct fault read_msr(u32 number, u64 *value)
{
    u64 *plain = plain_msr(number);

    if (plain)
        *value = *plain;
    else if (number == MSR_EFER)
        *value = vcpu.efer;
    else if (number == MSR_FS_BASE)
        *value = fs_base();
    else if (number == MSR_GS_BASE)
        *value = gs_base();
    else if (number == MSR_TSC)
        *value = __builtin_ia32_rdtsc();
    else
        return fault_code(V_GP, 0);
    return NO_FAULT;
}

static bool must_be_canonical(u32 number)
{
    return number == MSR_LSTAR || number == MSR_CSTAR || number == MSR_KERNEL_GS_BASE || number == MSR_FS_BASE ||
           number == MSR_GS_BASE || (number > MSR_SYSENTER_CS && number <= MSR_SYSENTER_EIP);
}

struct fault write_msr(u32 number, u64 value)
{
    u64 *plain = plain_msr(number);

    if (must_be_canonical(number) && !canonical(value))
        return fault_code(V_GP, 0);
    if ((number == MSR_SFMASK || number == MSR_TSC_AUX) && value >> 32)
        return fault_code(V_GP, 0);
    if (plain) {
        *plain = value;
    } else if (number == MSR_EFER) {
        if ((value & ~(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)) || !(value & EFER_LME))
            return fault_code(V_GP, 0);
        if ((value ^ vcpu.efer) & EFER_NXE)
            mmu_flush_all();
        vcpu.efer = value | EFER_LMA;
    } else if (number == MSR_FS_BASE) {
        set_fs_base(value);
    } else if (number == MSR_GS_BASE) {
        set_gs_base(value);
    } else {
        return fault_code(V_GP, 0);
    }
    return NO_FAULT;
}

void hide_features(u32 leaf, u32 out[4])
{
    (void)leaf, (void)out;
}
