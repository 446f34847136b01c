/* A 16550A. What it sends and receives is the console of console_write() and console_read(). */
#include "vcpu.h"

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

static u8 ier, fcr, lcr, mcr, scratch, divisor[2];
static bool transmit_interrupt;
static u8 fifo[FIFO_LEN];
static unsigned fifo_start, fifo_count;

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

/* Takes what the console has, as far as the FIFO has room. */
static void poll_input(void)
{
    u8 bytes[FIFO_LEN];
    unsigned count, i;

    if (fifo_count)
        return;
    count = console_read(bytes, FIFO_LEN);
    for (i = 0; i < count; i++)
        receive(bytes[i]);
    if (count)
        update_line();
}

/* There may be input. */
void uart_input_ready(void)
{
    poll_input();
}

bool uart_wants_input(void)
{
    return !fifo_count;
}

static void transmit(u8 byte)
{
    if (mcr & MCR_LOOP)
        receive(byte);
    else
        console_write(byte);
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
