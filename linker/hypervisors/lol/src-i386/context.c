/* The guest's registers in a signal's frame; what a trap inside the module's short assembly paths needs. */
#include "host_segments.h"
#include "../src-x86_64/lol.h"

extern const u8 leave_jump[] __attribute__((visibility("hidden")));

void frame_from(const struct context *c)
{
    const u32 reg[8] = {c->rax, c->rcx, c->rdx, c->rbx, c->rsp, c->rbp, c->rsi, c->rdi};

    copy_bytes(frame.reg, reg, sizeof reg);
    frame.rip = c->rip;
    take_host_flags(c->flags);
}

void frame_to(struct context *c)
{
    c->rax = frame.reg[RAX], c->rcx = frame.reg[RCX], c->rdx = frame.reg[RDX], c->rbx = frame.reg[RBX];
    c->rsp = frame.reg[RSP], c->rbp = frame.reg[RBP], c->rsi = frame.reg[RSI], c->rdi = frame.reg[RDI];
    c->rip = frame.rip;
    c->flags = frame.flags;
    c->fs = host_fs();
    c->gs = host_gs();
}

/* The last jump of the way to the guest is worked here, or the trap behind it would come before the guest's instruction. */
void leave_stepping(struct context *c)
{
    if (c->rip == (uword)leave_jump)
        c->rip = frame.rip;
}

/*
 * Single-step through the module: an image that popfl is about to load must carry the trap flag on, and pushfl, with which
 * lol_pushf begins, must not store it: it is worked here.
 */
void keep_stepping(struct context *c)
{
    const u8 *code = (const u8 *)c->rip;

    c->flags |= FLAG_TF;
    if (code[0] == 0x9c) { /* pushfl */
        c->rsp -= 4;
        *(u32 *)c->rsp = c->flags & ~FLAG_TF;
        c->rip++;
    }
    if (code[0] == 0x9d) /* popfl */
        *(u32 *)c->rsp |= FLAG_TF;
    leave_stepping(c);
}

/* INT 80 of a program of the guest; EIP is behind it. */
struct fault program_call(u32 arch)
{
    (void)arch;
    frame.rip -= 2;
    return software_interrupt(0x80, frame.rip + 2);
}

/*
 * SYSENTER, and SYSCALL where the processor has it, enter the host. It does not keep EIP: it goes on in its own vDSO, behind
 * the window, with a system call made (SIGSYS) or not.
 */
bool entered_host(const struct context *c)
{
    return c->rip >= WINDOW_END_VA;
}
