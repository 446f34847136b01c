/* Sensitive instructions, one function a class, and the dispatch to them. */
#ifndef VCPU_OPERATIONS_H
#define VCPU_OPERATIONS_H

#include "classes.h"
#include "fault.h"
#include "rows.h"

struct fault emulate(const struct row *row, u64 next_rip);

#define CARRIED_LEN 5 /* a9 imm32 */
bool carried_row(u64 trap_va, u16 trap, struct row *row);

/* One for each class of linker/sites/x86_64/classes.py: a class without its function does not link. */
#define OPERATION(NAME, name, level, away) struct fault op_##name(const struct row *row, u64 next_rip);
EACH_CLASS(OPERATION)
#undef OPERATION

#endif
