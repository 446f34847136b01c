/*
 * The 8254. Counters are computed from the monotonic clock; the host only has to interrupt the guest when channel 0 has
 * an edge. (Intel data sheet 8254, 231164.)
 */
#include "vcpu.h"

#define PIT_HZ 1193182ull
#define NS 1000000000ull
#define TIMER_IRQ 0

struct channel {
    u32 reload; /* 1 to 65536 */
    u8 mode, access, write_low, status_latch;
    bool write_high_next, read_high_next, loaded, latched, status_latched;
    u16 latch;
    u64 start_ns;
    u64 edges; /* channel 0: how many have been seen */
};

static struct channel channels[3];
static u8 speaker;

static u64 clocks_since(const struct channel *c, u64 now)
{
    u64 elapsed = now - c->start_ns;

    return elapsed / NS * PIT_HZ + elapsed % NS * PIT_HZ / NS;
}

static bool periodic(const struct channel *c)
{
    return c->mode == 2 || c->mode == 3;
}

static u16 count_of(const struct channel *c, u64 now)
{
    u64 clocks = clocks_since(c, now);

    if (c->mode == 3)
        return (u16)(c->reload - (clocks * 2) % c->reload);
    if (c->mode == 2)
        return (u16)(c->reload - clocks % c->reload);
    return (u16)(c->reload - clocks);
}

static bool output_of(const struct channel *c, u64 now)
{
    u64 clocks = clocks_since(c, now);

    if (!c->loaded)
        return c->mode != 0;
    if (c->mode == 3)
        return clocks % c->reload < (c->reload + 1) / 2;
    if (c->mode == 2)
        return clocks % c->reload != c->reload - 1;
    if (c->mode == 0 || c->mode == 1)
        return clocks >= c->reload;
    return clocks != c->reload;
}

/* Time of the n-th rising edge of the output, n from 1. */
static u64 edge_ns(const struct channel *c, u64 n)
{
    u64 clocks = n * c->reload;

    return c->start_ns + clocks / PIT_HZ * NS + (clocks % PIT_HZ * NS + PIT_HZ - 1) / PIT_HZ;
}

static u64 edges_until(const struct channel *c, u64 now)
{
    u64 edges;

    if (!c->loaded)
        return 0;
    edges = clocks_since(c, now) / c->reload;
    return periodic(c) || edges == 0 ? edges : 1;
}

s64 timer_next_ns(void)
{
    const struct channel *c = &channels[0];
    u64 now = host_now_ns(), next;

    if (!c->loaded || (!periodic(c) && c->edges))
        return -1;
    next = edge_ns(c, c->edges + 1);
    return next > now ? (s64)(next - now) : 0;
}

static void arm(void)
{
    const struct channel *c = &channels[0];

    if (c->loaded)
        host_arm_timer(edge_ns(c, 1), periodic(c) ? c->reload * NS / PIT_HZ : 0);
    else
        host_arm_timer(0, 0);
}

/* Takes note of the edges up to now: the PIC latches one, however many have passed. */
void timer_expired(void)
{
    struct channel *c = &channels[0];
    u64 edges = edges_until(c, host_now_ns());

    if (edges > c->edges) {
        c->edges = edges;
        pic_set_line(TIMER_IRQ, false);
        pic_set_line(TIMER_IRQ, true);
    }
}

static void load(unsigned number, u32 value)
{
    struct channel *c = &channels[number];

    c->reload = value ? value : 65536;
    c->loaded = true;
    c->edges = 0;
    c->start_ns = host_now_ns();
    if (number == 0)
        arm();
}

static void write_counter(unsigned number, u8 value)
{
    struct channel *c = &channels[number];

    if (c->access == 1) {
        load(number, value);
    } else if (c->access == 2) {
        load(number, (u32)value << 8);
    } else if (!c->write_high_next) {
        c->write_low = value;
        c->write_high_next = true;
    } else {
        c->write_high_next = false;
        load(number, (u32)value << 8 | c->write_low);
    }
}

static u8 read_counter(unsigned number)
{
    struct channel *c = &channels[number];
    u16 count;
    bool high = c->access == 2 || (c->access == 3 && c->read_high_next);

    if (c->status_latched) {
        c->status_latched = false;
        return c->status_latch;
    }
    count = c->latched ? c->latch : count_of(c, host_now_ns());
    if (c->access == 3)
        c->read_high_next = !c->read_high_next;
    if (c->access != 3 || !c->read_high_next)
        c->latched = false;
    return (u8)(high ? count >> 8 : count);
}

static void latch_count(struct channel *c)
{
    if (!c->latched) {
        c->latch = count_of(c, host_now_ns());
        c->latched = true;
        c->read_high_next = false;
    }
}

static void control_word(u8 value)
{
    unsigned number = value >> 6, i;

    if (number == 3) { /* read-back */
        for (i = 0; i < 3; i++) {
            struct channel *c = &channels[i];

            if (!(value >> (i + 1) & 1))
                continue;
            if (!(value & 0x10) && !c->status_latched) {
                c->status_latch = (u8)(output_of(c, host_now_ns()) << 7 | !c->loaded << 6 | c->access << 4 | c->mode << 1);
                c->status_latched = true;
            }
            if (!(value & 0x20))
                latch_count(c);
        }
    } else if (!(value & 0x30)) {
        latch_count(&channels[number]);
    } else {
        struct channel *c = &channels[number];
        u8 mode = (value >> 1) & 7;

        *c = (struct channel){.access = (value >> 4) & 3, .mode = mode > 5 ? mode & 3 : mode, .reload = 65536};
        if (number == 0)
            arm();
    }
}

u8 pit_in(u16 port)
{
    if (port == 0x61) {
        speaker ^= 0x10; /* the refresh toggle */
        return (u8)((speaker & 0x1f) | output_of(&channels[2], host_now_ns()) << 5);
    }
    return port == 0x43 ? 0xff : read_counter(port & 3);
}

void pit_out(u16 port, u8 value)
{
    if (port == 0x61) {
        if ((value & 1) && !(speaker & 1)) /* gate of channel 2 rises: the count starts anew */
            channels[2].start_ns = host_now_ns();
        speaker = (u8)((speaker & 0x10) | (value & 3));
    } else if (port == 0x43) {
        control_word(value);
    } else {
        write_counter(port & 3, value);
    }
}
