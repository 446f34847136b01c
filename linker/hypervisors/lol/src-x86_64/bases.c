/* The FS and GS bases, by instruction or by system call (asm/prctl.h). */
#include "lol.h"

#define MSR_FS_BASE_CALL 0x1002 /* ARCH_SET_FS, asm/prctl.h */
#define MSR_GS_BASE_CALL 0x1001
#define ARCH_GET_FS 0x1003
#define ARCH_GET_GS 0x1004

static u64 base_of(int code)
{
    u64 base = 0;

    host_call(SYS_arch_prctl, code, (long)&base, 0, 0, 0, 0);
    return base;
}

u64 fs_base(void)
{
    u64 base;

    if (!host_has_fsgsbase)
        return base_of(ARCH_GET_FS);
    __asm__ volatile("rdfsbase %0" : "=r"(base));
    return base;
}

u64 gs_base(void)
{
    u64 base;

    if (!host_has_fsgsbase)
        return base_of(ARCH_GET_GS);
    __asm__ volatile("rdgsbase %0" : "=r"(base));
    return base;
}

/* A base above the process's addresses serves those that wrap around, as per-CPU data of Linux. Only an instruction sets it. */
static void check_base(u64 base)
{
    if (base >> 47 && !host_has_fsgsbase)
        stop_guest("the guest puts a segment base into the kernel half, for which a process needs FSGSBASE", base);
}

void set_fs_base(u64 base)
{
    check_base(base);
    if (host_has_fsgsbase)
        __asm__ volatile("wrfsbase %0" : : "r"(base));
    else
        host_call(SYS_arch_prctl, MSR_FS_BASE_CALL, (long)base, 0, 0, 0, 0);
}

void set_gs_base(u64 base)
{
    check_base(base);
    if (host_has_fsgsbase)
        __asm__ volatile("wrgsbase %0" : : "r"(base));
    else
        host_call(SYS_arch_prctl, MSR_GS_BASE_CALL, (long)base, 0, 0, 0, 0);
}
