/* The end: the machine goes off, or stops with a report; and what was counted. */
#include "classes.h"
#include "xen.h"

#define CLASSES 64u
#define SLEEP_ENABLE 0x2000 /* ACPI PM1a control: SLP_EN; type 0 is S5 on the machine of docs/machine.md */
#define STATE_OFF 5

static struct {
    const char *text; /* the first instruction of the class that was worked */
    u64 operations, hypercalls;
} counted[CLASSES];
static const char *const hypercall_names[HYPERCALLS] = {
    [H_SET_TRAP_TABLE] = "set_trap_table", [H_MMU_UPDATE] = "mmu_update", [H_SET_GDT] = "set_gdt",
    [H_STACK_SWITCH] = "stack_switch", [H_FPU_TASKSWITCH] = "fpu_taskswitch", [H_PLATFORM_OP] = "platform_op",
    [H_UPDATE_DESCRIPTOR] = "update_descriptor", [H_UPDATE_VA_MAPPING] = "update_va_mapping",
    [H_SET_TIMER_OP] = "set_timer_op", [H_CONSOLE_IO] = "console_io", [H_VCPU_OP] = "vcpu_op",
    [H_SET_SEGMENT_BASE] = "set_segment_base", [H_MMUEXT_OP] = "mmuext_op", [H_SCHED_OP] = "sched_op", [HYPERVISOR_IRET] = "iret",
    [H_CALLBACK_OP] = "callback_op", [H_EVENT_CHANNEL_OP] = "event_channel_op",
};

void count_operation(const struct row *row, u64 hypercalls_before)
{
    if (row->class_number >= CLASSES)
        return;
    if (!counted[row->class_number].text)
        counted[row->class_number].text = row->carried   ? "first met in a kernel module"
                                              : row->text_va ? (const char *)row->text_va
                                                             : "popfq, the long way";
    counted[row->class_number].operations++;
    counted[row->class_number].hypercalls += hypercall_total() - hypercalls_before;
}

static void say_count(const char *name, u64 count, const char *unit)
{
    say("previrt-xen: ");
    say(name);
    say(": ");
    say_decimal(count);
    say(unit);
}

static void say_statistics(void)
{
    u64 counts[HYPERCALLS], total = hypercall_total(), milliseconds = host_now_ns() / 1000000;
    unsigned i;

    copy_bytes(counts, hypercall_counts, sizeof counts);
    say_count("hypercalls", total, " in ");
    say_decimal(milliseconds);
    say(" ms since Xen started\n");
    for (i = 0; i < HYPERCALLS; i++)
        if (counts[i])
            say_count(hypercall_names[i] ? hypercall_names[i] : "other", counts[i], "\n");
    for (i = 0; i < CLASSES; i++)
        if (counted[i].operations) {
            say_count(counted[i].text, counted[i].operations, " times, hypercalls ");
            say_decimal(counted[i].hypercalls);
            say("\n");
        }
}

/* ACPI's S5 is for dom0 to ask (platform.h); where Xen does not do it, the domain only ends. */
void stop_exit(int status)
{
    struct platform_sleep off = {
        .cmd = XENPF_ENTER_ACPI_SLEEP,
        .interface_version = XENPF_INTERFACE_VERSION,
        .pm1a_value = SLEEP_ENABLE,
        .state = STATE_OFF,
    };
    u32 reason = status ? SHUTDOWN_CRASH : SHUTDOWN_POWEROFF;

    if (statistics_wanted)
        say_statistics();
    console_drain();
    if (!status && is_dom0)
        hypercall(H_PLATFORM_OP, (u64)&off, 0, 0, 0);
    for (;;)
        hypercall(H_SCHED_OP, SCHEDOP_SHUTDOWN, (u64)&reason, 0, 0);
}

void host_before_report(void)
{
}
