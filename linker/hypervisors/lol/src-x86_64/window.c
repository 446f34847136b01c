/* The guest's physical memory, as the module sees it. */
#include "lol.h"

static u8 *window;
static u64 memory_len;

void window_init(u8 *at, u64 length)
{
    window = at;
    memory_len = length;
}

u8 *physical(u64 pa, u64 length)
{
    if (pa > memory_len || length > memory_len - pa)
        return NULL;
    return window + pa;
}
