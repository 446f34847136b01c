/* Control and debug registers, model-specific registers, cpuid: what the virtual CPU has and what it refuses. */
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
/* VME PVI TSD DE PSE PAE MCE PGE PCE OSFXSR OSXMMEXCPT; FSGSBASE where the host has it. */
#define CR4_OFFERED 0x7ffull


#define EFER_SCE (1ull << 0)
#define EFER_LME (1ull << 8)
#define EFER_LMA (1ull << 10)
#define EFER_NXE (1ull << 11)

EXPORT u64 vcpu_cr[9];

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
        if ((value & ~(CR4_OFFERED | (host_has_fsgsbase ? CR4_FSGSBASE : 0))) || !(value & CR4_PAE))
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

#define CR4_DE (1ull << 3)

/* DR4 and DR5 are DR6 and DR7 unless CR4.DE is set. */
static struct fault debug_register(unsigned *number)
{
    if (*number == 4 || *number == 5) {
        if (vcpu_cr[4] & CR4_DE)
            return fault_plain(V_UD);
        *number += 2;
    }
    return NO_FAULT;
}

struct fault write_dr(unsigned number, u64 value)
{
    TRY(debug_register(&number));
    if (number >= 6 && value >> 32)
        return fault_code(V_GP, 0);
    if (number == 6)
        value = (value & 0xe00f) | 0xffff0ff0;
    if (number == 7)
        value = (value & 0xffff2bff) | 0x400;
    vcpu.dr[number] = value;
    return NO_FAULT;
}

struct fault read_dr(unsigned number, u64 *value)
{
    TRY(debug_register(&number));
    *value = vcpu.dr[number];
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

struct cpuid_mask {
    u32 leaf;
    u32 and_mask[4]; /* eax ebx ecx edx */
};

/*
 * What of the host's features the virtual CPU keeps (Intel SDM vol. 2, CPUID). Gone are those that need a privileged
 * register or instruction it does not have: MONITOR, VMX, PCID, x2APIC, XSAVE and all that depends on it, APIC, MTRR,
 * MCE, SEP (SYSENTER would enter the host), SMEP, SMAP, PKU, INVPCID, UMIP, 1 GiB pages, SVM.
 */
static const struct cpuid_mask masks[] = {
    /* 1: ecx SSE3 PCLMUL SSSE3 CX16 SSE4.1 SSE4.2 MOVBE POPCNT AES RDRAND;
     *    edx FPU DE PSE TSC MSR PAE CX8 PGE CMOV PAT CLFSH MMX FXSR SSE SSE2 */
    {1, {~0u, 0x0000ffff, 0x42d82203, 0x0789a17d}},
    {2, {~0u, ~0u, ~0u, ~0u}},
    {4, {0x00003fff, ~0u, ~0u, ~0u}}, /* caches, one core, one thread */
    /* 7: ebx FSGSBASE BMI1 BMI2 ERMS RDSEED ADX CLFLUSHOPT */
    {7, {0, 0x008c0309, 0, 0}},
    /* 80000001: ecx LAHF ABM PREFETCHW; edx SYSCALL NX RDTSCP LM and the copies of leaf 1 */
    {0x80000001, {~0u, ~0u, 0x00000121, 0x28100800}},
    {0x80000002, {~0u, ~0u, ~0u, ~0u}},
    {0x80000003, {~0u, ~0u, ~0u, ~0u}},
    {0x80000004, {~0u, ~0u, ~0u, ~0u}},
    {0x80000005, {~0u, ~0u, ~0u, ~0u}},
    {0x80000006, {~0u, ~0u, ~0u, ~0u}},
    {0x80000007, {0, 0, 0, 0x100}}, /* invariant TSC */
    {0x80000008, {~0u, 0, 0, 0}},
};

#define LEAF_HYPERVISOR 0x40000000u
#define LAST_BASIC_LEAF 7u
#define LAST_EXTENDED_LEAF 0x80000008u

static void virtual_cpuid(u32 leaf, u32 subleaf, u32 out[4])
{
    unsigned i, word;

    for (word = 0; word < 4; word++)
        out[word] = 0;
    if (leaf == LEAF_HYPERVISOR) {
        out[0] = LEAF_HYPERVISOR;
        copy_bytes(&out[1], host_signature, 12);
        return;
    }
    if (leaf == 0 || leaf == 0x80000000u) {
        u32 last = leaf ? LAST_EXTENDED_LEAF : LAST_BASIC_LEAF;

        host_cpuid(leaf, 0, out);
        if (out[0] > last)
            out[0] = last;
        return;
    }
    for (i = 0; i < sizeof masks / sizeof masks[0]; i++)
        if (masks[i].leaf == leaf) {
            host_cpuid(leaf, subleaf, out);
            for (word = 0; word < 4; word++)
                out[word] &= masks[i].and_mask[word];
        }
    if (leaf == 1)
        out[2] |= 1u << 31; /* running under a hypervisor */
    if (leaf == 7 && !host_has_fsgsbase)
        out[1] &= ~1u;
}

/* MAXPHYADDR as cpuid tells the guest. */
unsigned guest_physical_bits(void)
{
    u32 out[4];

    virtual_cpuid(LAST_EXTENDED_LEAF, 0, out);
    return out[0] & 0xff;
}

void guest_cpuid(void)
{
    u32 out[4];

    virtual_cpuid((u32)frame.reg[RAX], (u32)frame.reg[RCX], out);
    frame.reg[RAX] = out[0];
    frame.reg[RBX] = out[1];
    frame.reg[RCX] = out[2];
    frame.reg[RDX] = out[3];
}
