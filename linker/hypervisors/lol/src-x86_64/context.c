/* The guest's registers in a signal's frame; what a trap inside the module's short assembly paths needs. */
#include "abi.h"
#include "lol.h"

#define AUDIT_ARCH_I386 0x40000003u

void frame_from(const struct context *c)
{
    const u64 reg[16] = {c->rax, c->rcx, c->rdx, c->rbx, c->rsp, c->rbp, c->rsi, c->rdi,
                         c->r8,  c->r9,  c->r10, c->r11, c->r12, c->r13, c->r14, c->r15};

    copy_bytes(frame.reg, reg, sizeof reg);
    frame.rip = c->rip;
    take_host_flags(c->flags);
}

void frame_to(struct context *c)
{
    c->rax = frame.reg[RAX], c->rcx = frame.reg[RCX], c->rdx = frame.reg[RDX], c->rbx = frame.reg[RBX];
    c->rsp = frame.reg[RSP], c->rbp = frame.reg[RBP], c->rsi = frame.reg[RSI], c->rdi = frame.reg[RDI];
    c->r8 = frame.reg[R8], c->r9 = frame.reg[R9], c->r10 = frame.reg[R10], c->r11 = frame.reg[R11];
    c->r12 = frame.reg[R12], c->r13 = frame.reg[R13], c->r14 = frame.reg[R14], c->r15 = frame.reg[R15];
    c->rip = frame.rip;
    c->flags = frame.flags;
}

/*
 * Single-step through the module: an image that popfq or iretq is about to load must carry the trap flag on, and pushfq,
 * with which lol_pushfq begins, must not store it: it is worked here.
 */
void keep_stepping(struct context *c)
{
    const u8 *code = (const u8 *)c->rip;
    u64 *stack = (u64 *)c->rsp;

    c->flags |= FLAG_TF;
    if (code[0] == 0x9c) { /* pushfq */
        c->rsp -= 8;
        *(u64 *)c->rsp = c->flags & ~(u64)FLAG_TF;
        c->rip++;
    }
    if (code[0] == 0x9d) /* popfq */
        stack[0] |= FLAG_TF;
    if (code[0] == 0x48 && code[1] == 0xcf) /* iretq */
        stack[2] |= FLAG_TF;
}

/* iretq goes to the guest with its flags: no trap in between. */
void leave_stepping(struct context *c)
{
    (void)c;
}

/* A system call of a program of the guest; RIP is behind it. */
struct fault program_call(u32 arch)
{
    if (arch != AUDIT_ARCH_I386)
        return user_syscall();
    frame.rip -= 2;
    return software_interrupt(0x80, frame.rip + 2);
}

/*
 * SYSENTER, where the processor has it in 64-bit mode, enters the host. It keeps neither RIP nor RSP: it goes on in 32-bit mode
 * at the lower half of an address in its own vDSO, with a system call made (SIGSYS) or not.
 */
bool entered_host(const struct context *c)
{
    return c->cs != HOST_CS;
}
