/* What the host's processor and kernel are asked for: cpuid, time stamps that fault. */
#include "lol.h"

#define PR_SET_TSC 26
#define PR_TSC_ENABLE 1
#define PR_TSC_SIGSEGV 2

const char host_name[] = "previrt-lol";
const char host_signature[12] = "PrevirtLoL";
bool host_has_fsgsbase;

void host_cpuid(u32 leaf, u32 subleaf, u32 out[4])
{
    __asm__ volatile("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3]) : "a"(leaf), "c"(subleaf));
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
