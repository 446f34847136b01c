/*
 * LoL on ia64: what the parts of the module share.
 *
 * The guest is one process of Linux. Everything the module keeps is at fixed addresses in region 3, high above the host's
 * own stack, where no guest address may point:
 *
 *   VCPU     the virtual CPU: one page that inline forms and stubs read and write (ia64.py has the offsets), then what
 *            only the module uses
 *   STACK    signal stack; the host puts the register backing store at its bottom
 *   MODULE   a copy of the module's text and data, in which the signal handlers run
 *   WINDOW   all of guest memory, for the module's own accesses
 *
 * Guest memory proper is mapped, page by page, where the guest's TLB says or, in physical mode, at its own address in
 * region 0 (map.c).
 *
 * SDM: Intel Itanium Architecture Software Developer's Manual, revision 2.3.
 */
#ifndef LOL_H
#define LOL_H

#define LOL_VCPU	0x6000080000000000
#define LOL_STACK	0x6000080000100000
#define LOL_STACK_LEN	0x40000
#define LOL_MODULE	0x6000080001000000
#define LOL_WINDOW	0x6000081000000000
#define LOL_END		0x6000082000000000
#define LOL_PENDING	0x60000800000f0000	/* never mapped: what a stub loads from when an interrupt waits */

#define HOST_PAGE	0x4000UL
#define BREATH		6000	/* ticks that a guest has after rfi before the next interrupt */
#define LOWEST_VA	0x10000UL		/* vm.mmap_min_addr */

/* struct state: what entry.S keeps of the interrupted guest beside the signal frame, and how it is to go back. */
#define STATE_R4	0
#define STATE_UNAT	32
#define STATE_B1	40
#define STATE_BSPSTORE	80
#define STATE_RNAT	88
#define STATE_EXIT_BSP	96
#define STATE_EXIT_RNAT	104
#define STATE_LC	112
#define STATE_LEN	128

#define NR_write		1027
#define NR_ftruncate		1098
#define NR_pwrite64		1149
#define NR_mmap			1151
#define NR_munmap		1152
#define NR_prctl		1170
#define NR_sigaltstack		1176
#define NR_rt_sigaction		1177
#define NR_exit_group		1236
#define NR_timer_create		1248
#define NR_timer_settime	1249
#define NR_clock_gettime	1254
#define NR_memfd_create		1340

#ifndef __ASSEMBLER__

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long u64;
typedef long s64;

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* psr, SDM vol. 2, 3.3.2 */
#define PSR_UM		0x3eUL
#define PSR_BE		(1UL << 1)
#define PSR_UP		(1UL << 2)
#define PSR_MFL		(1UL << 4)
#define PSR_MFH		(1UL << 5)
#define PSR_IC		(1UL << 13)
#define PSR_I		(1UL << 14)
#define PSR_PK		(1UL << 15)
#define PSR_DT		(1UL << 17)
#define PSR_RT		(1UL << 27)
#define PSR_CPL		(3UL << 32)
#define PSR_IS		(1UL << 34)
#define PSR_MC		(1UL << 35)
#define PSR_IT		(1UL << 36)
#define PSR_DA		(1UL << 38)
#define PSR_RI		(3UL << 41)
#define PSR_ED		(1UL << 43)
#define PSR_BN		(1UL << 44)
#define PSR_IA		(1UL << 45)
#define PSR_READABLE	(0xffffffffUL | PSR_MC | PSR_IT)
/* What an interruption leaves as it was (vol. 2, table 3-2). */
#define PSR_KEPT	(PSR_UP | PSR_MFL | PSR_MFH | PSR_PK | PSR_DT | PSR_RT | PSR_MC | PSR_IT)
#define RI_SHIFT	41

/* isr, vol. 2, 8.3 */
#define ISR_X		(1UL << 32)
#define ISR_W		(1UL << 33)
#define ISR_R		(1UL << 34)
#define ISR_NA		(1UL << 35)
#define ISR_SP		(1UL << 36)
#define ISR_RS		(1UL << 37)
#define ISR_IR		(1UL << 38)
#define ISR_NI		(1UL << 39)
#define ISR_EI		(3UL << 41)

enum {
	V_VHPT = 0x0000, V_ITLB = 0x0400, V_DTLB = 0x0800, V_ALT_ITLB = 0x0c00, V_ALT_DTLB = 0x1000, V_NESTED = 0x1400,
	V_IKEY_MISS = 0x1800, V_DKEY_MISS = 0x1c00, V_DIRTY = 0x2000, V_IACCESS_BIT = 0x2400, V_DACCESS_BIT = 0x2800,
	V_BREAK = 0x2c00, V_EXTERNAL = 0x3000, V_NOT_PRESENT = 0x5000, V_KEY_PERMISSION = 0x5100,
	V_IACCESS_RIGHTS = 0x5200, V_DACCESS_RIGHTS = 0x5300, V_GENERAL = 0x5400, V_NAT = 0x5600, V_UNALIGNED = 0x5a00,
	V_UNSUPPORTED = 0x5b00, V_FP_FAULT = 0x5c00, V_FP_TRAP = 0x5d00,
};
enum { GE_ILLEGAL = 0, GE_PRIVILEGED = 0x10, GE_REGISTER = 0x20, GE_RESERVED = 0x30 };

enum {
	CR_DCR = 0, CR_ITM = 1, CR_IVA = 2, CR_PTA = 8, CR_IPSR = 16, CR_ISR = 17, CR_IIP = 19, CR_IFA = 20, CR_ITIR = 21,
	CR_IIPA = 22, CR_IFS = 23, CR_IIM = 24, CR_IHA = 25, CR_LID = 64, CR_IVR = 65, CR_TPR = 66, CR_EOI = 67,
	CR_IRR0 = 68, CR_ITV = 72, CR_PMV = 73, CR_CMCV = 74, CR_LRR0 = 80, CR_LRR1 = 81,
};

#define READ	1
#define WRITE	2
#define EXECUTE	4	/* PROT_ bits of the host as well */

/* arch/ia64/include/uapi/asm/sigcontext.h */
struct sigcontext {
	u64 flags, nat;
	struct { u64 sp; u32 flags, pad; u64 size; } stack;
	u64 ip, cfm, um, ar_rsc, ar_bsp, ar_rnat, ar_ccv, ar_unat, ar_fpsr, ar_pfs, ar_lc, pr;
	u64 br[8], gr[32];
	u64 fr[128][2] __attribute__((aligned(16)));
	u64 rbs_base, loadrs, ar25, ar26, reserved[12], mask;
};

struct siginfo {
	int signo, error, code, pad;
	u64 addr;
	int imm;
	u32 flags;
	u64 isr;
};

/* One TLB entry: the address without its region, as in the insertion format. */
struct tlb_entry {
	u64 va, pte;
	u32 rid, key;
	u8 size_log2, valid;
};
#define TR_COUNT	16
#define TC_COUNT	64
/* Powers of two: the module has no library to divide with. */
struct tlb {
	struct tlb_entry tr[TR_COUNT], tc[TC_COUNT];
	u64 next, tr_used, tc_used;
};

/*
 * What is mapped on the host for the guest: address, length, where in guest memory, READ WRITE EXECUTE; the context it was
 * made for, in which alone it is mapped, and the state of the TLBs in which it was last right.
 */
struct mapping {
	u64 va, len, pa, prot, context, generation;
};
#define MAPPINGS	64

/* Which site is at a physical address, 0 for none: the addresses asked for last. */
struct site;
struct found_site {
	u64 pa;
	const struct site *site;
};
#define FOUND_SITES	64

struct vcpu {
	u8 zero, psr_i, pad0[6];
	u64 poll;		/* 0x08: VCPU, or PENDING where an interrupt waits for psr.i */
	u64 psr_readable;	/* 0x10: of `psr` below, what mov r=psr shows */
	u64 itc_offset;		/* 0x18 */
	u8 pad1[0xe1], psr_ic, pad2[0xfe];
	u64 cr[128];		/* 0x200 */
	u64 kr[8];		/* 0x600 */
	u64 rr[8];		/* 0x640 */
	/* The rest is the module's own. */
	u64 psr;		/* without the user mask, i, ic, ri */
	u64 bank[16], bank_nat;	/* r16-r31 of the bank not in use; bit 16 + n as in sc_nat */
	u64 pkr[16], dbr[16], ibr[16], pmc[16], pmd[16];
	u64 irr[4], in_service[4];
	u64 incomplete_cfm;	/* bit 63: the interrupted frame lacks registers; the host has it covered (transfer.c) */
	u64 through_epc;	/* level 0 was reached by epc */
	u64 context;		/* psr bits and level that translations depend on */
	u64 generation;		/* counts changes of the TLBs */
	u64 ram_len;
	int memory_fd, timer;
	u64 timer_set;
	u64 ns_per_tick;	/* 32.32 fixed point */
	u64 module_delta;	/* from the image's address of the module to the copy's */
	u64 running;
	struct tlb itlb, dtlb;
	struct mapping mappings[MAPPINGS];
	u64 next_mapping, mappings_used;
	u64 returned, returned_at;	/* by rfi, now; virtual ar.itc when the last one went back to the guest */
	struct found_site found_sites[FOUND_SITES];
	u64 console_len;
	char console[256];
};
#define vcpu (*(struct vcpu *)LOL_VCPU)

/* As STATE_ above. */
struct state {
	u64 r4[4], unat, b1[5], bspstore, rnat, exit_bsp, exit_rnat, lc, pad;
};

/* One interrupted instruction stream: the frame and the state, passed everywhere as `g`. */
struct guest {
	struct sigcontext *sc;
	struct state *state;
};

/* What a lookup gives. */
struct translation {
	u64 pa;			/* of the address asked for */
	u64 size_log2;
	u64 prot;		/* what may be done without any fault */
	u64 ar, pl;
};

/* A fault to deliver; vector -1: none. */
struct fault {
	s64 vector;
	u64 isr, ifa, itir, iha;
};

/* One instruction: 41 bits (and the L slot's), and the unit it is for: 'M' 'I' 'F' 'B' 'X'. */
struct instruction {
	u64 word, long_word;
	char unit;
	int site;		/* the word is the site's original */
};

/* entry.S */
s64 lol_system_call(u64 a, u64 b, u64 c, u64 d, u64 e, u64 f, u64 number);
void lol_continue(u64 delta, const u64 *arguments);
void lol_enter_guest(void) __attribute__((noreturn));
u64 lol_signal_address(void);
u64 lol_gp(void);

/* registers.c */
u64 get_gr(struct guest *g, u64 number);
int is_nat(struct guest *g, u64 number);
void set_gr(struct guest *g, u64 number, u64 value);
u64 rse_skip(u64 address, s64 count);
void drop_frame(struct guest *g);

/* tlb.c */
int tlb_lookup(u64 va, int execute, struct translation *t, struct fault *fault, u64 isr);
u64 access_rights(u64 ar, u64 pl, u64 cpl);
void tlb_insert_cached(struct tlb *tlb, u64 pte);
int tlb_insert_register(struct tlb *tlb, u64 slot, u64 pte);
void tlb_purge(struct tlb *tlb, u64 va, u64 size_log2, int registers);
u64 hash_address(u64 va);
u64 hash_tag(u64 va);
struct tlb_entry *tlb_find(struct tlb *tlb, u64 va);

/* map.c */
int guest_translate(u64 va, u64 wanted, u64 isr, struct translation *t, struct fault *fault);
void *guest_memory(u64 pa, u64 len);
int map_for(struct guest *g, u64 va, u64 wanted, u64 isr, struct fault *fault);
void mappings_check(void);
void context_changed(void);

/* transfer.c */
void deliver(struct guest *g, u64 vector, u64 isr);
void deliver_fault(struct guest *g, struct fault *fault);
void general_exception(struct guest *g, u64 code);
u64 full_psr(struct guest *g);
void set_psr(struct guest *g, u64 psr);
void emulate_rfi(struct guest *g);
void emulate_cover(struct guest *g);
void emulate_epc(struct guest *g);
void next_instruction(struct guest *g);

/* interrupts.c */
void interrupts_update(void);
void interrupts_pend(u64 vector);
int interrupts_deliverable(void);
u64 interrupts_acknowledge(void);
void interrupts_end(void);
void timer_start(void);
void timer_set(void);
void timer_expired(void);
void timer_breath(void);
u64 virtual_itc(void);

/* emulate.c */
int fetch(u64 ip, struct instruction *insn, u64 *faulting);
void emulate(struct guest *g, struct instruction *insn);
int is_break(const struct instruction *insn, u64 *immediate);

/* start.c */
void start_guest(struct guest *g);

/* console.c, stop.c */
void console_put(u64 character);
void console_flush(void);
void stop(struct guest *g, const char *why, u64 value) __attribute__((noreturn));

#define CPL	(vcpu.psr >> 32 & 3)

#endif
#endif
