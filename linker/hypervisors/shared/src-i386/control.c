/* Control registers and model-specific registers in 32-bit protected mode: what the virtual CPU has and what it refuses. */
#include "vcpu.h"

#define CR0_PE (1ull << 0)
#define CR0_ET (1ull << 4)
#define CR0_NW (1ull << 29)
#define CR0_CD (1ull << 30)
#define CR0_PG (1ull << 31)
/* PE MP EM TS ET NE WP AM NW CD PG */
#define CR0_KNOWN 0xe005003full
/* TSD DE PSE MCE PGE PCE OSFXSR OSXMMEXCPT */
#define CR4_OFFERED 0x7dcull

#define MSR_TSC 0x10
#define MSR_PAT 0x277

/* docs/machine.md, Entry: as a PVH loader leaves the processor. */
void control_reset(void)
{
    vcpu_cr[0] = CR0_PE | CR0_ET;
    vcpu.dr[6] = 0xffff0ff0;
    vcpu.dr[7] = 0x400;
    vcpu.pat = 0x0007040600070406;
}

static struct fault write_cr0(u64 value)
{
    u64 changed = value ^ vcpu_cr[0];

    if (((value & CR0_PG) && !(value & CR0_PE)) || ((value & CR0_NW) && !(value & CR0_CD)))
        return fault_code(V_GP, 0);
    if (!(value & CR0_PE))
        stop_guest("the guest leaves protected mode, which this module cannot follow", frame.rip);
    vcpu_cr[0] = (value & CR0_KNOWN) | CR0_ET;
    if (changed & (CR0_WP | CR0_PG))
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
        vcpu_cr[3] = value;
        mmu_flush_all();
        return NO_FAULT;
    case 4:
        if (value & ~CR4_OFFERED)
            return fault_code(V_GP, 0);
        vcpu_cr[4] = value;
        mmu_flush_all();
        return NO_FAULT;
    default:
        return fault_plain(V_UD);
    }
}

struct fault read_cr(unsigned number, u64 *value)
{
    if (number != 0 && number != 2 && number != 3 && number != 4)
        return fault_plain(V_UD);
    *value = vcpu_cr[number];
    return NO_FAULT;
}

struct fault read_msr(u32 number, u64 *value)
{
    if (number == MSR_PAT)
        *value = vcpu.pat;
    else if (number == MSR_TSC)
        *value = __builtin_ia32_rdtsc();
    else
        return fault_code(V_GP, 0);
    return NO_FAULT;
}

struct fault write_msr(u32 number, u64 value)
{
    if (number != MSR_PAT)
        return fault_code(V_GP, 0);
    vcpu.pat = value;
    return NO_FAULT;
}

/* Gone are what belongs to 64-bit mode or to page tables of 64-bit entries, and virtual-8086 mode. */
void hide_features(u32 leaf, u32 out[4])
{
    if (leaf == 1) {
        out[2] &= ~(1u << 13);                          /* CX16 */
        out[3] &= ~(1u << 1 | 1u << 6 | 1u << 17);      /* VME PAE PSE-36 */
    }
    if (leaf == 7)
        out[1] &= ~1u;                                  /* FSGSBASE */
    if (leaf == 0x80000001) {
        out[2] &= ~1u;                                  /* LAHF in 64-bit mode */
        out[3] &= ~(1u << 11 | 1u << 20 | 1u << 27 | 1u << 29); /* SYSCALL NX RDTSCP LM */
    }
    if (leaf == 0x80000008)
        out[0] = 32 | 32 << 8;
}
