/* The process's console: standard input, and standard output or a file. */
#include "lol.h"

#define O_WRONLY 1
#define O_CREAT 0100
#define O_TRUNC 01000
#define O_NONBLOCK 04000
#define O_ASYNC 020000
#define O_CLOEXEC 02000000
#define O_NOCTTY 0400
#define F_SETFL 4
#define F_SETOWN 8
#define EAGAIN 11
#define EINTR 4

static int input_fd = -1, output_fd = 1;
static bool input_open, input_maybe;

/* Up to `room` bytes of what the host has, 0 when it has nothing. */
unsigned console_read(u8 *bytes, unsigned room)
{
    long count;

    if (!input_open || !input_maybe)
        return 0;
    count = host_call(SYS_read, input_fd, (long)bytes, room, 0, 0, 0);
    if (count > 0)
        return (unsigned)count;
    if (count == -EAGAIN)
        input_maybe = false;
    else if (count != -EINTR)
        input_open = false;
    return 0;
}

void console_write(u8 byte)
{
    while (host_call(SYS_write, output_fd, (long)&byte, 1, 0, 0, 0) == -EINTR)
        ;
}

void terminal_input_ready(void)
{
    input_maybe = true;
}

bool terminal_has_input(void)
{
    return input_open;
}

int terminal_input_fd(void)
{
    return input_fd;
}

void terminal_init(const char *console)
{
    long fd;

    if (console) {
        fd = host_call(SYS_open, (long)console, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666, 0, 0, 0);
        if (fd < 0) {
            say("previrt-lol: cannot open the console file\n");
            stop_exit(1);
        }
        output_fd = (int)fd;
    }
    terminal_prepare();
    /* An open file description of our own: O_NONBLOCK and O_ASYNC on the shared one would reach the shell. */
    fd = host_call(SYS_open, (long)"/proc/self/fd/0", O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0, 0, 0, 0);
    if (fd < 0)
        return;
    input_fd = (int)fd;
    input_open = input_maybe = true;
    host_call(SYS_fcntl, input_fd, F_SETOWN, host_call(SYS_getpid, 0, 0, 0, 0, 0, 0), 0, 0, 0);
    host_call(SYS_fcntl, input_fd, F_SETFL, O_NONBLOCK | O_ASYNC, 0, 0, 0);
}
