/* Xen's clock and events: when an edge of the guest's timer is due, when the console has input, and sleeping. */
#include "xen.h"

static u32 timer_port;

static void set_next_edge(void)
{
    s64 left = timer_next_ns();

    if (left >= 0)
        host_arm_timer(host_now_ns() + (u64)left, 0);
}

void recompute_pending(void)
{
    vcpu_pending = pic_wants_interrupt();
}

/* Xen sets a port's bit, then its word's, then upcall_pending (event_channel.h): they are cleared in the other order. */
void update_pending(void)
{
    bool timer;

    shared_info->vcpu[0].upcall_pending = 0;
    __atomic_exchange_n(&shared_info->vcpu[0].pending_selector, 0, __ATOMIC_SEQ_CST);
    timer = take_event(timer_port);
    if (take_event(console_port)) {
        console_arrived();
        uart_input_ready();
    }
    console_flush();
    timer_expired();
    if (timer)
        set_next_edge();
    recompute_pending();
}

void events_arrived(void)
{
    update_pending();
}

/* hlt: SCHEDOP_poll sleeps as SCHEDOP_block does, but leaves events masked: none comes between the look and the sleep. */
void machine_sleep(void)
{
    u32 ports[2] = {timer_port, console_port};
    struct sched_poll poll = {.ports = ports, .nr_ports = 2};

    for (;;) {
        s64 left;

        update_pending();
        if (pic_wants_interrupt())
            return;
        left = timer_next_ns();
        poll.timeout = left < 0 ? 0 : host_now_ns() + (u64)left;
        require(hypercall(H_SCHED_OP, SCHEDOP_POLL, (u64)&poll, 0, 0), "Xen does not let the domain sleep");
    }
}

static void unmask(u32 port)
{
    __atomic_fetch_and(&shared_info->evtchn_mask[port / 64], ~(1ull << (port % 64)), __ATOMIC_SEQ_CST);
}

static u32 bind(u32 virq)
{
    struct evtchn_bind_virq binding = {.virq = virq};

    require(hypercall(H_EVENT_CHANNEL_OP, EVTCHNOP_BIND_VIRQ, (u64)&binding, 0, 0), "Xen binds no virtual interrupt");
    unmask(binding.port);
    return binding.port;
}

void events_init(void)
{
    pic_init();
    hypercall(H_VCPU_OP, VCPUOP_STOP_PERIODIC_TIMER, 0, 0, 0);
    timer_port = bind(VIRQ_TIMER);
    if (is_dom0)
        console_port = bind(VIRQ_CONSOLE);
    else
        unmask(console_port); /* bound by who built the domain */
}
