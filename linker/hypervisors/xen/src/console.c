/* Xen's console (console_io, xen.h), which is dom0's serial line. */
#include "xen.h"

void console_write(u8 byte)
{
    hypercall(H_CONSOLE_IO, CONSOLEIO_WRITE, 1, (u64)&byte, 0);
}

static bool input_maybe = true;

/* VIRQ_CONSOLE came: Xen has input for dom0. */
void console_input_arrived(void)
{
    input_maybe = true;
}

unsigned console_read(u8 *bytes, unsigned room)
{
    long count;

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
    hypercall(H_CONSOLE_IO, CONSOLEIO_WRITE, string_length(text), (u64)text, 0);
}
