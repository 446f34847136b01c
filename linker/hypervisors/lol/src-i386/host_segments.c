/*
 * FS and GS as the guest loads them: a segment of the guest becomes one of the process's own (set_thread_area), so that
 * its base and limit are the hardware's business. One entry for each register.
 */
#include "host_segments.h"
#include "../src-x86_64/lol.h"

#define SYS_set_thread_area 243

/* struct user_desc, asm/ldt.h */
struct user_segment {
    u32 entry, base, limit;
    u32 is_32_bit : 1, contents : 2, read_only : 1, in_pages : 1, not_present : 1, usable : 1;
};

static struct {
    u32 entry; /* of the host's table; 0: none yet */
    u32 base;
    u16 selector;
} loaded[2]; /* FS, GS */

u16 host_fs(void)
{
    return loaded[0].selector;
}

u16 host_gs(void)
{
    return loaded[1].selector;
}

u64 fs_base(void)
{
    return loaded[0].base;
}

u64 gs_base(void)
{
    return loaded[1].base;
}

static u16 make_segment(unsigned n, const struct descriptor *d)
{
    struct user_segment segment = {
        .entry = loaded[n].entry ? loaded[n].entry : ~0u,
        .base = (u32)d->base,
        .limit = d->limit > 0xfffff ? d->limit >> 12 : d->limit,
        .in_pages = d->limit > 0xfffff,
        .is_32_bit = 1,
        .contents = d->code ? 2 : (d->type >> 2) & 1, /* 2: code, 1: a data segment that expands down */
        .read_only = !d->writable_or_readable,
    };

    if (host_call(SYS_set_thread_area, (long)&segment, 0, 0, 0, 0, 0) < 0)
        stop_guest("the host refused a segment of the guest", d->base);
    loaded[n].entry = segment.entry;
    return (u16)(segment.entry << 3 | 3);
}

void host_load_segment(unsigned segment, const struct descriptor *d)
{
    unsigned n = segment - SEG_FS;

    loaded[n].base = d ? (u32)d->base : 0;
    loaded[n].selector = d ? make_segment(n, d) : 0;
    if (segment == SEG_FS)
        __asm__ volatile("movw %0, %%fs" : : "r"(loaded[n].selector));
    else
        __asm__ volatile("movw %0, %%gs" : : "r"(loaded[n].selector));
}

/* 64-bit mode alone has registers for these; nothing of 32-bit mode calls them. */
static void no_base_register(u64 base)
{
    stop_guest("the guest writes a segment base, which 32-bit mode has no instruction for", base);
}

void set_fs_base(u64 base)
{
    no_base_register(base);
}

void set_gs_base(u64 base)
{
    no_base_register(base);
}
