/*
 * A guest linked elsewhere than its memory is (Linux) starts where its memory is, and goes to where it is linked with page
 * tables of its own. Until then sites reach for the module below it, at the distance that the guest runs below itself:
 *
 *    where linked    site -----------------> module        as ever
 *    where loaded    site -----------------> its image in guest memory, never mapped: the access faults (signals.c)
 *
 * It is over when tables are loaded or mappings dropped by code that runs where it is linked.
 */
#include "lol.h"

static bool early;
static u64 below; /* taken off the address of a site that a stub names */

void early_begin(void)
{
    early = vcpu_virtual_offset != 0;
}

void early_look(void)
{
    if (frame.rip >= vcpu_virtual_offset)
        early = false;
}

bool early_in_text(u64 va)
{
    return early && in_module_text(va + vcpu_virtual_offset);
}

bool early_in_data(u64 va)
{
    return early && va + vcpu_virtual_offset - vcpu_data_va < vcpu_data_len;
}

bool early_in_module(u64 va)
{
    return early_in_text(va) || early_in_data(va);
}

/* The entry that is meant. Those that do their work and return leave no word for others. */
u64 early_entry(u64 va)
{
    u64 entry = va + vcpu_virtual_offset;

    below = entry >= (uword)short_entries && entry < (uword)short_entries_end ? 0 : vcpu_virtual_offset;
    return entry;
}

u64 early_take_below(void)
{
    u64 taken = below;

    below = 0;
    return taken;
}
