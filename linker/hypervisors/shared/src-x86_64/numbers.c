/* Numbers in what is said. */
#include "vcpu.h"

void say_number(u64 value, unsigned base, unsigned min_digits)
{
    char text[21];
    unsigned at = sizeof text - 1, digits = 0;

    text[at] = 0;
    do {
        text[--at] = "0123456789abcdef"[value % base];
        value /= base;
        digits++;
    } while (value || digits < min_digits);
    say(text + at);
}

void say_hex(u64 value)
{
    say_number(value, 16, 1);
}

void say_decimal(u64 value)
{
    say_number(value, 10, 1);
}
