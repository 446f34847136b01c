/* What is said when the guest cannot go on. */
#ifndef VCPU_REPORT_H
#define VCPU_REPORT_H

#include "types.h"

__attribute__((noreturn)) void stop_guest(const char *reason, u64 va); /* with registers; va: 0 or the address at fault */
void say_number(u64 value, unsigned base, unsigned min_digits);
void say_hex(u64 value);
void say_decimal(u64 value);

#endif
