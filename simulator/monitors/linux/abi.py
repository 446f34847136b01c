"""Numbers of the ia64 Linux interface.

Source: Linux 6.1. System calls: arch/ia64/kernel/syscalls/syscall.tbl, counted from 1024. Signals, their codes and the
frame: arch/ia64/include/uapi/asm/{signal,siginfo,sigcontext}.h, arch/ia64/kernel/sigframe.h, asm-generic/siginfo.h.
Memory: arch/ia64/include/asm/{page,pgtable,processor,ustack}.h for 16 KiB pages, asm-generic/mman*.h.
"""

from __future__ import annotations

BREAK_SYSCALL = 0x100000

SYSCALL_NAMES = {
    1024 + number: name
    for number, name in (
        (1, "exit"), (2, "read"), (3, "write"), (5, "close"), (17, "getpid"), (42, "fcntl"), (74, "ftruncate"),
        (81, "gettid"), (29, "kill"), (94, "setitimer"), (122, "readv"), (123, "writev"), (125, "pwrite64"),
        (127, "mmap"), (128, "munmap"), (131, "mprotect"), (144, "nanosleep"), (146, "prctl"), (148, "mmap2"),
        (152, "sigaltstack"), (153, "rt_sigaction"), (154, "rt_sigpending"), (155, "rt_sigprocmask"),
        (157, "rt_sigreturn"), (158, "rt_sigsuspend"), (205, "tkill"), (211, "tgkill"), (212, "exit_group"),
        (224, "timer_create"), (225, "timer_settime"), (228, "timer_delete"), (230, "clock_gettime"),
        (316, "memfd_create"),
    )
}  # fmt: skip

EPERM, ESRCH, EINTR, EBADF, ENOMEM, EACCES, EFAULT, EEXIST, EINVAL = 1, 3, 4, 9, 12, 13, 14, 17, 22
ENOTTY, EFBIG, ESPIPE, ENOSYS, ENODEV = 25, 27, 29, 38, 19
ERESTARTNOHAND, ERESTART_RESTARTBLOCK = 514, 516  # include/linux/errno.h: never seen by the program

SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGKILL, SIGSEGV, SIGALRM, SIGSTOP = 4, 5, 7, 8, 9, 11, 14, 19
NSIG = 64
IGNORED_BY_DEFAULT = frozenset((17, 18, 23, 28))  # SIGCHLD, SIGCONT, SIGURG, SIGWINCH

SI_USER, SI_KERNEL, SI_TIMER, SI_TKILL = 0, 0x80, -2, -6
ILL_ILLOPC, ILL_ILLOPN, ILL_BREAK, ILL_BNDMOD = 1, 2, 10, 11
FPE_INTDIV, FPE_INTOVF, FPE_FLTINV, FPE_FLTSUB = 1, 2, 7, 8
FPE_DECOVF, FPE_DECDIV, FPE_DECERR, FPE_INVASC, FPE_INVDEC = 9, 10, 11, 12, 13
SEGV_MAPERR, SEGV_ACCERR, SEGV_PSTKOVF = 1, 2, 4
BUS_ADRALN = 1
TRAP_BRKPT, TRAP_TRACE, TRAP_BRANCH = 1, 2, 3
ISR_VALID = 1

SA_SIGINFO, SA_ONSTACK, SA_RESTART, SA_NODEFER, SA_RESETHAND = 4, 0x08000000, 0x10000000, 0x40000000, 0x80000000
SS_ONSTACK, SS_DISABLE = 1, 2
MINSIGSTKSZ = 131027
SIG_DFL, SIG_IGN = 0, 1

# struct sigframe (kernel/sigframe.h) and, inside it, siginfo and sigcontext.
FRAME_HANDLER, FRAME_INFO, FRAME_CONTEXT, FRAME_LEN = 24, 32, 160, 2816
SC_FLAGS, SC_NAT, SC_STACK, SC_IP, SC_CFM, SC_UM, SC_RSC = 0, 8, 16, 40, 48, 56, 64
SC_CCV, SC_UNAT, SC_FPSR, SC_PFS, SC_PR, SC_BR, SC_GR, SC_FR = 88, 96, 104, 112, 128, 136, 200, 464
SC_RBS_BASE, SC_LOADRS, SC_AR25, SC_MASK, SC_LEN = 2512, 2520, 2528, 2640, 2656
SC_FLAG_ONSTACK, SC_FLAG_IN_SYSCALL, SC_FLAG_FPH_VALID = 1, 2, 4

FPSR_DEFAULT = 0x9804C0270033F  # uapi/asm/fpu.h

PAGE_SHIFT = 14
PAGE_LEN = 1 << PAGE_SHIFT
REGION_LIMIT = (1 << 4 * PAGE_SHIFT - 12) - PAGE_LEN  # RGN_MAP_LIMIT, three levels of page tables
TASK_SIZE = 0xA000_0000_0000_0000
MAP_BASE = 0x2000_0000_0000_0000
STACK_TOP = 0x6000_0000_0000_0000 + REGION_LIMIT
STACK_LIMIT = 8 << 20  # the soft limit; where the backing store begins follows the hard one
RBS_BOTTOM = STACK_TOP - (1 << 31)
GATE_VA = 0xA000_0000_0000_0000
MINIMUM_MAP_VA = 65536  # vm.mmap_min_addr for an unprivileged process

PROT_READ, PROT_WRITE, PROT_EXEC = 1, 2, 4
MAP_SHARED, MAP_PRIVATE, MAP_TYPE, MAP_FIXED, MAP_ANONYMOUS = 1, 2, 15, 0x10, 0x20
MAP_FIXED_NOREPLACE = 0x100000

PR_GET_UNALIGN, PR_SET_UNALIGN, PR_UNALIGN_NOPRINT, PR_UNALIGN_SIGBUS = 5, 6, 1, 2

ITC_HZ = 400_000_000
"""ar.itc's frequency: an instruction of the simulator takes 2.5 ns of the process's time."""


def cycles_from_ns(ns: int) -> int:
    """Return the first count of ar.itc not before a time in nanoseconds."""
    return -(-ns * ITC_HZ // 10**9)


def ns_from_cycles(cycles: int) -> int:
    """Return the time in nanoseconds of a count of ar.itc."""
    return cycles * 10**9 // ITC_HZ
