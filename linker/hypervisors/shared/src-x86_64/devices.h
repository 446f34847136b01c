/* The devices of docs/machine.md: 8254 (pit.c), 8259 (pic.c), 16550 (uart.c), and ports.c which leads to them. */
#ifndef VCPU_DEVICES_H
#define VCPU_DEVICES_H

#include "types.h"

u32 port_in(u16 port, unsigned bytes);
void port_out(u16 port, unsigned bytes, u32 value);
void pic_init(void);
u8 pic_in(u16 port);
void pic_out(u16 port, u8 value);
void pic_set_line(unsigned irq, bool level);
bool pic_wants_interrupt(void);
u8 pic_acknowledge(void);
u8 pit_in(u16 port);
void pit_out(u16 port, u8 value);
void timer_expired(void);
s64 timer_next_ns(void); /* nanoseconds until the next edge of channel 0; -1: none */
u8 uart_in(u16 port);
void uart_out(u16 port, u8 value);
void uart_input_ready(void);
bool uart_wants_input(void);

#endif
