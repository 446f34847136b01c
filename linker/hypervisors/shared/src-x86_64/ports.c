/* The port map of docs/machine.md. Wide accesses to byte-wide devices are consecutive byte accesses. */
#include "vcpu.h"

#define PORT_POWER_OFF 0x604
#define SLEEP_ENABLE 0x2000

static u8 elcr[2];

static bool is_pic(u16 port)
{
    return (port & ~1u) == 0x20 || (port & ~1u) == 0xa0;
}

static u8 byte_in(u16 port)
{
    if ((port & ~7u) == 0x3f8)
        return uart_in(port & 7);
    if (is_pic(port)) {
        if (!(port & 1))
            timer_expired(); /* its signal may not have been taken up yet */
        return pic_in(port);
    }
    if ((port & ~3u) == 0x40 || port == 0x61)
        return pit_in(port);
    if ((port & ~1u) == 0x4d0)
        return elcr[port & 1];
    if ((port & ~1u) == PORT_POWER_OFF)
        return 0;
    return 0xff;
}

static void byte_out(u16 port, u8 value)
{
    if ((port & ~7u) == 0x3f8)
        uart_out(port & 7, value);
    else if (is_pic(port))
        pic_out(port, value);
    else if ((port & ~3u) == 0x40 || port == 0x61)
        pit_out(port, value);
    else if ((port & ~1u) == 0x4d0)
        elcr[port & 1] = value;
}

u32 port_in(u16 port, unsigned bytes)
{
    u32 value = 0;
    unsigned i;

    for (i = 0; i < bytes; i++)
        value |= (u32)byte_in((u16)(port + i)) << (8 * i);
    return value;
}

void port_out(u16 port, unsigned bytes, u32 value)
{
    unsigned i;

    if (port == PORT_POWER_OFF && bytes >= 2 && (value & SLEEP_ENABLE))
        stop_exit(0);
    for (i = 0; i < bytes; i++)
        byte_out((u16)(port + i), (u8)(value >> (8 * i)));
}
