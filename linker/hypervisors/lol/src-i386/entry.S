/*
 * Entries of the module. Sites reach them; only what is fast stays here. Signals: see ../src-x86_64/entry.S, of which this is the
 * 32-bit form. Data are reached at fixed addresses.
 */
#include "frame.h"

    .file "entry.S"

#define LOL_ABI 1
#define VIF_BYTE vcpu_vif_word+1

    .macro export name
    .globl \name
    .type \name, @function
    .endm

    .section .text.entry, "ax", @progbits

/* Save the guest's registers in `frame` and get on the module's stack. */
    .macro ENTER
    movl %esp, frame+F_RSP
    movl $lol_stack_top, %esp
    movb $1, lol_in_slow
    pushfl
    popl frame+F_FLAGS
    movl %eax, frame+F_RAX
    movl %ecx, frame+F_RCX
    movl %edx, frame+F_RDX
    movl %ebx, frame+F_RBX
    movl %ebp, frame+F_RBP
    movl %esi, frame+F_RSI
    movl %edi, frame+F_RDI
    pushl $2                        /* flags as the C ABI wants them: DF, TF, NT, AC clear */
    popfl
    .endm

/*
 * Process entry: the bound image's e_entry. The stack is what execve() made: argc, argv, envp, auxiliary vector.
 */
    export lol_start
lol_start:
    movl %esp, %eax
    movl $lol_stack_top, %esp
    xorl %ebp, %ebp
    pushl %eax
    call start_of_day
    movl $lol_stack_top, %esp
    /* falls into lol_leave: the guest's first instruction */

/* To the guest, as `frame` says. Interrupts that came meanwhile are taken first. */
lol_leave:
    movb $0, lol_in_slow
    cmpb $0, vcpu_pending
    je lol_leave_now
    cmpb $0, VIF_BYTE
    je lol_leave_now
    movb $1, lol_in_slow
    call slow_deliver
    jmp lol_leave
lol_leave_now:
    movb $0, lol_in_slow
    movl frame+F_RAX, %eax
    movl frame+F_RCX, %ecx
    movl frame+F_RDX, %edx
    movl frame+F_RBX, %ebx
    movl frame+F_RBP, %ebp
    movl frame+F_RSI, %esi
    movl frame+F_RDI, %edi
    /* iretl would take neither the stack pointer nor the guest's stack as it is: flags, stack, then a jump that touches none */
    movl $frame+F_FLAGS, %esp
    popfl
    movl frame+F_RSP, %esp
    .globl leave_jump
    .hidden leave_jump
leave_jump:
    jmp *frame+F_RIP

/*
 * sti, called.      site:  90 ... e8 rel32    call lol_sti
 * An interrupt already pending goes the long way.
 */
    .globl short_entries
    .hidden short_entries
short_entries:
    export lol_sti
lol_sti:
    movb $2, VIF_BYTE
    movl %ecx, scratch0
    movzbl vcpu_pending, %ecx
    jecxz 1f                        /* the one conditional jump that needs no flags */
    jmp 2f
1:  movl scratch0, %ecx
    ret
2:  movl scratch0, %ecx
    ENTER
    call slow_sti
    jmp lol_leave_now               /* one instruction of the guest comes first */

/*
 * pushfl, called.   stack at entry: [return]     at the end: [flags], gone on at return
 * IF is always set in the hardware register, IOPL, NT and AC never; lea adds without touching the flags.
 */
    export lol_pushf
lol_pushf:
    pushfl
    movl %eax, scratch0
    movl %ecx, scratch1
    popl %eax
    movl vcpu_vif_word, %ecx
    leal -0x200(%eax,%ecx), %eax
    movl vcpu_other_flags, %ecx
    leal (%eax,%ecx), %eax
    movl (%esp), %ecx
    movl %eax, (%esp)
    pushl %ecx
    movl scratch0, %eax
    movl scratch1, %ecx
    ret

/*
 * popfl, called.    stack at entry: [return] [flags]     at the end: both gone
 * Flags that have no bit of their own in the hardware register, and an interrupt to take, go the long way.
 */
#define POPF_LONG_WAY 0x1f7100      /* TF IOPL NT RF VM AC VIF VIP */
    export lol_popf
lol_popf:
    movl %eax, scratch0
    movl %ecx, scratch1
    movl 4(%esp), %eax
    testl $POPF_LONG_WAY, %eax
    jnz 2f
    cmpl $0, vcpu_other_flags
    jne 2f
    movl %eax, %ecx
    shrl $8, %ecx
    andl $2, %ecx
    movb %cl, VIF_BYTE
    cmpb $0, vcpu_pending
    je 1f
    cmpb $0, VIF_BYTE
    jne 2f
1:  pushl %eax                      /* a copy: what the guest popped stays below its esp as it was */
    movl scratch0, %eax
    movl scratch1, %ecx
    popfl
    ret $4
2:  movl scratch0, %eax
    movl scratch1, %ecx
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
 *                   stub:  c7 05 abs32 imm32            movl $row, lol_row
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
 *                   stub:  c7 05 abs32 imm32            movl $row, lol_row
 *                          c7 05 abs32 imm32            movl $site, lol_site_start
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
    pushfl
    andl $~0x40000, (%esp)
    popfl
    jmp signal_handler

/* What the host's signal frame returns through (SA_RESTORER); the return took its address off the stack. */
    .globl signal_restorer
    .hidden signal_restorer
signal_restorer:
    movl $173, %eax                 /* rt_sigreturn */
    int $0x80

/* long raw_host_call(long number, const long arguments[6]) */
    .globl raw_host_call
    .hidden raw_host_call
raw_host_call:
    pushl %ebx
    pushl %esi
    pushl %edi
    pushl %ebp
    movl 20(%esp), %eax
    movl 24(%esp), %ebp
    movl (%ebp), %ebx
    movl 4(%ebp), %ecx
    movl 8(%ebp), %edx
    movl 12(%ebp), %esi
    movl 16(%ebp), %edi
    movl 20(%ebp), %ebp
    int $0x80
    popl %ebp
    popl %edi
    popl %esi
    popl %ebx
    ret

    .section .bss
    .balign 64
    .globl frame
    .hidden frame
frame:
    .skip F_LEN
    .balign 8
scratch0:
    .skip 4
scratch1:
    .skip 4
    .balign 4096
    .skip 16384
lol_stack_top:

    .section .note.previrt.module, "a", @note
    .balign 4
    .long 8, 24, 5                  /* name size, descriptor size, type MODULE */
    .asciz "previrt"
    .ascii "lol\0\0\0\0\0\0\0\0\0\0\0\0\0"
    .short 3, 0                     /* EM_386 */
    .long LOL_ABI
    .section .note.GNU-stack, "", @progbits
