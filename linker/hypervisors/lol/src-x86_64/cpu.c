/* What the host's processor and kernel are asked for: cpuid, time stamps that fault. */
#include "lol.h"

#define ARCH_SET_CPUID 0x1012 /* asm/prctl.h */
#define PR_SET_TSC 26
#define PR_TSC_ENABLE 1
#define PR_TSC_SIGSEGV 2

const char host_name[] = "previrt-lol";
const char host_signature[12] = "PrevirtLoL";
const bool host_offers_fsgsbase = true;
bool host_has_fsgsbase; /* else a system call does what the instructions would */

void host_cpuid(u32 leaf, u32 subleaf, u32 out[4])
{
    __asm__ volatile("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3]) : "a"(leaf), "c"(subleaf));
}

/*
 * Programs of the guest run cpuid themselves. Where the host's processor can make it fault, it comes to the module and says the
 * same as at a site; elsewhere it says what the host's does.
 */
void cpuid_faults(void)
{
    host_call(SYS_arch_prctl, ARCH_SET_CPUID, 0, 0, 0, 0, 0);
}

/* CR4.TSD: ring 3 is about to run, or has stopped running. The host can make rdtsc fault, so only then it does. */
void time_stamp_for_level(unsigned level)
{
    static bool faults;
    bool wanted = level == 3 && (vcpu_cr[4] & CR4_TSD);

    if (wanted != faults)
        host_call(SYS_prctl, PR_SET_TSC, wanted ? PR_TSC_SIGSEGV : PR_TSC_ENABLE, 0, 0, 0, 0);
    faults = wanted;
}
