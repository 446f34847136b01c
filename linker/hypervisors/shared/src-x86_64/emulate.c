/*
 * One sensitive instruction, worked on `frame` and the virtual CPU: the dispatch. A fault leaves both as they were, so that it
 * can be raised at the instruction. The operations themselves: op_*.c, transfer.c, returns.c.
 */
#include "vcpu.h"

struct operation {
    struct fault (*work)(const struct row *row, u64 next_rip);
    u8 level;
    bool away;
};

#define OPERATION(NAME, name, level, away) [CLASS_##NAME] = {op_##name, level, away},
static const struct operation ops[CLASS_END] = {EACH_CLASS(OPERATION)};
#undef OPERATION

static bool allowed(unsigned level)
{
    if (level == LEVEL_RING0)
        return cpl() == 0;
    return level != LEVEL_IOPL || cpl() <= iopl(); /* LEVEL_PORTS: the operation knows which port */
}

/* Works the instruction of `row`. On success frame.rip is where the guest goes on; a fault leaves it. */
struct fault emulate(const struct row *row, u64 next_rip)
{
    const struct operation *operation = &ops[row->class_number];

    if (row->class_number >= CLASS_END || !operation->work)
        stop_guest("an operation this module does not know", frame.rip);
    if (!allowed(operation->level))
        return fault_code(V_GP, 0);
    TRY(operation->work(row, next_rip));
    if (!operation->away)
        frame.rip = next_rip;
    return NO_FAULT;
}

/*
 * A site of a kernel module, whose address nobody can know: behind its trap, an instruction of two bytes, stands one that
 * never runs and says how far the row is from its operand.    cd 80 | 0f 0b    a9 imm32  test $row - ., %eax
 */
bool carried_row(u64 trap_va, u16 trap, struct row *row)
{
    u8 code[2 + CARRIED_LEN];
    int row_off;

    if (guest_read(trap_va, code, sizeof code).raised || (code[0] | code[1] << 8) != trap || code[2] != 0xa9)
        return false;
    copy_bytes(&row_off, code + 3, 4);
    return !guest_read(trap_va + 3 + (u64)(s64)row_off, row, sizeof *row).raised && row->carried == ROW_CARRIED &&
           row->length <= sizeof row->code;
}
