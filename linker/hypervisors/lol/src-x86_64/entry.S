/*
 * Entries of the module. Sites reach them; only what is fast stays here.
 *
 * A signal may arrive between any two instructions. It never uses `frame` while RIP is in the module's text, unless
 * lol_in_slow says C code owns it, and then it only leaves word (vcpu_pending). If RIP is in the text here it lets the
 * CPU single-step to the guest and delivers there (signals.c). ENTER sets lol_in_slow, which ends the stepping, in
 * front of its pushfq; the one of lol_pushfq is worked by the handler, so that no trap flag reaches the guest.
 */
#include "abi.h"
#include "frame.h"

    .file "entry.S"

#define VIF_BYTE vcpu_vif_word+1(%rip)

    .macro export name
    .globl \name
    .type \name, @function
    .endm

    .section .text.entry, "ax", @progbits

/* Save the guest's registers in `frame` and get on the module's stack. */
    .macro ENTER
    mov %rsp, frame+F_RSP(%rip)
    lea lol_stack_top(%rip), %rsp
    movb $1, lol_in_slow(%rip)
    pushfq
    popq frame+F_FLAGS(%rip)
    mov %rax, frame+F_RAX(%rip)
    mov %rcx, frame+F_RCX(%rip)
    mov %rdx, frame+F_RDX(%rip)
    mov %rbx, frame+F_RBX(%rip)
    mov %rbp, frame+F_RBP(%rip)
    mov %rsi, frame+F_RSI(%rip)
    mov %rdi, frame+F_RDI(%rip)
    mov %r8, frame+F_R8(%rip)
    mov %r9, frame+F_R8+8(%rip)
    mov %r10, frame+F_R8+16(%rip)
    mov %r11, frame+F_R8+24(%rip)
    mov %r12, frame+F_R8+32(%rip)
    mov %r13, frame+F_R8+40(%rip)
    mov %r14, frame+F_R8+48(%rip)
    mov %r15, frame+F_R15(%rip)
    pushq $2                        /* flags as the C ABI wants them: DF, TF, NT, AC clear */
    popfq
    .endm

/*
 * Process entry: the bound image's e_entry. The stack is what execve() made: argc, argv, envp, auxiliary vector.
 */
    export lol_start
lol_start:
    movq $HOST_CS, frame+F_HOST_CS(%rip)
    movq $HOST_SS, frame+F_HOST_SS(%rip)
    mov %rsp, %rdi
    lea lol_stack_top(%rip), %rsp
    xor %ebp, %ebp
    call start_of_day
    /* falls into lol_leave: the guest's first instruction */

/* To the guest, as `frame` says. Interrupts that came meanwhile are taken first. */
lol_leave:
    movb $0, lol_in_slow(%rip)
    cmpb $0, vcpu_pending(%rip)
    je lol_leave_now
    cmpb $0, VIF_BYTE
    je lol_leave_now
    movb $1, lol_in_slow(%rip)
    call slow_deliver
    jmp lol_leave
lol_leave_now:
    movb $0, lol_in_slow(%rip)
    mov frame+F_RSP(%rip), %rax
    mov %rax, frame+F_IRET_RSP(%rip)
    mov frame+F_RAX(%rip), %rax
    mov frame+F_RCX(%rip), %rcx
    mov frame+F_RDX(%rip), %rdx
    mov frame+F_RBX(%rip), %rbx
    mov frame+F_RBP(%rip), %rbp
    mov frame+F_RSI(%rip), %rsi
    mov frame+F_RDI(%rip), %rdi
    mov frame+F_R8(%rip), %r8
    mov frame+F_R8+8(%rip), %r9
    mov frame+F_R8+16(%rip), %r10
    mov frame+F_R8+24(%rip), %r11
    mov frame+F_R8+32(%rip), %r12
    mov frame+F_R8+40(%rip), %r13
    mov frame+F_R8+48(%rip), %r14
    mov frame+F_R15(%rip), %r15
    lea frame+F_RIP(%rip), %rsp     /* iretq pops straight from `frame`; signals have a stack of their own */
    iretq

/*
 * sti, called.      site:  e8 rel32    call lol_sti
 * An interrupt already pending goes the long way.
 */
    .globl short_entries
    .hidden short_entries
short_entries:
    export lol_sti
lol_sti:
    movb $2, VIF_BYTE
    mov %rcx, scratch0(%rip)
    movzbl vcpu_pending(%rip), %ecx
    jrcxz 1f                        /* the one conditional jump that needs no flags */
    jmp 2f
1:  mov scratch0(%rip), %rcx
    ret
2:  mov scratch0(%rip), %rcx
    ENTER
    call slow_sti
    jmp lol_leave_now               /* one instruction of the guest comes first */

/*
 * pushfq, called.   stack at entry: [return]     at the end: [flags], gone on at return
 * IF is always set in the hardware register, IOPL, NT and AC never; lea adds without touching the flags.
 */
    export lol_pushfq
lol_pushfq:
    pushfq
    mov %rax, scratch0(%rip)
    mov %rcx, scratch1(%rip)
    pop %rax
    mov vcpu_vif_word(%rip), %ecx
    lea -0x200(%rax,%rcx), %rax
    mov vcpu_other_flags(%rip), %ecx
    lea (%rax,%rcx), %rax
    mov (%rsp), %rcx
    mov %rax, (%rsp)
    push %rcx
    mov scratch0(%rip), %rax
    mov scratch1(%rip), %rcx
    ret

/*
 * popfq, called.    stack at entry: [return] [flags]     at the end: both gone
 * Flags that have no bit of their own in the hardware register, and an interrupt to take, go the long way.
 */
#define POPF_LONG_WAY 0x1f7100      /* TF IOPL NT RF VM AC VIF VIP */
    export lol_popfq
lol_popfq:
    mov %rax, scratch0(%rip)
    mov %rcx, scratch1(%rip)
    mov 8(%rsp), %rax
    test $POPF_LONG_WAY, %eax
    jnz 2f
    cmpl $0, vcpu_other_flags(%rip)
    jne 2f
    mov %eax, %ecx
    shr $8, %ecx
    and $2, %ecx
    mov %cl, VIF_BYTE
    cmpb $0, vcpu_pending(%rip)
    je 1f
    cmpb $0, VIF_BYTE
    jne 2f
1:  push %rax                       /* a copy: what the guest popped stays below its rsp as it was */
    mov scratch0(%rip), %rax
    mov scratch1(%rip), %rcx
    popfq
    ret $8
2:  mov scratch0(%rip), %rax
    mov scratch1(%rip), %rcx
    ENTER
    call slow_popf
    jmp lol_leave

    .globl short_entries_end
    .hidden short_entries_end
short_entries_end:
/* hlt, called. */
    export lol_hlt
lol_hlt:
    ENTER
    call slow_hlt
    jmp lol_leave

/*
 * All other called sites, through a stub an instruction:
 *                   site:  e8 rel32                     call stub
 *                   stub:  48 c7 05 rel32 imm32         movq $row, lol_row
 *                          e9 rel32                     jmp lol_emulate_call
 */
    export lol_emulate_call
lol_emulate_call:
    ENTER
    call slow_emulate_call
    jmp lol_leave

/*
 * Sites that may have no stack, through a stub a site:
 *                   site:  e9 rel32                     jmp stub
 *                   stub:  48 c7 05 rel32 imm32         movq $row, lol_row
 *                          48 c7 05 rel32 imm32         movq $site, lol_site_start
 *                          e9 rel32                     jmp lol_emulate_jump
 */
    export lol_emulate_jump
lol_emulate_jump:
    ENTER
    call slow_emulate_jump
    jmp lol_leave

/*
 * Signal handlers begin here: the host leaves AC as it was, and C code is not aligned to that. All other flags stay; of ID
 * the host's sigreturn restores nothing.
 */
    .globl signal_entry
    .hidden signal_entry
signal_entry:
    pushfq
    andl $~0x40000, (%rsp)
    popfq
    jmp signal_handler

/* What the host's signal frame returns through (SA_RESTORER). */
    .globl signal_restorer
    .hidden signal_restorer
signal_restorer:
    mov $15, %eax                   /* rt_sigreturn */
    syscall

    .section .bss
    .balign 64
    .globl frame
    .hidden frame
frame:
    .skip F_LEN
scratch0:
    .skip 8
scratch1:
    .skip 8
    .balign 4096
    .skip 16384
lol_stack_top:

    .section .note.previrt.module, "a", @note
    .balign 4
    .long 8, 24, 5                  /* name size, descriptor size, type MODULE */
    .asciz "previrt"
    .ascii "lol\0\0\0\0\0\0\0\0\0\0\0\0\0"
    .short 62, 0                    /* EM_X86_64 */
    .long LOL_ABI
    .section .note.GNU-stack, "", @progbits
