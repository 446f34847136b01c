/* The host: what a module has for all that is shared. */
#ifndef VCPU_HOST_H
#define VCPU_HOST_H

#include "fault.h"
#include "memory.h"
#include "segments.h"

extern const char host_name[];           /* before a report */
extern const char host_signature[12];    /* cpuid leaf 0x40000000 */
extern const bool host_offers_fsgsbase;
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
