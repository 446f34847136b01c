/* The report of what the guest did that cannot be done. */
#include "vcpu.h"

static void say_register(const char *name, u64 value, const char *end)
{
    say(name);
    say_number(value, 16, 2 * sizeof(uword));
    say(end);
}

void stop_guest(const char *reason, u64 va)
{
    static const char *const register_names[GENERAL_REGISTERS] = REGISTER_NAMES;
    const struct site *site = site_at(linked_va(frame.rip));
    unsigned i;

    host_before_report();
    say("\n");
    say(host_name);
    say(": guest stopped: ");
    say(reason);
    if (va && va != frame.rip) {
        say("\n  address: 0x");
        say_hex(va);
    }
    say("\n  at: 0x");
    say_hex(frame.rip);
    say_symbol(frame.rip);
    if (site) {
        say("\n  site: 0x");
        say_hex(site_start_va(site));
        say("\n  instruction: ");
        say((const char *)(uword)site_row(site)->text_va);
    }
    say("\n");
    for (i = 0; i < GENERAL_REGISTERS; i++)
        say_register(register_names[i], frame.reg[i], i % 4 == 3 ? "\n" : "");
    say_register(ADDRESS_NAME, frame.rip, "");
    say_register(FLAGS_NAME, guest_flags(), "");
    say_register(" cr2 ", vcpu_cr[2], "");
    say_register(" cr3 ", vcpu_cr[3], "\n");
    stop_exit(1);
}
