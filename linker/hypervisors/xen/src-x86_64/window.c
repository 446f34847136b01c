/* The guest's physical memory, as the module sees it, and the machine frames behind it. */
#include "xen.h"

const u64 *frames;
u64 memory_len;

u64 machine_frame(u64 pfn)
{
    return frames[pfn];
}

u64 memory_end_pfn(void)
{
    return memory_len / PAGE_LEN;
}

const u64 *page_contents(u64 pfn)
{
    return (const u64 *)(WINDOW_VA + pfn * PAGE_LEN);
}

u8 *physical(u64 pa, u64 length)
{
    if (pa > memory_len || length > memory_len - pa)
        return NULL;
    return (u8 *)(WINDOW_VA + pa);
}
