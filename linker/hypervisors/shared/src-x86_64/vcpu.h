/*
 * The virtual CPU and its machine (docs/machine.md), as interface modules on x86-64 and i386 share them. What depends on
 * the processor mode is in files of its own: long_mode.c, control.c, tables.c and firmware.c here and in ../src-i386/.
 *
 * All of it works on `frame`, the guest's registers. A module brings them there and back, and has what is declared under
 * "the host" below. Nothing here follows a guest pointer: the guest's page tables are walked and guest-physical memory is
 * reached through physical(), so that every fault met is the guest's and is raised as such.
 */
#ifndef VCPU_H
#define VCPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mode.h> /* of the processor mode that the module is for, found by -I */

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;
typedef uintptr_t uword; /* a general register of the guest */

#define EXPORT __attribute__((visibility("default"), used))
/* A word that the linker writes. In .data, for the linker fills the file's bytes. */
#define LINKER_WORD __attribute__((section(".data"))) EXPORT u64

/* ---- the guest's registers while the module works ---- */

struct frame {
    uword reg[GENERAL_REGISTERS];
    uword host_words[4]; /* the module's own use, on the way back to the guest */
    uword rip;
    uword host_cs;
    uword flags; /* as the guest sees them: IF, IOPL, NT and AC are virtual */
    uword iret_rsp;
    uword host_ss;
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

/* Words that bound sites and entry.S touch; exported for the binding tables. */
extern volatile u32 vcpu_vif_word;    /* FLAG_IF or 0: byte 1 is what cli and sti write */
extern volatile u32 vcpu_other_flags; /* IOPL, NT, AC as pushf shows them */
extern volatile u8 vcpu_pending;      /* an interrupt waits to be taken */
extern u64 vcpu_cr[9];                /* control registers by number, read inline */

static inline unsigned cpl(void)
{
    return vcpu.selector[SEG_CS] & 3;
}

/* ---- what the linker tells the module (x86_64_vcpu.py) ---- */

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
    u8 carried; /* ROW_CARRIED in a kernel module, which brings its rows along; else 0 */
    s64 displacement;
    s64 immediate;
    u64 text_va; /* NUL-terminated disassembly */
    u8 code[16];
};
#define ROW_MEMORY 1
#define ROW_REPEAT 2
#define ROW_IMMEDIATE 4
#define ROW_CARRIED 0xa9

struct site { /* sorted by address */
    u32 start_off; /* from vcpu_sites_base_va */
    u16 row;
    u8 length;
    u8 unused;
};

extern u64 vcpu_rows_va, vcpu_sites_va, vcpu_sites_base_va, vcpu_site_count, vcpu_guest_entry_va;
extern u64 vcpu_text_va, vcpu_text_len, vcpu_data_va, vcpu_data_len;

extern u64 vcpu_virtual_offset; /* virtual minus physical address of the image, 0: unknown, or none */
u64 linked_va(u64 va);
const struct site *site_at(u64 va); /* by linked address */
u64 site_start_va(const struct site *site);
const struct row *site_row(const struct site *site);
#define CARRIED_LEN 5 /* a9 imm32 */
bool carried_row(u64 trap_va, u16 trap, struct row *row);

static inline bool in_module_text(u64 va)
{
    return va - vcpu_text_va < vcpu_text_len;
}

/* ---- emulate.c ---- */

struct fault emulate(const struct row *row, u64 next_rip);
u64 operand_va(const struct row *row);
void set_register(unsigned number, unsigned bytes, u64 value);

/* ---- walk.c; walk() itself: tables.c ---- */

enum access { ACCESS_READ = 0, ACCESS_WRITE = 2, ACCESS_FETCH = 16 };

#define PAGE_LEN 4096ull
#define PTE_FRAME 0x000ffffffffff000ull
#define CR0_WP (1ull << 16)
#define CR0_TS (1ull << 3)
#define CR4_TSD (1ull << 2)

struct translation {
    u64 pa;
    u64 page_len;
    bool writable, user, executable, dirty;
};

/* Error code of #PF (Intel SDM vol. 3, 4.7). */
#define PF_ERROR_P 1u
#define PF_ERROR_W 2u
#define PF_ERROR_U 4u
#define PF_ERROR_RSVD 8u
#define PF_ERROR_I 16u

bool fetches_are_told(void); /* tables.c: whether error codes have PF_ERROR_I */
struct fault page_fault(u64 va, u32 error, enum access access, bool user);
struct fault walk(u64 va, enum access access, bool user, struct translation *result);
struct fault guest_read(u64 va, void *to, u64 length);
struct fault guest_write(u64 va, const void *from, u64 length);
struct fault guest_writable(u64 va, u64 length); /* what guest_write would say */
struct fault system_read(u64 va, void *to, u64 length); /* as the CPU itself: supervisor whatever the CPL */
struct fault system_write(u64 va, const void *from, u64 length);

/* ---- firmware.c ---- */

#define BOOT_COMMAND_LEN 2048
void firmware(u64 memory_len, const char *command, u64 initrd_pa, u64 initrd_len);

/* ---- segments.c ---- */

struct descriptor {
    u64 low, high;
    u64 base;
    u32 limit;
    u8 type, dpl;
    bool is_code_or_data, present, long_mode, writable_or_readable, code, conforming;
};

#define DESCRIPTOR_ACCESSED (1ull << 40)
#define DESCRIPTOR_BUSY (1ull << 41)

enum {
    SYSTEM_TSS16_AVAILABLE = 1, SYSTEM_LDT = 2, SYSTEM_TSS16_BUSY = 3, SYSTEM_CALL_GATE16 = 4, SYSTEM_TASK_GATE = 5,
    SYSTEM_TSS_AVAILABLE = 9, SYSTEM_TSS_BUSY = 11, SYSTEM_CALL_GATE = 12,
};

bool descriptor_va(u16 selector, unsigned length, u64 *va);
struct fault set_descriptor_bits(u16 selector, u64 bits);
struct fault io_allowed(u16 port, unsigned bytes);
struct fault inspect_selector(const struct row *row, u16 selector);
void drop_privileged_segments(void);
struct fault read_descriptor(u16 selector, u8 vector, struct descriptor *descriptor);
struct fault load_segment(unsigned segment, u16 selector);
struct fault load_ldt(u16 selector);
struct fault load_task(u16 selector);

/* ---- long_mode.c, or protected_mode.c: descriptors, stacks and gates of the mode, IRET ---- */

extern const u32 lar_system_types, lsl_system_types; /* a bit for each type that LAR and LSL accept */
extern const bool null_stack_allowed;                /* a null SS, below ring 3 */
extern const char *const register_names[GENERAL_REGISTERS];
extern const char flags_name[], address_name[];
bool canonical(u64 va);
struct fault read_system_part(u16 selector, u8 vector, struct descriptor *descriptor);
void segment_loaded(unsigned segment, const struct descriptor *descriptor); /* NULL: a null selector */
void segment_dropped(unsigned segment);                                     /* by a return to an outer level */
struct fault load_code(u16 selector, unsigned new_cpl, struct descriptor *descriptor);
enum source { SOURCE_EXCEPTION, SOURCE_EXTERNAL, SOURCE_SOFTWARE };
struct fault enter_vector(u8 vector, enum source source, bool has_error, u32 error);

/* ---- control.c ---- */

struct fault write_cr(unsigned number, u64 value);
struct fault read_cr(unsigned number, u64 *value);
struct fault read_msr(u32 number, u64 *value);
struct fault write_msr(u32 number, u64 value);
void control_reset(void);
void hide_features(u32 leaf, u32 out[4]); /* what this mode's virtual CPU does not have */

/* ---- features.c: cpuid; debug registers ---- */

void guest_cpuid(void);
unsigned guest_physical_bits(void);
struct fault write_dr(unsigned number, u64 value);
struct fault read_dr(unsigned number, u64 *value);

/* ---- transfer.c, long_mode.c: everything that changes CS ---- */

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
void arrive(unsigned level, u64 rip);
u64 stack_word(const u8 *bytes, unsigned index, unsigned width);
struct fault check_return_code(u16 selector, struct descriptor *d);
struct fault check_return_stack(u16 selector, unsigned level);

/* ---- interrupts.c ---- */

void raise(struct fault fault);                   /* as an exception at frame.rip */
struct fault software_interrupt(u8 vector, u64 next_rip);
bool interrupt_deliverable(void);
void deliver_interrupts(void);

/* ---- exceptions.c ---- */

enum access access_of(u64 error);
__attribute__((noreturn)) void stop_at_host_entry(u64 va);
struct fault hardware_exception(unsigned vector, u64 error, u64 cr2);

/* ---- pit.c (8254), pic.c (8259), uart.c (16550), ports.c ---- */

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

/* ---- bytes.c ---- */

void *copy_bytes(void *to, const void *from, size_t length);
size_t string_length(const char *string);
bool string_equal(const char *a, const char *b);

/* ---- report.c ---- */

__attribute__((noreturn)) void stop_guest(const char *reason, u64 va); /* with registers; va: 0 or the address at fault */
void say_hex(u64 value);
void say_decimal(u64 value);

/* ---- the host: what a module has for all this ---- */

extern const char host_name[];           /* before a report */
extern const char host_signature[12];    /* cpuid leaf 0x40000000 */
extern bool host_has_fsgsbase;
void host_cpuid(u32 leaf, u32 subleaf, u32 out[4]);
u64 host_now_ns(void);                             /* a clock that never falls */
void host_arm_timer(u64 first_ns, u64 period_ns);  /* call timer_expired() then, and each period; 0, 0: never */
void host_before_report(void);
u8 *physical(u64 pa, u64 length);                  /* guest-physical memory; NULL outside RAM */
struct fault mmu_host_fault(u64 va, enum access access); /* the hardware faulted: map the page, or the guest's fault */
void mmu_flush_all(void);
void mmu_flush_page(u64 va);
void mmu_enter_level(unsigned level); /* guest code of that level is about to run */
void time_stamp_for_level(unsigned level); /* CR4.TSD */
void require_user_dispatch(void); /* ring 3 is about to run: its system calls must come to op_syscall() */
u64 fs_base(void);
u64 gs_base(void);
void set_fs_base(u64 base);
void set_gs_base(u64 base);
void host_load_segment(unsigned segment, const struct descriptor *descriptor); /* i386: FS or GS becomes this, or null */
unsigned console_read(u8 *bytes, unsigned room);
void console_write(u8 byte);
void recompute_pending(void); /* vcpu_pending, from what is known */
void update_pending(void);    /* the same, and asks the host first */
void machine_sleep(void);     /* until the PIC has something */
__attribute__((noreturn)) void stop_exit(int status);
void say(const char *text);
void say_symbol(u64 va); /* ` <symbol+offset>` where it is known */

#endif
