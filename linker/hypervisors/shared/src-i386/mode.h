/* What is different in 32-bit protected mode; `src-x86_64/mode.h` says the same of 64-bit mode. */
#ifndef VCPU_MODE_H
#define VCPU_MODE_H

/* The names of 64-bit mode: the number counts, and files of both modes use them. */
enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, GENERAL_REGISTERS };

#define ADDRESS_BITS 32
#define HAS_REX false            /* 40 to 4f are INC and DEC */
#define HAS_SYSCALL false
#define HAS_RDTSCP false
#define IS_CANONICAL(va) ((u32)(va) == (va))
#define LARGE_LEN (4ull << 20)   /* bytes of a large page */

#define SYSTEM_DESCRIPTOR_LEN 8
#define REGISTER_NAMES { "eax ", " ecx ", " edx ", " ebx ", "esp ", " ebp ", " esi ", " edi " } /* of a report, four a line */
#define ADDRESS_NAME "eip "
#define FLAGS_NAME " flg "

#endif
