/*
 * The Linux-on-Linux interface module: the virtual CPU and its machine on Linux system calls.
 *
 * How a guest gets here, and back (docs/lol.md):
 *   - a bound site calls or jumps to an entry of entry.S, fast ones stay there, all others go to emulate();
 *   - what the host CPU refuses (faults, int3, ud2, user system calls) arrives as a signal, signal_handler().
 * Both work on `frame`. The module never follows a guest pointer: it walks the guest's page tables itself and reaches
 * guest-physical memory through a window, so that every fault it meets is the guest's and is raised as such.
 */
#ifndef LOL_H
#define LOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frame.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;

#define EXPORT __attribute__((visibility("default"), used))

/* ---- the guest's registers while the module works ---- */

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };

struct frame {
    u64 reg[16];
    u64 rip;
    u64 host_cs;
    u64 flags; /* as the guest sees them: IF, IOPL, NT and AC are virtual */
    u64 iret_rsp;
    u64 host_ss;
};

/* ---- RFLAGS (Intel SDM vol. 1, 3.4.3) ---- */

#define FLAG_ONE (1u << 1)
#define FLAG_ZF (1u << 6)
#define FLAG_TF (1u << 8)
#define FLAG_IF (1u << 9)
#define FLAG_DF (1u << 10)
#define FLAG_IOPL (3u << 12)
#define FLAG_NT (1u << 14)
#define FLAG_RF (1u << 16)
#define FLAG_AC (1u << 18)
#define FLAG_ID (1u << 21)
#define FLAGS_ARITH 0x8d5u
/* Bits the hardware register holds for the guest; the rest live in the virtual CPU. */
#define FLAGS_HOST (FLAGS_ARITH | FLAG_TF | FLAG_DF | FLAG_ID)
#define FLAGS_VIRTUAL (FLAG_IF | FLAG_IOPL | FLAG_NT | FLAG_AC)

/* ---- exceptions ---- */

enum {
    V_DE = 0, V_DB = 1, V_BP = 3, V_OF = 4, V_BR = 5, V_UD = 6, V_NM = 7, V_DF = 8, V_TS = 10, V_NP = 11, V_SS = 12,
    V_GP = 13, V_PF = 14, V_MF = 16, V_AC = 17, V_XM = 19,
};

/* Outcome of an operation: done, or an exception to raise at the instruction. */
struct fault {
    bool raised;
    u8 vector;
    bool has_error;
    u32 error;
    u64 cr2; /* for V_PF */
};

#define NO_FAULT ((struct fault){0})

static inline struct fault fault_code(u8 vector, u32 error)
{
    return (struct fault){.raised = true, .vector = vector, .has_error = true, .error = error};
}

static inline struct fault fault_plain(u8 vector)
{
    return (struct fault){.raised = true, .vector = vector};
}

/* Evaluate, and hand a fault to the caller's caller. */
#define TRY(expression)                    \
    do {                                   \
        struct fault try_ = (expression);  \
        if (try_.raised)                   \
            return try_;                   \
    } while (0)

/* ---- the virtual CPU ---- */

enum { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS };

struct table_register {
    u64 base;
    u16 limit;
};

struct system_segment {
    u16 selector;
    u64 base;
    u32 limit;
};

struct vcpu {
    u16 selector[6]; /* CPL is selector[SEG_CS] & 3 */
    struct table_register gdt, idt;
    struct system_segment ldt, task;
    u64 dr[8];
    u64 efer, star, lstar, cstar, sfmask, kernel_gs_base, pat, tsc_aux;
    u64 sysenter[3]; /* CS, ESP, EIP */
};

extern struct vcpu vcpu;
extern struct frame frame;

/* Words that bound sites and entry.S touch; exported for the binding table (x86_64.py). */
extern volatile u32 lol_vif_word;    /* FLAG_IF or 0: byte 1 is what cli and sti write */
extern volatile u32 lol_other_flags; /* IOPL, NT, AC as pushf shows them */
extern volatile u8 lol_pending;      /* an interrupt waits to be taken */
extern u64 lol_cr[9];                /* control registers by number, read inline */
extern volatile u8 lol_in_slow;      /* C code is at work on `frame`; signals only leave word */

static inline unsigned cpl(void)
{
    return vcpu.selector[SEG_CS] & 3;
}

/* ---- what the linker tells the module (binding table: x86_64.py) ---- */

struct row { /* one distinct instruction */
    u16 class_number;
    u8 length; /* of the original instruction */
    u8 width;  /* operand size, bytes */
    u8 flags;  /* ROW_* */
    u8 reg_count;
    u8 reg[4]; /* Intel operand order */
    int8_t base, index; /* -1: none */
    u8 scale;
    u8 segment;
    u8 address_bits;
    u8 unused;
    s64 displacement;
    s64 immediate;
    u64 text_va; /* NUL-terminated disassembly */
    u8 code[16];
};
#define ROW_MEMORY 1
#define ROW_REPEAT 2
#define ROW_IMMEDIATE 4

struct site { /* sorted by address */
    u32 start_off; /* from lol_sites_base_va */
    u16 row;
    u8 length;
    u8 unused;
};

extern u64 lol_rows_va, lol_sites_va, lol_sites_base_va, lol_site_count, lol_guest_entry_va;
extern u64 lol_text_va, lol_text_len, lol_data_va, lol_data_len;

const struct site *site_at(u64 va);
u64 site_start_va(const struct site *site);
const struct row *site_row(const struct site *site);

static inline bool in_module_text(u64 va)
{
    return va - lol_text_va < lol_text_len;
}

/* ---- emulate.c ---- */

struct fault emulate(const struct row *row, u64 next_rip);
u64 operand_va(const struct row *row);
void set_register(unsigned number, unsigned bytes, u64 value);

/* ---- mmu.c ---- */

enum access { ACCESS_READ = 0, ACCESS_WRITE = 2, ACCESS_FETCH = 16 };

struct fault guest_read(u64 va, void *to, u64 length);
struct fault guest_write(u64 va, const void *from, u64 length);
struct fault guest_writable(u64 va, u64 length); /* what guest_write would say */
struct fault system_read(u64 va, void *to, u64 length); /* as the CPU itself: supervisor whatever the CPL */
struct fault system_write(u64 va, const void *from, u64 length);
struct fault mmu_host_fault(u64 va, enum access access);
void mmu_flush_all(void);
void mmu_flush_page(u64 va);
void mmu_enter_level(unsigned level);
void mmu_init(u64 memory_len, int memory_fd);
u8 *physical(u64 pa, u64 length); /* NULL outside RAM */

/* ---- segments.c ---- */

struct descriptor {
    u64 low, high;
    u64 base;
    u32 limit;
    u8 type, dpl;
    bool is_code_or_data, present, long_mode, writable_or_readable, code, conforming;
};

struct fault read_descriptor(u16 selector, u8 vector, struct descriptor *descriptor);
struct fault load_segment(unsigned segment, u16 selector);
struct fault load_ldt(u16 selector);
struct fault load_task(u16 selector);
struct fault load_code(u16 selector, unsigned new_cpl, struct descriptor *descriptor);
struct fault stack_for_level(unsigned level, u64 *rsp);
struct fault stack_from_ist(unsigned ist, u64 *rsp);
struct fault io_allowed(u16 port, unsigned bytes);
struct fault inspect_selector(const struct row *row, u16 selector);
u64 fs_base(void);
u64 gs_base(void);
void set_fs_base(u64 base);
void set_gs_base(u64 base);
void drop_privileged_segments(void);

/* ---- control.c ---- */

struct fault write_cr(unsigned number, u64 value);
struct fault read_cr(unsigned number, u64 *value);
struct fault write_dr(unsigned number, u64 value);
struct fault read_dr(unsigned number, u64 *value);
struct fault read_msr(u32 number, u64 *value);
struct fault write_msr(u32 number, u64 value);
void guest_cpuid(void);
unsigned guest_physical_bits(void);
void time_stamp_for_level(unsigned level);
void control_reset(void);

/* ---- transfer.c: everything that changes CS ---- */

struct fault op_iret(unsigned bytes);
struct fault op_far_return(unsigned bytes, u64 release);
struct fault op_far_jump(const struct row *row, bool call, u64 next_rip);
struct fault op_sysret(unsigned bytes);
struct fault op_sysexit(unsigned bytes);
struct fault op_syscall(void);
u64 guest_flags(void);
u64 changeable_flags(unsigned level);
void set_guest_flags(u64 flags, u64 changeable);
void take_host_flags(u64 flags);
bool canonical(u64 va);

/* ---- interrupts.c ---- */

void raise(struct fault fault);                   /* as an exception at frame.rip */
struct fault software_interrupt(u8 vector, u64 next_rip);
bool interrupt_deliverable(void);
void deliver_interrupts(void);

/* ---- timer.c (8254), pic.c (8259), uart.c (16550), ports.c ---- */

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
void timer_init(void);
void timer_expired(void);
s64 timer_next_ns(void); /* nanoseconds until the next edge of channel 0; -1: none */
u8 uart_in(u16 port);
void uart_out(u16 port, u8 value);
void uart_init(const char *console);
void uart_input_ready(void);
bool uart_wants_input(void);
int uart_input_fd(void);
void uart_restore_terminal(void);
enum event { EVENT_TIMER = 1, EVENT_INPUT = 2 };
void note_event(enum event event);
void recompute_pending(void);
void update_pending(void);
void machine_sleep(void);

/* ---- host.c: Linux system calls ---- */

extern u64 host_syscall_count;
long host_call(long number, long a, long b, long c, long d, long e, long f);
u64 host_now_ns(void);
void *copy_bytes(void *to, const void *from, size_t length);
size_t string_length(const char *string);
bool string_equal(const char *a, const char *b);

/* ---- stop.c ---- */

struct report_options {
    bool statistics;
    int executable_fd;
};
extern struct report_options report;
__attribute__((noreturn)) void stop_exit(int status);
__attribute__((noreturn)) void stop_guest(const char *reason, u64 va); /* with registers; va: 0 or the address at fault */
void say(const char *text);
void say_hex(u64 value);
void say_decimal(u64 value);

/* ---- signals.c ---- */

void signals_init(void);
void deliver_after_next_instruction(void);
void require_user_dispatch(void);

#endif
