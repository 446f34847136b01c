/*
 * The console. Of dom0: Xen's own (console_io, xen.h), which is the machine's serial line. Of a domU: two rings in a page
 * shared with xenconsoled (io/console.h).
 *
 *   in    xenconsoled writes, in_prod counts    the module reads, in_cons counts
 *   out   the module writes, out_prod counts    xenconsoled reads, out_cons counts
 *
 * Who has moved a count sends an event, which costs the other domain's time: for output one a line, and at the latest
 * before the guest sleeps, or when it has looked for input for FLUSH_NS.
 */
#include "xen.h"

#define FLUSH_NS 1000000u
#define WAIT_NS 10000000u
#define DRAIN_TRIES 300u /* of WAIT_NS: xenconsoled may be gone */

static bool input_maybe = true; /* dom0: VIRQ_CONSOLE came since nothing was there */
static bool unseen; /* something was written, and no event sent since */
static u64 unseen_since_ns;

static void wait_for_console(u64 ns)
{
    struct sched_poll poll = {.ports = &console_port, .nr_ports = 1};

    if (!shared_info) {
        hypercall(H_SCHED_OP, SCHEDOP_YIELD, 0, 0, 0);
        return;
    }
    poll.timeout = host_now_ns() + ns;
    hypercall(H_SCHED_OP, SCHEDOP_POLL, (u64)&poll, 0, 0);
    if (take_event(console_port))
        input_maybe = true;
}

static void send_event(void)
{
    struct evtchn_send send = {.port = console_port};

    hypercall(H_EVENT_CHANNEL_OP, EVTCHNOP_SEND, (u64)&send, 0, 0);
}

static u32 out_waiting(void)
{
    return console_ring->out_prod - __atomic_load_n(&console_ring->out_cons, __ATOMIC_ACQUIRE);
}

static void put(u8 byte)
{
    u32 at = console_ring->out_prod;

    while (out_waiting() >= sizeof console_ring->out) {
        send_event();
        wait_for_console(WAIT_NS);
    }
    console_ring->out[at % sizeof console_ring->out] = (char)byte;
    __atomic_store_n(&console_ring->out_prod, at + 1, __ATOMIC_RELEASE);
}

void console_flush(void)
{
    if (!unseen)
        return;
    unseen = false;
    send_event();
}

void console_drain(void)
{
    unsigned i;

    for (i = 0; console_ring && out_waiting() && i < DRAIN_TRIES; i++) {
        send_event();
        wait_for_console(WAIT_NS);
    }
}

void console_write(u8 byte)
{
    if (!console_ring) {
        hypercall(H_CONSOLE_IO, CONSOLEIO_WRITE, 1, (u64)&byte, 0);
        return;
    }
    put(byte);
    if (!unseen) {
        unseen = true;
        unseen_since_ns = host_now_ns();
    }
    if (byte == '\n')
        console_flush();
}

void console_arrived(void)
{
    input_maybe = true;
}

static unsigned take(u8 *bytes, unsigned room)
{
    u32 at = console_ring->in_cons, end = __atomic_load_n(&console_ring->in_prod, __ATOMIC_ACQUIRE);
    unsigned count = 0;

    while (at != end && count < room)
        bytes[count++] = (u8)console_ring->in[at++ % sizeof console_ring->in];
    if (count) {
        __atomic_store_n(&console_ring->in_cons, at, __ATOMIC_RELEASE);
        send_event(); /* there is room again */
    }
    return count;
}

unsigned console_read(u8 *bytes, unsigned room)
{
    long count;

    if (console_ring) {
        if (unseen && host_now_ns() - unseen_since_ns > FLUSH_NS)
            console_flush();
        return take(bytes, room);
    }
    if (!input_maybe)
        return 0;
    count = hypercall(H_CONSOLE_IO, CONSOLEIO_READ, room, (u64)bytes, 0);
    if (count > 0)
        return (unsigned)count;
    input_maybe = false;
    return 0;
}

void say(const char *text)
{
    if (!console_ring) {
        hypercall(H_CONSOLE_IO, CONSOLEIO_WRITE, string_length(text), (u64)text, 0);
        return;
    }
    while (*text)
        put((u8)*text++);
    send_event();
}
