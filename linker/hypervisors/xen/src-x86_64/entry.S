/*
 * Entries of the module: Xen's, in its kernel mode with the module's stack, and those that sites call, in its user mode
 * with the guest's stack.
 *
 * An event may come between any two instructions of the latter. It is delivered only when RIP is out of the module's
 * text again: traps.c lets the CPU single-step that far.
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

/* Filled by Xen (note HYPERCALL_PAGE). First in the module, which stands at a page's start. */
    .balign 4096
    export hypercall_page
hypercall_page:
    .globl hypercall_stubs
    .hidden hypercall_stubs
hypercall_stubs:
    .skip 4096, 0xcc

/* The bound image's entry: RSI is struct start_info, events are masked, the stack is the bootstrap stack (xen.h). */
    export xen_start
xen_start:
    cmpb $0xcc, hypercall_stubs(%rip)
    je not_on_xen
    cld
    lea xen_stack_top(%rip), %rsp
    mov %rsi, %rdi
    xor %ebp, %ebp
    call start_of_day
    jmp xen_leave

/*
 * Nobody filled the hypercall page: Linux started the image as a program, or something on the bare machine entered it in
 * long mode. Says so by write(2), or on COM1, and ends.
 */
not_on_xen:
    lea not_on_xen_text(%rip), %rsi
    mov $not_on_xen_end - not_on_xen_text, %edx
    mov %cs, %eax
    test $3, %al
    jz 1f
    mov $2, %edi
    mov $1, %eax                    /* write */
    syscall
    mov $1, %edi
    mov $231, %eax                  /* exit_group */
    syscall
1:  mov %edx, %ecx
    mov $0x3f8, %edx
    rep outsb
2:  cli
    hlt
    jmp 2b
not_on_xen_text:
    .ascii "previrt-xen: this image is bound to xen and must be started by Xen as a PV domain\n"
not_on_xen_end:

/*
 * To the guest, as `frame` says, by the iret hypercall. Its stub pushes RCX, R11 and RAX in front of struct iret_context's
 * flags word, which is the last of the frame's host words; in front of RIP it is zero: all registers are restored.
 */
xen_leave:
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
    lea frame+F_HOST_WORDS+24(%rip), %rsp
    jmp hypercall_stubs + HYPERVISOR_IRET * HYPERCALL_STUB_LEN

/*
 * From the guest. Xen's frame, upwards from RSP: RCX, R11, the error code if the vector has one, RIP, CS, RFLAGS, RSP, SS;
 * RPL of CS is 0 if it was Xen's kernel mode, that is the module, that was interrupted.
 */
    .macro trap number, rip_offset
    push %rax
    mov \rip_offset(%rsp), %rax     /* the error code, or R11 */
    mov %rax, trap_error(%rip)
    movl $\number, trap_vector(%rip)
    lea 8+\rip_offset(%rsp), %rax
    jmp xen_trap
    .endm

    .globl trap_entries
    .hidden trap_entries
    .balign 64
trap_entries:
    .irp number, 0, 1, 2, 3, 4, 5, 6, 7
    .balign 64
    trap \number, 16
    .endr
    .balign 64
    trap 8, 24
    .balign 64
    trap 9, 16
    .irp number, 10, 11, 12, 13, 14
    .balign 64
    trap \number, 24
    .endr
    .balign 64
    trap 15, 16
    .balign 64
    trap 16, 16
    .balign 64
    trap 17, 24
    .irp number, 18, 19
    .balign 64
    trap \number, 16
    .endr

    .macro entry name, number
    .globl \name
    .hidden \name
\name:
    trap \number, 16
    .endm
    entry site_entry, TRAP_SITE
    entry event_entry, TRAP_EVENT
    entry syscall_entry, TRAP_SYSCALL

/* iret met a segment it cannot load: DS, ES, FS, GS stand in front of RCX (arch-x86/xen.h, failsafe callback). */
    .globl failsafe_entry
    .hidden failsafe_entry
failsafe_entry:
    add $32, %rsp
    trap TRAP_FAILSAFE, 16

/* RAX points at RIP in Xen's frame; the guest's RAX, RCX and R11 are on the stack. */
xen_trap:
    mov %r8, frame+F_R8(%rip)
    testb $3, 8(%rax)
    jz xen_trap_in_module
    pop %r8
    mov %r8, frame+F_RAX(%rip)
    pop frame+F_RCX(%rip)
    pop frame+F_R8+24(%rip)
    mov %rdx, frame+F_RDX(%rip)
    mov %rbx, frame+F_RBX(%rip)
    mov %rbp, frame+F_RBP(%rip)
    mov %rsi, frame+F_RSI(%rip)
    mov %rdi, frame+F_RDI(%rip)
    mov %r9, frame+F_R8+8(%rip)
    mov %r10, frame+F_R8+16(%rip)
    mov %r12, frame+F_R8+32(%rip)
    mov %r13, frame+F_R8+40(%rip)
    mov %r14, frame+F_R8+48(%rip)
    mov %r15, frame+F_R15(%rip)
    mov (%rax), %rcx
    mov %rcx, frame+F_RIP(%rip)
    mov 16(%rax), %rcx
    mov %rcx, frame+F_FLAGS(%rip)
    mov 24(%rax), %rcx
    mov %rcx, frame+F_RSP(%rip)
    lea xen_stack_top(%rip), %rsp
    mov trap_vector(%rip), %edi
    mov trap_error(%rip), %rsi
    cld
    call trap_from_guest
    jmp xen_leave

xen_trap_in_module:
    mov trap_vector(%rip), %edi
    mov (%rax), %rsi
    lea xen_stack_top(%rip), %rsp
    call trap_in_module

/* ---- what sites call ---- */

/*
 * sti, called.      site:  e8 rel32    call xen_sti
 * An interrupt already pending goes the long way.
 */
    export xen_sti
xen_sti:
    movb $2, VIF_BYTE
    mov %rcx, scratch0(%rip)
    movzbl vcpu_pending(%rip), %ecx
    jrcxz 1f                        /* the one conditional jump that needs no flags */
    mov scratch0(%rip), %rcx
    int $TRAP_SITE
    .globl sti_trapped
    .hidden sti_trapped
sti_trapped:
1:  mov scratch0(%rip), %rcx
    ret

/*
 * pushfq, called.   stack at entry: [return]     at the end: [flags], gone on at return
 * IF is always set in the hardware register, IOPL, NT and AC never; lea adds without touching the flags.
 */
    export xen_pushfq
xen_pushfq:
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
    export xen_popfq
xen_popfq:
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
    int $TRAP_SITE
    .globl popf_trapped
    .hidden popf_trapped
popf_trapped:
    ud2                             /* the long way goes on behind the site */

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
trap_error:
    .skip 8
trap_vector:
    .skip 4
    .balign 4096
    .skip 16384
    .globl xen_stack_top
    .hidden xen_stack_top
xen_stack_top:

    .section .note.previrt.module, "a", @note
    .balign 4
    .long 8, 24, 5                  /* name size, descriptor size, type MODULE */
    .asciz "previrt"
    .ascii "xen\0\0\0\0\0\0\0\0\0\0\0\0\0"
    .short 62, 0                    /* EM_X86_64 */
    .long XEN_MODULE_ABI
    .section .note.GNU-stack, "", @progbits
