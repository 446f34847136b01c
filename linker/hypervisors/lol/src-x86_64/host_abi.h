/*
 * Linux on x86-64 as its programs see it: system call numbers (asm/unistd_64.h), structures, and where a guest may be.
 * `../src-i386/host_abi.h` is the same for 32-bit programs.
 */
#ifndef LOL_HOST_ABI_H
#define LOL_HOST_ABI_H

#include "vcpu.h"

#define SYS_read 0
#define SYS_write 1
#define SYS_open 2
#define SYS_close 3
#define SYS_lseek 8
#define SYS_mprotect 10
#define SYS_munmap 11
#define SYS_rt_sigaction 13
#define SYS_ioctl 16
#define SYS_getpid 39
#define SYS_fcntl 72
#define SYS_ftruncate 77
#define SYS_sigaltstack 131
#define SYS_prctl 157
#define SYS_arch_prctl 158
#define SYS_timer_create 222
#define SYS_timer_settime 223 /* takes 64-bit seconds, as the next */
#define SYS_ppoll 271
#define SYS_exit_group 231
#define SYS_memfd_create 319

/* The guest's addresses end where the module's window on the guest's memory begins. */
#define GUEST_END_VA(memory_len) 0x7f0000000000ull
#define MAX_MEMORY (16ull << 30)
#define MAX_MEMORY_TEXT "16G"

struct program_header { /* Elf64_Phdr */
    u32 type, flags;
    u64 offset, va, pa, file_len, memory_len, align;
};

struct symbol { /* Elf64_Sym */
    u32 name;
    u8 info, other;
    u16 section;
    u64 value, size;
};

/* struct sigcontext, asm/sigcontext.h, as rt_sigframe has it */
struct context {
    u64 r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, flags;
    u16 cs, gs, fs, ss;
    u64 error, trap, old_mask, cr2;
};

#endif
