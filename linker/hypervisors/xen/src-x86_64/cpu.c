/* The parts of the processor that Xen keeps: cpuid, FS and GS bases, CR4.TSD. */
#include "xen.h"

const bool host_offers_fsgsbase = false; /* the bases change by hypercall alone, so that they are known here */

static u64 base_of_fs, base_of_gs;

/* Xen's cpuid, not the hardware's: the prefix is XEN_CPUID of arch-x86/xen.h. */
void host_cpuid(u32 leaf, u32 subleaf, u32 out[4])
{
    __asm__ volatile("ud2\n .ascii \"xen\"\n cpuid"
                     : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3])
                     : "a"(leaf), "c"(subleaf));
}

u64 fs_base(void)
{
    return base_of_fs;
}

u64 gs_base(void)
{
    return base_of_gs;
}

static void set_base(unsigned which, u64 base)
{
    require(hypercall(H_SET_SEGMENT_BASE, which, base, 0, 0), "Xen refuses a segment base");
}

void set_fs_base(u64 base)
{
    base_of_fs = base;
    set_base(SEGBASE_FS, base);
}

/* The guest runs in Xen's user mode: its GS base is what Xen calls the user's. */
void set_gs_base(u64 base)
{
    base_of_gs = base;
    set_base(SEGBASE_GS_USER, base);
}

/* CR4.TSD for ring 3. Xen emulates both instructions for its kernel mode. */
void time_stamp_for_level(unsigned level)
{
    static bool faults;
    bool wanted = level == 3 && (vcpu_cr[4] & CR4_TSD);
    u64 value;

    if (wanted == faults)
        return;
    __asm__ volatile("mov %%cr4, %0" : "=r"(value));
    value = wanted ? value | CR4_TSD : value & ~CR4_TSD;
    __asm__ volatile("mov %0, %%cr4" : : "r"(value));
    faults = wanted;
}

void require_user_dispatch(void)
{
    /* Xen brings every system call to the module. */
}
