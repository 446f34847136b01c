/* What is different in 64-bit mode; `src-i386/mode.h` says the same of 32-bit protected mode. */
#ifndef VCPU_MODE_H
#define VCPU_MODE_H

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15, GENERAL_REGISTERS };

#define ADDRESS_BITS 64
#define HAS_REX true             /* 40 to 4f are prefixes */
#define HAS_SYSCALL true
#define LARGE_LEN (2ull << 20)   /* bytes of a large page */

#endif
