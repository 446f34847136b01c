/* Everything that changes CS: transfer.c, and by mode gates.c and returns.c. */
#ifndef VCPU_TRANSFER_H
#define VCPU_TRANSFER_H

#include "fault.h"
#include "segments.h"

struct fault load_code(u16 selector, unsigned new_cpl, struct descriptor *descriptor);
enum source { SOURCE_EXCEPTION, SOURCE_EXTERNAL, SOURCE_SOFTWARE };
struct fault enter_vector(u8 vector, enum source source, bool has_error, u32 error);
struct fault user_syscall(void);
void arrive(unsigned level, u64 rip);
struct fault check_return_code(u16 selector, struct descriptor *d);
struct fault check_return_stack(u16 selector, unsigned level);

#endif
