/*
 * What the host CPU and the host kernel send: faults of the guest's instructions, the user programs' system calls, the
 * timer, input, and requests to end. Handlers run on a stack of their own.
 */
#include "classes.h"
#include "lol.h"

#define SIGHUP 1
#define SIGINT 2
#define SIGILL 4
#define SIGTRAP 5
#define SIGBUS 7
#define SIGFPE 8
#define SIGSEGV 11
#define SIGALRM 14
#define SIGTERM 15
#define SIGIO 29
#define SIGSYS 31

#define SA_SIGINFO 4ul
#define SA_NODEFER 0x40000000ul
#define SA_ONSTACK 0x08000000ul
#define SA_RESTORER 0x04000000ul

#define SITE_TRAP 0x0b0f /* 0f 0b, ud2: a site of a kernel module, or one that no branch takes to the module */
#define SITE_TRAP_LEN 2

#define SIGNAL_STACK_LEN 32768

struct ucontext {
    uword flags;
    void *link;
    struct {
        void *base;
        int flags;
        uword length;
    } stack;
    struct context context;
};

struct siginfo {
    int number, error, code;
    uword call_address;
    int call_number;
    u32 call_arch;
};

struct action {
    void (*handler)(int, struct siginfo *, struct ucontext *);
    uword flags;
    void (*restorer)(void);
    u64 mask;
};

void signal_entry(int number, struct siginfo *info, struct ucontext *ucontext);
void signal_restorer(void);
void signal_handler(int number, struct siginfo *info, struct ucontext *ucontext);

volatile u8 lol_in_slow = 1;
static u8 signal_stack[SIGNAL_STACK_LEN] __attribute__((aligned(64)));
/* The trap flag is ours: an interrupt is to be delivered as soon as the guest is where it can be. */
static bool stepping;

/* Whether the guest's next instruction is a bound hlt, which takes an interrupt by itself. */
static bool is_hlt_site(u64 rip)
{
    const struct site *site = site_at(rip);

    return site && site_start_va(site) == rip && site_row(site)->class_number == CLASS_HLT;
}

static void end_stepping(struct context *c)
{
    stepping = false;
    c->flags &= ~(uword)FLAG_TF;
}

/* The interrupt shadow of sti: `frame` goes to the guest with the trap flag, the trap behind its instruction delivers. */
void deliver_after_next_instruction(void)
{
    if (frame.flags & FLAG_TF) /* the guest's own trap will do */
        return;
    stepping = true;
    frame.flags |= FLAG_TF;
}

/* Registers are in `frame`, RIP in the guest: take what waits, unless a hlt about to run takes it. */
static void deliver_if_open(void)
{
    if (vcpu_pending && vcpu_vif_word && !is_hlt_site(frame.rip))
        deliver_interrupts();
}

static void asynchronous(struct context *c)
{
    if (lol_in_slow)
        return;
    update_pending();
    if (stepping || !interrupt_deliverable())
        return;
    if (in_module_text(c->rip)) {
        if (!(c->flags & FLAG_TF)) { /* else the guest steps by itself, and its trap comes here */
            stepping = true;
            keep_stepping(c);
        }
        return;
    }
    frame_from(c);
    deliver_if_open();
    frame_to(c);
}

/* A signal the module itself caused. Only the fast entries may: they use the guest's stack, which may be unmapped yet. */
static void in_module(int number, struct context *c)
{
    if (number == SIGTRAP) {
        if (stepping && lol_in_slow)
            end_stepping(c);
        else if (stepping)
            keep_stepping(c);
        else
            leave_stepping(c);
        return;
    }
    if (number == SIGSEGV && c->trap == V_PF && !lol_in_slow && !mmu_host_fault(c->cr2, access_of(c->error)).raised)
        return;
    frame_from(c);
    stop_guest("fault inside the interface module", c->cr2);
}

/* A guest that runs below where it is linked (early.c) went for the module there. */
static bool early_access(struct context *c)
{
    const struct site *site = site_at(linked_va(c->rip));
    struct fault fault;

    if (early_in_text(c->rip)) {
        c->rip = early_entry(c->rip);
        return true;
    }
    if (!site || !early_in_data(c->cr2))
        return false;
    frame_from(c); /* the inline form: what it does with the virtual CPU's words is done here */
    fault = emulate(site_row(site), c->rip + site->length);
    if (fault.raised)
        raise(fault);
    recompute_pending();
    frame_to(c);
    return true;
}

/* What the site was whose trap stands at `rip`, NULL where it is the guest's own ud2. */
static const struct row *trapped_row(u64 rip)
{
    const struct site *site = site_at(rip);

    if (!site || site_start_va(site) != rip || site_row(site)->class_number == CLASS_UD2)
        return NULL;
    return site_row(site);
}

static void from_guest(int number, const struct siginfo *info, const struct context *c)
{
    struct fault fault = NO_FAULT;
    const struct row *trapped = number == SIGILL && cpl() == 0 ? trapped_row(linked_va(frame.rip)) : NULL;
    struct row row;

    if (number == SIGSYS)
        fault = program_call(info->call_arch);
    else if (trapped)
        fault = emulate(trapped, frame.rip + SITE_TRAP_LEN);
    else if (number == SIGILL && cpl() == 0 && carried_row(frame.rip, SITE_TRAP, &row))
        fault = emulate(&row, frame.rip + SITE_TRAP_LEN + CARRIED_LEN);
    else
        fault = hardware_exception((unsigned)c->trap, c->error, c->cr2);
    if (fault.raised)
        raise(fault);
}

void signal_handler(int number, struct siginfo *info, struct ucontext *ucontext)
{
    struct context *c = &ucontext->context;
    bool was_stepping;

    if (entered_host(c)) {
        frame_from(c);
        stop_at_host_entry(0);
    }
    switch (number) {
    case SIGHUP:
    case SIGINT:
    case SIGTERM:
        stop_exit(128 + number);
    case SIGALRM:
        note_event(EVENT_TIMER);
        asynchronous(c);
        return;
    case SIGIO:
        note_event(EVENT_INPUT);
        asynchronous(c);
        return;
    default:
        break;
    }
    if (number == SIGSEGV && early_access(c))
        return;
    if (in_module_text(c->rip)) {
        in_module(number, c);
        return;
    }
    was_stepping = stepping;
    if (stepping)
        end_stepping(c);
    frame_from(c);
    if (!was_stepping || number != SIGTRAP || c->trap != V_DB)
        from_guest(number, info, c);
    if (was_stepping && number == SIGSEGV && frame.rip == c->rip)
        deliver_after_next_instruction(); /* only now its page is there */
    else
        deliver_if_open();
    recompute_pending();
    frame_to(c);
}

static u64 bit(int number)
{
    return 1ull << (number - 1);
}

static void install(int number, u64 extra_flags)
{
    struct action action = {
        .handler = signal_entry,
        .flags = SA_SIGINFO | SA_ONSTACK | SA_RESTORER | extra_flags,
        .restorer = signal_restorer,
        .mask = bit(SIGALRM) | bit(SIGIO) | bit(SIGINT) | bit(SIGTERM) | bit(SIGHUP),
    };

    host_call(SYS_rt_sigaction, number, (long)&action, 0, 8, 0, 0);
}

void signals_init(void)
{
    static const u8 synchronous[] = {SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV, SIGSYS};
    static const u8 others[] = {SIGHUP, SIGINT, SIGTERM, SIGALRM, SIGIO};
    struct {
        void *base;
        int flags;
        uword length;
    } stack = {signal_stack, 0, sizeof signal_stack};
    unsigned i;

    host_call(SYS_sigaltstack, (long)&stack, 0, 0, 0, 0, 0);
    /* Not deferred: a fault of a handler must be reported, not kill the process silently. */
    for (i = 0; i < sizeof synchronous; i++)
        install(synchronous[i], SA_NODEFER);
    for (i = 0; i < sizeof others; i++)
        install(others[i], 0);
    user_dispatch_init();
}
