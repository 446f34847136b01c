/*
 * The Linux-on-Linux interface module: the virtual CPU and its machine on Linux system calls.
 *
 * How a guest gets here, and back (docs/lol.md):
 *   - a bound site calls or jumps to an entry of entry.S, fast ones stay there, all others go to emulate();
 *   - what the host CPU refuses (faults, int3, ud2, user system calls) arrives as a signal, signal_handler().
 */
#ifndef LOL_H
#define LOL_H

#include "vcpu.h"

extern volatile u8 lol_in_slow; /* C code is at work on `frame`; signals only leave word */

/* ---- mmu.c ---- */

void mmu_init(u64 memory_len, int memory_fd);

/* ---- timer.c ---- */

enum event { EVENT_TIMER = 1, EVENT_INPUT = 2 };
void note_event(enum event event);
void timer_init(void);

/* ---- terminal.c ---- */

void terminal_init(const char *console);
void terminal_input_ready(void);
bool terminal_wants_input(void);
int terminal_input_fd(void);
void terminal_restore(void);

/* ---- host.c: Linux system calls ---- */

extern u64 host_syscall_count;
long host_call(long number, long a, long b, long c, long d, long e, long f);

/* ---- stop.c ---- */

struct report_options {
    bool statistics;
    const char *profile; /* file that gets the reserve's data part at the end, NULL: none */
    int executable_fd;
};
extern struct report_options report;

/* ---- hooks.c ---- */

void say_guest_counters(void);

/* ---- signals.c ---- */

void signals_init(void);
void deliver_after_next_instruction(void);

#endif
