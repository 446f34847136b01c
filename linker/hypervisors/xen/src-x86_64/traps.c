/* What Xen brings to the module: exceptions and system calls of the guest, sites in the form of a trap, events. */
#include "classes.h"
#include "xen.h"

#define TRAP_ENTRY_LEN 64
#define VECTORS_HANDLED 20
#define VECTOR_NMI 2
#define STEP_BIT 14 /* DR6.BS */

extern u8 trap_entries[] HIDDEN, site_entry[] HIDDEN, event_entry[] HIDDEN, syscall_entry[] HIDDEN, failsafe_entry[] HIDDEN;
extern u8 xen_stack_top[] HIDDEN;
void trap_from_guest(u32 vector, u64 error);
void trap_in_module(u32 vector, u64 rip);

/* The trap flag is ours: an interrupt is to be delivered as soon as the guest is where it can be. */
static bool stepping;

static bool in_entries(void)
{
    return in_module_text(linked_va(frame.rip));
}

/* Whether the guest's next instruction is a bound hlt, which takes an interrupt by itself. */
static bool at_hlt(void)
{
    u64 va = linked_va(frame.rip);
    const struct site *site = site_at(va);
    struct row row;

    if (site)
        return site_start_va(site) == va && site_row(site)->class_number == CLASS_HLT;
    return carried_row(frame.rip, SITE_TRAP, &row) && row.class_number == CLASS_HLT;
}

/*
 * A single step in the module's short entries: an image that popfq is about to load must carry the trap flag on, and
 * pushfq must not store it, so that it is worked here.
 */
static void keep_stepping(void)
{
    const u8 *code = (const u8 *)frame.rip;
    u64 flags;

    if (code[0] == 0x9c) { /* pushfq */
        flags = frame.flags & ~(u64)FLAG_TF;
        if (!guest_write(frame.reg[RSP] - 8, &flags, 8).raised) {
            frame.reg[RSP] -= 8;
            frame.rip++;
        }
    }
    if (code[0] == 0x9d && !guest_read(frame.reg[RSP], &flags, 8).raised) { /* popfq */
        flags |= FLAG_TF;
        guest_write(frame.reg[RSP], &flags, 8);
    }
    frame.flags |= FLAG_TF;
}

void deliver_after_next_instruction(void)
{
    if (frame.flags & FLAG_TF) /* the guest's own trap will do */
        return;
    stepping = true;
    frame.flags |= FLAG_TF;
}

static void end_stepping(void)
{
    stepping = false;
    frame.flags &= ~(u64)FLAG_TF;
}

static void deliver_if_open(void)
{
    if (stepping || !vcpu_pending || !vcpu_vif_word || at_hlt())
        return;
    if (in_entries()) {
        if (!(frame.flags & FLAG_TF)) {
            stepping = true;
            keep_stepping();
        }
        return;
    }
    deliver_interrupts();
}

/* An exception of a short entry itself: a step of ours, or its use of the guest's stack. */
static void in_entry(u32 vector, u64 error)
{
    if (vector == V_DB) {
        if (stepping)
            keep_stepping();
        return;
    }
    if (vector == V_PF && !mmu_host_fault(shared_info->vcpu[0].cr2, access_of(error)).raised)
        return;
    stop_guest("fault inside the interface module", shared_info->vcpu[0].cr2);
}

static void from_guest(u32 vector, u64 error)
{
    struct fault fault = vector == TRAP_SYSCALL ? user_syscall() : hardware_exception(vector, error, shared_info->vcpu[0].cr2);

    if (fault.raised)
        raise(fault);
}

/* Registers are in `frame`; what it holds at the end is where the guest goes on. */
void trap_from_guest(u32 vector, u64 error)
{
    bool was_stepping = stepping;
    u64 rip = frame.rip;

    take_host_flags(frame.flags);
    if (vector == TRAP_FAILSAFE)
        stop_guest("Xen cannot load the segments of the guest's ring 3", 0);
    if (vector == TRAP_EVENT) {
        events_arrived();
    } else if (vector == TRAP_SITE) {
        if (stepping)
            end_stepping();
        site_trapped();
    } else if (in_entries()) {
        in_entry(vector, error);
    } else {
        if (stepping)
            end_stepping();
        if (vector == V_NM)
            task_switch_reported();
        if (!was_stepping || vector != V_DB)
            from_guest(vector, error);
        if (was_stepping && vector == V_PF && frame.rip == rip)
            deliver_after_next_instruction(); /* only now its page is there */
    }
    recompute_pending();
    deliver_if_open();
    recompute_pending();
    enter_guest();
}

/* The module never faults; if it does, no register of the guest is where a report would look. */
void trap_in_module(u32 vector, u64 rip)
{
    say("previrt-xen: exception ");
    say_decimal(vector);
    say(" in the interface module at 0x");
    say_hex(rip);
    say(", cr2 0x");
    say_hex(shared_info ? shared_info->vcpu[0].cr2 : 0);
    say("\n");
    stop_exit(1);
}

static void register_callback(unsigned type, unsigned flags, const u8 *address)
{
    struct callback_register callback = {.type = (u16)type, .flags = (u16)flags, .address = (u64)address};

    require(hypercall(H_CALLBACK_OP, CALLBACKOP_REGISTER, (u64)&callback, 0, 0), "Xen refuses a callback");
}

/*
 * All descriptors have DPL 0: Xen brings int3 and int $0x80 here whatever theirs is, and every other INT n as #GP, with
 * RIP at the instruction, which exceptions.c decodes. (The vector in that error code is not to be trusted: QEMU's TCG
 * doubles it.)
 */
void traps_init(void)
{
    static struct trap_info table[VECTORS_HANDLED + 2];
    unsigned vector, count = 0;

    for (vector = 0; vector < VECTORS_HANDLED; vector++) {
        if (vector == VECTOR_NMI)
            continue; /* Xen's own */
        table[count++] = (struct trap_info){
            .vector = (u8)vector,
            .flags = TRAP_MASKS_EVENTS,
            .cs = FLAT_CS,
            .address = (u64)trap_entries + vector * TRAP_ENTRY_LEN,
        };
    }
    table[count++] = (struct trap_info){.vector = TRAP_SITE, .flags = TRAP_MASKS_EVENTS, .cs = FLAT_CS, .address = (u64)site_entry};
    require(hypercall(H_SET_TRAP_TABLE, (u64)table, 0, 0, 0), "Xen refuses the trap table");
    require(hypercall(H_STACK_SWITCH, FLAT_SS, (u64)xen_stack_top, 0, 0), "Xen refuses the module's stack");
    register_callback(CALLBACKTYPE_EVENT, 0, event_entry);
    register_callback(CALLBACKTYPE_FAILSAFE, CALLBACKF_MASK_EVENTS, failsafe_entry);
    register_callback(CALLBACKTYPE_SYSCALL, CALLBACKF_MASK_EVENTS, syscall_entry);
}
