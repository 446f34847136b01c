/*
 * The Xen interface module on x86-64: the virtual CPU and its machine on hypercalls of Xen's PV interface.
 *
 * How a guest gets here, and back (docs/xen.md). All of the guest runs in what Xen calls user mode, its kernel too; Xen's
 * kernel mode is the module's alone. So a fault, an event or a system call always comes with a stack of the module's:
 *   - a bound site is inline, or calls a short entry of entry.S, or is `int $0x80`, which Xen brings to traps.c;
 *   - what the CPU refuses, and events, come there as well.
 *
 * Files that need each other: sites.c and traps.c, for a site comes as a trap and `sti` steps over what follows it. All
 * others stand in an order, those of ../../shared too; tests/lol_x86_64/test_module_files.py reads it from the objects.
 */
#ifndef XEN_H
#define XEN_H

#include "interface.h"
#include "vcpu.h"

#define HIDDEN __attribute__((visibility("hidden"))) /* of assembly: reached without a table */

#define SELF 0x7ff0u /* DOMID_SELF, xen.h */

/* ---- start.c ---- */

extern bool is_dom0; /* else a domU, whose console is a page shared with xenconsoled */

/* ---- hypercalls.c ---- */

/* Of the interface only what is used; each returns 0 or a negative errno where not said otherwise. */
extern u64 hypercall_counts[HYPERCALLS];
long hypercall(unsigned number, u64 a, u64 b, u64 c, u64 d);
void require(long result, const char *what); /* stops the guest if result is negative */

/* ---- window.c ---- */

#define WINDOW_VA 0xffff880000000000ull /* the first address above Xen's own (arch-x86/xen-x86_64.h) */
extern const u64 *frames; /* machine frame of each pseudo-physical one */
extern u64 memory_len;

/* ---- memory.c: what the module itself sees ---- */

u64 memory_init(const struct start_info *info);
u64 machine_frame(u64 pfn);
u64 memory_end_pfn(void); /* the guest's memory is below */
const u64 *page_contents(u64 pfn); /* a page table of the pool, read-only */
void clear_page(u64 pfn); /* of the pool; it is mapped nowhere else */
extern u64 pool_start_pfn, pool_end_pfn;
extern struct shared_info *shared_info;
extern struct xencons_interface *console_ring; /* NULL in dom0 */

/* ---- shadow.c: what the guest sees ---- */

void shadow_init(void);
void shadow_enter(void); /* the guest is about to run */

/* ---- descriptors.c ---- */

void descriptors_init(void);
u16 real_selector(u16 selector, u16 otherwise); /* the guest's, if the GDT that is loaded can hold its descriptor */

/* ---- enter.c ---- */

void enter_guest(void);
void task_switch_reported(void);

/* ---- time.c ---- */

void events_init(void);
void events_arrived(void);
bool take_event(u32 port); /* events.c */

/* ---- console.c ---- */

extern u32 console_port;
void console_arrived(void); /* its event came */
void console_flush(void); /* lets xenconsoled look at what was written */
void console_drain(void); /* the end: waits until it has read all */

/* ---- traps.c ---- */

void traps_init(void);
void deliver_after_next_instruction(void);

/* ---- sites.c ---- */

void site_trapped(void);
#define SITE_TRAP 0x80cd /* cd 80, int $0x80 */

/* ---- symbols.c ---- */

void symbols_init(u64 start_pa, u64 end_pa);

/* ---- stop.c ---- */

extern bool statistics_wanted;
struct row;
void count_operation(const struct row *row, u64 hypercalls_before);
u64 hypercall_total(void);

#endif
