/* Xen's console (console_io, xen.h), which is dom0's serial line. */
#include "xen.h"

void console_write(u8 byte)
{
    hypercall(H_CONSOLE_IO, CONSOLEIO_WRITE, 1, (u64)&byte, 0);
}

unsigned console_read(u8 *bytes, unsigned room)
{
    long count = hypercall(H_CONSOLE_IO, CONSOLEIO_READ, room, (u64)bytes, 0);

    return count > 0 ? (unsigned)count : 0;
}

void say(const char *text)
{
    hypercall(H_CONSOLE_IO, CONSOLEIO_WRITE, string_length(text), (u64)text, 0);
}
