/* What is different in 64-bit mode; `src-i386/mode.h` says the same of 32-bit protected mode. */
#ifndef VCPU_MODE_H
#define VCPU_MODE_H

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15, GENERAL_REGISTERS };

#define ADDRESS_BITS 64
#define HAS_REX true             /* 40 to 4f are prefixes */
#define HAS_SYSCALL true
#define HAS_RDTSCP true
#define IS_CANONICAL(va) ((u64)((s64)((va) << 16) >> 16) == (va))
#define LARGE_LEN (2ull << 20)   /* bytes of a large page */

#define SYSTEM_DESCRIPTOR_LEN 16
#define REGISTER_NAMES { "rax ", " rcx ", " rdx ", " rbx ", "rsp ", " rbp ", " rsi ", " rdi ", \
    "r8  ", " r9  ", " r10 ", " r11 ", "r12 ", " r13 ", " r14 ", " r15 " } /* of a report, four a line */
#define ADDRESS_NAME "rip "
#define FLAGS_NAME " flg "

#endif
