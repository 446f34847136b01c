/* Operands of a row: registers, addresses, the stack. */
#ifndef VCPU_OPERANDS_H
#define VCPU_OPERANDS_H

#include "fault.h"
#include "rows.h"

u64 operand_va(const struct row *row);
u64 register_value(unsigned number, unsigned bytes);
void set_register(unsigned number, unsigned bytes, u64 value);
struct fault read_rm(const struct row *row, unsigned operand, unsigned bytes, u64 *value);
struct fault store_word(const struct row *row, u64 value);
struct fault push(u64 value, unsigned bytes);
u64 stack_word(const u8 *bytes, unsigned index, unsigned width);

#endif
