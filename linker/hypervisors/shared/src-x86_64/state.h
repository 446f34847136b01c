/* The virtual CPU (docs/machine.md): the guest's registers while the module works, and what the hardware does not hold. */
#ifndef VCPU_STATE_H
#define VCPU_STATE_H

#include "types.h"

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

#define CR0_WP (1ull << 16)
#define CR0_TS (1ull << 3)
#define CR4_TSD (1ull << 2)

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

static inline unsigned iopl(void)
{
    return (vcpu_other_flags >> 12) & 3;
}

u64 guest_flags(void); /* RFLAGS as the guest sees them */
u64 changeable_flags(unsigned level);
void set_guest_flags(u64 flags, u64 changeable);
void take_host_flags(u64 flags);

#endif
