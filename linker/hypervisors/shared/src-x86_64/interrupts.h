/* Exceptions and interrupts on their way to the guest: interrupts.c, exceptions.c. */
#ifndef VCPU_INTERRUPTS_H
#define VCPU_INTERRUPTS_H

#include "fault.h"
#include "memory.h"

void raise(struct fault fault);                   /* as an exception at frame.rip */
struct fault software_interrupt(u8 vector, u64 next_rip);
bool interrupt_deliverable(void);
void deliver_interrupts(void);
enum access access_of(u64 error);
__attribute__((noreturn)) void stop_at_host_entry(u64 va);
struct fault hardware_exception(unsigned vector, u64 error, u64 cr2);

#endif
