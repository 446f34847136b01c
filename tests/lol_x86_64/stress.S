/*
 * A guest that lets interrupts fall everywhere: the 8254 at 5 kHz while a loop runs through the flag instructions and
 * some slow ones, with every register, the stack and the flags checked in each round. An interrupt taken while the
 * guest has IF clear, a register or flag that changes, or a lost timer ends it with a letter; all well with "ok".
 */
    .set TICKS_WANTED, 6000
    .set COM1, 0x3f8
    .set CODE, 0x08

    .section .text
    .globl startup_64
    .type startup_64, @function
startup_64:
    lea stack_top(%rip), %rsp
    lgdt gdt_pointer
    pushq $CODE
    push $1f
    lretq
1:  xor %eax, %eax
    mov %eax, %ss

    /* IDT entry 0x20: the timer. All others are absent: any exception ends in a triple fault. */
    mov $timer, %eax
    mov %ax, idt + 0x200
    movw $CODE, idt + 0x202
    movw $0x8e00, idt + 0x204
    shr $16, %eax
    mov %ax, idt + 0x206
    lidt idt_pointer

    /* 8259: vectors from 0x20, only the timer open. */
    mov $0x11, %al
    out %al, $0x20
    mov $0x20, %al
    out %al, $0x21
    mov $4, %al
    out %al, $0x21
    mov $1, %al
    out %al, $0x21
    mov $0xfe, %al
    out %al, $0x21
    /* 8254 channel 0: mode 2, 1193182 / 239, about 5 kHz */
    mov $0x34, %al
    out %al, $0x43
    mov $239, %al
    out %al, $0x40
    xor %al, %al
    out %al, $0x40

    mov $0x1111111111111111, %rax
    mov $0x2222222222222222, %rcx
    mov $0x3333333333333333, %rdx
    mov $0x4444444444444444, %rbx
    mov $0x5555555555555555, %rbp
    mov $0x6666666666666666, %rsi
    mov $0x7777777777777777, %rdi
    mov $0x8888888888888888, %r8
    mov $0x9999999999999999, %r9
    mov $0xaaaaaaaaaaaaaaaa, %r10
    mov $0xbbbbbbbbbbbbbbbb, %r11
    mov $0xcccccccccccccccc, %r12
    mov $0xdddddddddddddddd, %r13
    mov $0xeeeeeeeeeeeeeeee, %r14
    mov $0xffffffffffffffff, %r15

/* Carry and direction are set all the time but where a test needs them clear: sti, cli, pushf, popf must keep them. */
round:
    stc
    std
    movb $1, open                   /* from here interrupts may come */
    sti
    jnc flags_bad
    pushfq
    popfq
    jnc flags_bad
    pushfq
    cli
    movb $0, open
    jnc flags_bad
    testl $0x200, (%rsp)            /* IF was set */
    jz flags_bad
    testl $0x400, (%rsp)            /* DF was set */
    jz flags_bad
    testl $0x100, (%rsp)            /* TF never is */
    jnz trap_bad
    movb $1, open
    stc
    popfq                           /* IF again */
    jnc flags_bad
    pushfq
    orq $0x200, (%rsp)
    popfq
    mov %cr0, %rax
    mov $0x1111111111111111, %rax
    cli
    movb $0, open
    pushfq
    testl $0x200, (%rsp)
    jnz flags_bad
    mov %rax, save
    in $0x21, %al
    mov save, %rax
    movb $1, open
    sti
    swapgs
    swapgs
    cli
    movb $0, open
    popfq                           /* IF clear */
    call check
    cmpq $TICKS_WANTED, ticks
    jb round

    movb $1, open
    sti
    hlt                             /* and it still sleeps and wakes */
    cli
    mov $'o', %al
    call put
    mov $'k', %al
    jmp finish

check:
    mov $0x1111111111111111, %r15
    cmp %r15, %rax
    jne register_bad
    mov $0x2222222222222222, %r15
    cmp %r15, %rcx
    jne register_bad
    mov $0x3333333333333333, %r15
    cmp %r15, %rdx
    jne register_bad
    mov $0x4444444444444444, %r15
    cmp %r15, %rbx
    jne register_bad
    mov $0x5555555555555555, %r15
    cmp %r15, %rbp
    jne register_bad
    mov $0x6666666666666666, %r15
    cmp %r15, %rsi
    jne register_bad
    mov $0x7777777777777777, %r15
    cmp %r15, %rdi
    jne register_bad
    mov $0x8888888888888888, %r15
    cmp %r15, %r8
    jne register_bad
    mov $0x9999999999999999, %r15
    cmp %r15, %r9
    jne register_bad
    mov $0xaaaaaaaaaaaaaaaa, %r15
    cmp %r15, %r10
    jne register_bad
    mov $0xbbbbbbbbbbbbbbbb, %r15
    cmp %r15, %r11
    jne register_bad
    mov $0xcccccccccccccccc, %r15
    cmp %r15, %r12
    jne register_bad
    mov $0xdddddddddddddddd, %r15
    cmp %r15, %r13
    jne register_bad
    mov $0xeeeeeeeeeeeeeeee, %r15
    cmp %r15, %r14
    jne register_bad
    lea stack_top - 8(%rip), %r15
    cmp %r15, %rsp
    jne stack_bad
    ret

timer:
    cmpb $1, open
    jne closed
    testl $0x100, 16(%rsp)
    jnz trap_bad
    incq ticks
    push %rax
    mov $0x20, %al
    out %al, $0x20
    pop %rax
    iretq

closed:
    mov $'C', %al
    jmp finish
flags_bad:
    mov $'F', %al
    jmp finish
trap_bad:
    mov $'T', %al
    jmp finish
register_bad:
    mov $'R', %al
    jmp finish
stack_bad:
    mov $'S', %al
finish:
    call put
    mov $'\n', %al
    call put
    mov $0x604, %dx
    mov $0x2000, %ax
    out %ax, %dx
    hlt

put:
    mov $COM1, %dx
    out %al, %dx
    ret

    .data
    .balign 16
gdt:
    .quad 0, 0x00af9b000000ffff
gdt_pointer:
    .word 15
    .quad gdt
idt_pointer:
    .word 0x20f
    .quad idt
ticks:
    .quad 0
save:
    .quad 0
open:
    .byte 0
    .balign 16
idt:
    .skip 0x210
    .skip 4096
    .balign 16
stack_top:
    .skip 16
    .section .note.GNU-stack, "", @progbits
