/*
 * The Linux-on-Linux interface module: the virtual CPU and its machine on Linux system calls.
 *
 * How a guest gets here, and back (docs/lol.md):
 *   - a bound site calls or jumps to an entry of entry.S, fast ones stay there, all others go to emulate();
 *   - what the host CPU refuses (faults, int3, ud2, user system calls) arrives as a signal, signal_handler().
 *
 * Of the C files none needs another that needs it: tests/lol_x86_64/test_module_files.py. entry.S leads in and out of all.
 */
#ifndef LOL_H
#define LOL_H

#include <host_abi.h> /* found by -I: of the module's own width */

#include "vcpu.h"

extern volatile u8 lol_in_slow; /* C code is at work on `frame`; signals only leave word */

/* ---- entry.S: the entries that mostly do their work themselves ---- */

extern const u8 short_entries[] __attribute__((visibility("hidden")));
extern const u8 short_entries_end[] __attribute__((visibility("hidden")));

/* ---- cpu.c ---- */

extern bool host_has_fsgsbase;
void cpuid_faults(void);

/* ---- early.c: the guest does not run where it is linked yet ---- */

void early_begin(void);
void early_look(void);          /* mappings are dropped: is it over? */
bool early_in_text(u64 va);     /* where the module's text would be */
bool early_in_data(u64 va);
bool early_in_module(u64 va);
u64 early_entry(u64 va);        /* what text the guest went for there */
u64 early_take_below(void);     /* how far below its linked address the site is; once */

/* ---- window.c ---- */

void window_init(u8 *at, u64 length);

/* ---- mmu.c ---- */

void mmu_init(u64 memory_len, int memory_fd);

/* ---- timer.c ---- */

enum event { EVENT_TIMER = 1, EVENT_INPUT = 2 };
void note_event(enum event event);
void timer_init(void);

/* ---- terminal.c ---- */

void terminal_init(const char *console);
void terminal_input_ready(void);
bool terminal_has_input(void); /* or may have */
void terminal_prepare(void);
int terminal_input_fd(void);
void terminal_restore(void);

/* ---- host.c: Linux system calls ---- */

extern u64 host_syscall_count;
long host_call(long number, long a, long b, long c, long d, long e, long f);
long host_read_at(int fd, void *to, size_t length, u64 offset); /* pread */
long host_map(u64 va, u64 length, int prot, int flags, int fd, u64 offset); /* mmap */

/* ---- ELF (gABI): Elf32_Ehdr and Elf64_Ehdr ---- */

struct elf_header {
    u8 ident[16];
    u16 type, machine;
    u32 version;
    uword entry_va, segments_off, sections_off;
    u32 flags;
    u16 header_len, segment_len, segment_count, section_len, section_count, names_index;
};

/* ---- stop.c ---- */

struct report_options {
    bool statistics;
    void (*say_more)(void); /* what the guest itself counted */
    const char *profile; /* file that gets the reserve's data part at the end, NULL: none */
    int executable_fd;
};
extern struct report_options report;

/* ---- hooks.c ---- */

void say_guest_counters(void);

/* ---- dispatch.c ---- */

void user_dispatch_init(void);

/* ---- signals.c ---- */

void signals_init(void);
void deliver_after_next_instruction(void);

/* ---- context.c: what a signal's frame looks like ---- */

void frame_from(const struct context *c);
void frame_to(struct context *c);
void keep_stepping(struct context *c);
void leave_stepping(struct context *c); /* the guest itself steps, and this is its way back */
struct fault program_call(u32 arch);
bool entered_host(const struct context *c); /* by SYSENTER or SYSCALL of a program: where it was is lost */

#endif
