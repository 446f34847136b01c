/*
 * What cpuid says: one processor, the same on every host (docs/machine.md), but for the words under `host`. AMD APM vol. 3,
 * appendix E; Intel SDM vol. 2, CPUID.
 */
#include "vcpu.h"

#define LEAF_HYPERVISOR 0x40000000u
#define LEAF_EXTENDED 0x80000000u
#define LAST_BASIC_LEAF 7u
#define LAST_EXTENDED_LEAF 0x80000008u
#define SIGNATURE 0x00800f12u /* family 17h, model 1, stepping 2 */
#define VENDOR 0x68747541u, 0x444d4163u, 0x69746e65u /* AuthenticAMD: ebx, ecx, edx */

static const char brand[48] = "previrt virtual processor"; /* leaves 80000002 to 80000004 */

/*
 * Offered is what a process can have. Not there are MONITOR, VMX, SVM, PCID, x2APIC, XSAVE and all that depends on it, APIC,
 * MTRR, MCE, SEP, SMEP, SMAP, PKU, INVPCID, UMIP, 1 GiB pages.
 */
static struct leaf {
    u32 number;
    u32 fixed[4]; /* eax ebx ecx edx */
    u32 host[4];  /* offered as well where the host has it: instructions that only compute, and the counter's nature */
} leaves[] = {
    {0, {LAST_BASIC_LEAF, VENDOR}, {0}},
    /* ebx: CLFLUSH lines of 64 bytes. ecx: a hypervisor; SSE3 PCLMUL SSSE3 CX16 SSE4.1 SSE4.2 MOVBE POPCNT AES RDRAND.
     * edx: FPU DE PSE TSC MSR PAE CX8 PGE CMOV PAT CLFSH MMX FXSR SSE SSE2. */
    {1, {SIGNATURE, 0x00000800, 0x80000000, 0x0789a17d}, {0, 0, 0x42d82203, 0}},
    /* ebx: FSGSBASE where the module offers it; BMI1 BMI2 ERMS RDSEED ADX CLFLUSHOPT. */
    {7, {0}, {0, 0x008c0308, 0, 0}},
    {LEAF_HYPERVISOR, {LEAF_HYPERVISOR}, {0}},
    {LEAF_EXTENDED, {LAST_EXTENDED_LEAF, VENDOR}, {0}},
    /* ecx: LAHF ABM PREFETCHW. edx: SYSCALL NX RDTSCP LM. */
    {0x80000001, {SIGNATURE, 0, 0, 0x28100800}, {0, 0, 0x00000121, 0}},
    {0x80000002, {0}, {0}},
    {0x80000003, {0}, {0}},
    {0x80000004, {0}, {0}},
    /* Caches: 32 KiB of data, 64 KiB of code, 512 KiB of both. */
    {0x80000005, {0xff40ff40, 0xff40ff40, 0x20080140, 0x40040140}, {0}},
    {0x80000006, {0, 0x42004200, 0x02006140, 0}, {0}},
    {0x80000007, {0}, {0, 0, 0, 0x100}}, /* edx: the counter runs at one speed */
    {LAST_EXTENDED_LEAF, {GUEST_PHYSICAL_BITS | 48 << 8, 0, 0, 0}, {0}},
};

static bool host_has_leaf(u32 number)
{
    u32 out[4];

    host_cpuid(number & LEAF_EXTENDED, 0, out);
    return out[0] >= number;
}

/* Asks the host, once: behind this its cpuid may be made to fault. */
void features_init(void)
{
    unsigned i, word;

    for (i = 0; i < sizeof leaves / sizeof leaves[0]; i++) {
        struct leaf *leaf = &leaves[i];
        u32 out[4] = {0};

        if (leaf->number != LEAF_HYPERVISOR && host_has_leaf(leaf->number))
            host_cpuid(leaf->number, 0, out);
        if (leaf->number == 7 && host_offers_fsgsbase)
            leaf->fixed[1] |= 1;
        if (leaf->number == LEAF_HYPERVISOR)
            copy_bytes(&leaf->fixed[1], host_signature, 12);
        if (leaf->number >= 0x80000002 && leaf->number <= 0x80000004)
            copy_bytes(leaf->fixed, brand + 16 * (leaf->number - 0x80000002), 16);
        for (word = 0; word < 4; word++)
            leaf->fixed[word] |= out[word] & leaf->host[word];
        hide_features(leaf->number, leaf->fixed);
    }
}

/* Leaves that are not there, and further subleaves, are all zero. */
void guest_cpuid(void)
{
    static const u32 nothing[4];
    const u32 *out = nothing;
    unsigned i;

    for (i = 0; i < sizeof leaves / sizeof leaves[0]; i++)
        if (leaves[i].number == (u32)frame.reg[RAX] && (leaves[i].number != 7 || !(u32)frame.reg[RCX]))
            out = leaves[i].fixed;
    frame.reg[RAX] = out[0];
    frame.reg[RBX] = out[1];
    frame.reg[RCX] = out[2];
    frame.reg[RDX] = out[3];
}
