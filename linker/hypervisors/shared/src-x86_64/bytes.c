/* The few library routines a freestanding module needs. */
#include "vcpu.h"

void *copy_bytes(void *to, const void *from, size_t length)
{
    u8 *t = to;
    const u8 *f = from;

    for (; length >= 8; length -= 8, t += 8, f += 8)
        *(u64 *)t = *(const u64 *)f;
    while (length--)
        *t++ = *f++;
    return to;
}

/* The compiler may call these by name for structure copies. */
void *memcpy(void *to, const void *from, size_t length);
void *memset(void *to, int value, size_t length);

void *memcpy(void *to, const void *from, size_t length)
{
    return copy_bytes(to, from, length);
}

void *memset(void *to, int value, size_t length)
{
    u8 *t = to;

    while (length--)
        *t++ = (u8)value;
    return to;
}

size_t string_length(const char *string)
{
    size_t length = 0;

    while (string[length])
        length++;
    return length;
}

bool string_equal(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}
