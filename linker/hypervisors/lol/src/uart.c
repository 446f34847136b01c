/* A 16550A on the process's console: standard input and output, or a file for output. */
#include "lol.h"

#define SYS_read 0
#define SYS_write 1
#define SYS_open 2
#define SYS_ioctl 16
#define SYS_getpid 39
#define SYS_fcntl 72
#define O_WRONLY 1
#define O_CREAT 0100
#define O_TRUNC 01000
#define O_NONBLOCK 04000
#define O_ASYNC 020000
#define O_CLOEXEC 02000000
#define O_NOCTTY 0400
#define F_SETFL 4
#define F_SETOWN 8
#define TCGETS 0x5401
#define TCSETS 0x5402
#define EAGAIN 11
#define EINTR 4

enum { REG_DATA, REG_IER, REG_IIR, REG_LCR, REG_MCR, REG_LSR, REG_MSR, REG_SCRATCH };

#define IER_RECEIVE 1
#define IER_TRANSMIT 2
#define IIR_NONE 1
#define IIR_TRANSMIT 2
#define IIR_RECEIVE 4
#define IIR_FIFO 0xc0
#define LCR_DIVISOR 0x80
#define MCR_LOOP 0x10
#define LSR_READY 1
#define LSR_EMPTY 0x60

#define UART_IRQ 4
#define FIFO_LEN 64

/* struct termios of the kernel, asm-generic/termbits.h */
struct terminal {
    u32 input, output, control, local;
    u8 line;
    u8 characters[19];
};
#define LOCAL_ICANON 2u
#define LOCAL_ECHO 8u
#define INPUT_ICRNL 0400u
#define CHARACTER_MIN 6
#define CHARACTER_TIME 5
#define CHARACTER_SUSPEND 10

static u8 ier, fcr, lcr, mcr, scratch, divisor[2];
static bool transmit_interrupt;
static u8 fifo[FIFO_LEN];
static unsigned fifo_start, fifo_count;
static int input_fd = -1, output_fd = 1;
static bool input_open, input_maybe;
static struct terminal saved_terminal;
static bool terminal_changed;

static void update_line(void)
{
    pic_set_line(UART_IRQ, ((ier & IER_RECEIVE) && fifo_count) || ((ier & IER_TRANSMIT) && transmit_interrupt));
}

static void receive(u8 byte)
{
    if (fifo_count < FIFO_LEN) {
        fifo[(fifo_start + fifo_count) % FIFO_LEN] = byte;
        fifo_count++;
    }
}

/* Takes what the host has, as far as the FIFO has room. */
static void poll_input(void)
{
    u8 bytes[FIFO_LEN];
    long count, i;

    if (!input_open || !input_maybe || fifo_count)
        return;
    count = host_call(SYS_read, input_fd, (long)bytes, FIFO_LEN, 0, 0, 0);
    if (count == -EINTR)
        return;
    if (count == -EAGAIN) {
        input_maybe = false;
        return;
    }
    if (count <= 0) {
        input_open = false;
        return;
    }
    for (i = 0; i < count; i++)
        receive(bytes[i]);
    update_line();
}

void uart_input_ready(void)
{
    input_maybe = true;
    poll_input();
}

bool uart_wants_input(void)
{
    return input_open && !fifo_count;
}

int uart_input_fd(void)
{
    return input_fd;
}

static void transmit(u8 byte)
{
    if (mcr & MCR_LOOP) {
        receive(byte);
        return;
    }
    while (host_call(SYS_write, output_fd, (long)&byte, 1, 0, 0, 0) == -EINTR)
        ;
}

u8 uart_in(u16 offset)
{
    u8 value;

    switch (offset) {
    case REG_DATA:
        if (lcr & LCR_DIVISOR)
            return divisor[0];
        poll_input();
        if (!fifo_count)
            return 0;
        value = fifo[fifo_start];
        fifo_start = (fifo_start + 1) % FIFO_LEN;
        fifo_count--;
        poll_input();
        update_line();
        return value;
    case REG_IER:
        return lcr & LCR_DIVISOR ? divisor[1] : ier;
    case REG_IIR:
        poll_input();
        value = fcr & 1 ? IIR_FIFO : 0;
        if ((ier & IER_RECEIVE) && fifo_count)
            return value | IIR_RECEIVE;
        if ((ier & IER_TRANSMIT) && transmit_interrupt) {
            transmit_interrupt = false;
            update_line();
            return value | IIR_TRANSMIT;
        }
        return value | IIR_NONE;
    case REG_LCR:
        return lcr;
    case REG_MCR:
        return mcr;
    case REG_LSR:
        poll_input();
        return LSR_EMPTY | (fifo_count ? LSR_READY : 0);
    case REG_MSR: /* carrier, set ready, clear to send; in loopback the MCR's outputs */
        if (mcr & MCR_LOOP)
            return (u8)((mcr & 2) << 3 | (mcr & 1) << 5 | (mcr & 0xc) << 4);
        return 0xb0;
    default:
        return scratch;
    }
}

void uart_out(u16 offset, u8 value)
{
    switch (offset) {
    case REG_DATA:
        if (lcr & LCR_DIVISOR) {
            divisor[0] = value;
            break;
        }
        transmit(value);
        transmit_interrupt = true; /* the holding register is empty again at once */
        break;
    case REG_IER:
        if (lcr & LCR_DIVISOR) {
            divisor[1] = value;
            break;
        }
        if ((value & IER_TRANSMIT) && !(ier & IER_TRANSMIT))
            transmit_interrupt = true;
        ier = value & 15;
        poll_input();
        break;
    case REG_IIR: /* FIFO control; a reset does not throw away what was typed, or piped in, before the driver began */
        fcr = value;
        break;
    case REG_LCR:
        lcr = value;
        break;
    case REG_MCR:
        mcr = value & 0x1f;
        break;
    case REG_SCRATCH:
        scratch = value;
        break;
    default:
        break;
    }
    update_line();
}

void uart_restore_terminal(void)
{
    if (terminal_changed)
        host_call(SYS_ioctl, 0, TCSETS, (long)&saved_terminal, 0, 0, 0);
    terminal_changed = false;
}

/* Characters one by one and no echo, as a serial line has it. Signals stay with the terminal: Ctrl-C ends the guest. */
static void prepare_terminal(void)
{
    struct terminal raw;

    if (host_call(SYS_ioctl, 0, TCGETS, (long)&saved_terminal, 0, 0, 0) < 0)
        return;
    raw = saved_terminal;
    raw.local &= ~(LOCAL_ICANON | LOCAL_ECHO);
    raw.input &= ~INPUT_ICRNL;
    raw.characters[CHARACTER_MIN] = 1;
    raw.characters[CHARACTER_TIME] = 0;
    raw.characters[CHARACTER_SUSPEND] = 0; /* a stopped guest would leave the terminal like this */
    if (host_call(SYS_ioctl, 0, TCSETS, (long)&raw, 0, 0, 0) == 0)
        terminal_changed = true;
}

void uart_init(const char *console)
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
    prepare_terminal();
    /* An open file description of our own: O_NONBLOCK and O_ASYNC on the shared one would reach the shell. */
    fd = host_call(SYS_open, (long)"/proc/self/fd/0", O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0, 0, 0, 0);
    if (fd < 0)
        return;
    input_fd = (int)fd;
    input_open = input_maybe = true;
    host_call(SYS_fcntl, input_fd, F_SETOWN, host_call(SYS_getpid, 0, 0, 0, 0, 0, 0), 0, 0, 0);
    host_call(SYS_fcntl, input_fd, F_SETFL, O_NONBLOCK | O_ASYNC, 0, 0, 0);
}
