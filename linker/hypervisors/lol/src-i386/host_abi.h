/*
 * Linux on x86-64 as 32-bit programs see it: system call numbers (asm/unistd_32.h), structures, and where a guest may be.
 * `../src-x86_64/host_abi.h` is the same for 64-bit programs.
 */
#ifndef LOL_HOST_ABI_H
#define LOL_HOST_ABI_H

#include "vcpu.h"

#define SYS_read 3
#define SYS_write 4
#define SYS_open 5
#define SYS_close 6
#define SYS_lseek 19
#define SYS_getpid 20
#define SYS_ioctl 54
#define SYS_fcntl 55
#define SYS_munmap 91
#define SYS_ftruncate 93
#define SYS_mprotect 125
#define SYS_prctl 172
#define SYS_rt_sigaction 174
#define SYS_sigaltstack 186
#define SYS_exit_group 252
#define SYS_timer_create 259
#define SYS_timer_settime 409 /* timer_settime64: takes 64-bit seconds, as the next */
#define SYS_ppoll 414         /* ppoll_time64 */
#define SYS_memfd_create 356
#define SYS_arch_prctl 384

/* The guest's addresses end where the module's window on the guest's memory begins; the host's stack is behind it. */
#define WINDOW_END_VA 0xf0000000ull
#define GUEST_END_VA(memory_len) (WINDOW_END_VA - (memory_len))
#define MAX_MEMORY (1ull << 30)
#define MAX_MEMORY_TEXT "1G"

struct program_header { /* Elf32_Phdr */
    u32 type, offset, va, pa, file_len, memory_len, flags, align;
};

struct symbol { /* Elf32_Sym */
    u32 name, value, size;
    u8 info, other;
    u16 section;
};

/* struct sigcontext_32, asm/sigcontext.h, as rt_sigframe_ia32 has it; names as in 64-bit mode */
struct context {
    u32 gs, fs, es, ds; /* 16 bits each, and padding */
    u32 rdi, rsi, rbp, rsp, rbx, rdx, rcx, rax;
    u32 trap, error, rip;
    u32 cs, flags, sp_at_signal, ss;
    u32 fpu_state, old_mask, cr2;
};

#endif
