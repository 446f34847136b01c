/* What cpuid says, and the debug registers: the same in every mode. */
#include "vcpu.h"

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
    hide_features(leaf, out);
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
