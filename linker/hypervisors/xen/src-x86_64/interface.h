/* Xen's PV interface, as far as the module uses it; the public header is named with each part. */
#ifndef XEN_INTERFACE_H
#define XEN_INTERFACE_H

#include <stdint.h>

#include "abi.h"

/* xen.h: hypercall numbers */
enum {
    H_SET_TRAP_TABLE = 0, H_MMU_UPDATE = 1, H_SET_GDT = 2, H_STACK_SWITCH = 3, H_FPU_TASKSWITCH = 5, H_PLATFORM_OP = 7,
    H_UPDATE_DESCRIPTOR = 10, H_UPDATE_VA_MAPPING = 14, H_SET_TIMER_OP = 15, H_CONSOLE_IO = 18, H_VCPU_OP = 24,
    H_SET_SEGMENT_BASE = 25, H_MMUEXT_OP = 26, H_SCHED_OP = 29, H_CALLBACK_OP = 30, H_EVENT_CHANNEL_OP = 32,
    HYPERCALLS = 41,
};

/* xen.h: start_info */
struct start_info {
    char magic[32];
    uint64_t nr_pages, shared_info;
    uint32_t flags;
    uint64_t store_mfn;
    uint32_t store_evtchn;
    union {
        struct {
            uint64_t mfn;
            uint32_t evtchn;
        } domU;
        uint32_t dom0[2];
    } console;
    uint64_t pt_base, nr_pt_frames, mfn_list, mod_start, mod_len;
    char cmd_line[1024];
};
#define SIF_INITDOMAIN 2u

/* io/console.h: the console of a domU, a page shared with xenconsoled; indexes count on, rings wrap */
struct xencons_interface {
    char in[1024];
    char out[2048];
    uint32_t in_cons, in_prod, out_cons, out_prod;
};

/* xen.h: vcpu_time_info, vcpu_info, shared_info; arch-x86/xen.h: arch_vcpu_info */
struct vcpu_time {
    uint32_t version, pad;
    uint64_t tsc_timestamp, system_time;
    uint32_t tsc_to_system_mul;
    int8_t tsc_shift;
    uint8_t flags, pad1[2];
};

struct vcpu_info {
    uint8_t upcall_pending, upcall_mask;
    uint64_t pending_selector, cr2, pad;
    struct vcpu_time time;
};

struct shared_info {
    struct vcpu_info vcpu[32];
    uint64_t evtchn_pending[64], evtchn_mask[64];
};

/* xen.h: mmu_update, mmuext_op, update_va_mapping */
struct mmu_update {
    uint64_t ptr; /* machine address of the entry; low bits 0: MMU_NORMAL_PT_UPDATE */
    uint64_t val;
};

struct mmuext_op {
    uint32_t cmd;
    uint64_t mfn, arg2;
};
enum { MMUEXT_PIN_L4_TABLE = 3, MMUEXT_UNPIN_TABLE = 4, MMUEXT_NEW_BASEPTR = 5, MMUEXT_TLB_FLUSH_LOCAL = 6, MMUEXT_NEW_USER_BASEPTR = 15, MMUEXT_CLEAR_PAGE = 16, MMUEXT_COPY_PAGE = 17 };
#define UVMF_INVLPG 2u

/* arch-x86/xen.h: trap_info; flags bit 2: events masked on entry */
struct trap_info {
    uint8_t vector, flags;
    uint16_t cs;
    uint64_t address;
};
#define TRAP_MASKS_EVENTS 4u

/* callback.h */
struct callback_register {
    uint16_t type, flags;
    uint64_t address;
};
enum { CALLBACKTYPE_EVENT = 0, CALLBACKTYPE_FAILSAFE = 1, CALLBACKTYPE_SYSCALL = 2, CALLBACKOP_REGISTER = 0, CALLBACKF_MASK_EVENTS = 1 };

/* event_channel.h */
struct evtchn_bind_virq {
    uint32_t virq, vcpu, port;
};
struct evtchn_send {
    uint32_t port;
};
enum { EVTCHNOP_BIND_VIRQ = 1, EVTCHNOP_SEND = 4, VIRQ_TIMER = 0, VIRQ_CONSOLE = 2 };

/* sched.h */
struct sched_poll {
    uint32_t *ports;
    uint32_t nr_ports;
    uint64_t timeout; /* system time, nanoseconds; 0: none */
};
enum { SCHEDOP_YIELD = 0, SCHEDOP_SHUTDOWN = 2, SCHEDOP_POLL = 3, SHUTDOWN_POWEROFF = 0, SHUTDOWN_CRASH = 3 };

/* vcpu.h, xen.h (console_io), arch-x86/xen-x86_64.h (set_segment_base) */
enum { VCPUOP_STOP_PERIODIC_TIMER = 7, CONSOLEIO_WRITE = 0, CONSOLEIO_READ = 1, SEGBASE_FS = 0, SEGBASE_GS_USER = 1 };

/* platform.h */
struct platform_sleep {
    uint32_t cmd, interface_version;
    uint16_t pm1a_value, pm1b_value;
    uint32_t state, flags;
    uint8_t pad[128];
};
enum { XENPF_ENTER_ACPI_SLEEP = 51, XENPF_INTERFACE_VERSION = 0x03000001 };

/* arch-x86/xen.h, xen-x86_64.h: the machine-to-physical table, which Xen maps into every address space */
#define MACHINE_TO_PHYS ((const uint64_t *)0xffff800000000000ull)

/* Page-table entries: those of the hardware (Intel SDM vol. 3, 4.5). */
#define PTE_PRESENT 1ull
#define PTE_WRITABLE 2ull
#define PTE_USER 4ull
#define PTE_ACCESSED 0x20ull
#define PTE_DIRTY 0x40ull
#define PTE_NO_EXECUTE (1ull << 63)

#endif
