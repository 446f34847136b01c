/* Start of day: the domain Xen's builder made out of the bound image becomes the machine of docs/machine.md. */
#include "xen.h"

#define STATISTICS_WORD "previrt-statistics"

void start_of_day(const struct start_info *info);

static char command_line[sizeof((struct start_info *)0)->cmd_line];

static bool command_line_has(const char *word)
{
    u64 length = string_length(word), i;
    const char *at = command_line;

    while (*at) {
        for (i = 0; i < length && at[i] == word[i]; i++)
            ;
        if (i == length && (!at[i] || at[i] == ' '))
            return true;
        while (*at && *at++ != ' ')
            ;
    }
    return false;
}

void start_of_day(const struct start_info *info)
{
    u64 virt_base, list_va = info->mfn_list, mod_start = info->mod_start, mod_len = info->mod_len;

    is_dom0 = (info->flags & SIF_INITDOMAIN) != 0;
    if (!is_dom0)
        console_port = info->console.domU.evtchn;
    if (!vcpu_guest_entry_va)
        stop_guest("the image names no 64-bit entry (symbol startup_64 in front of the reserve)", 0);
    copy_bytes(command_line, info->cmd_line, sizeof command_line);
    statistics_wanted = command_line_has(STATISTICS_WORD);
    control_reset();
    features_init();
    virt_base = memory_init(info); /* which takes `info` away */
    descriptors_init();
    shadow_init();
    traps_init();
    events_init();
    vcpu_virtual_offset = virt_base;
    symbols_init(vcpu_data_va + vcpu_data_len - virt_base, list_va - virt_base);
    firmware(memory_end_pfn() * PAGE_LEN, command_line, mod_start - virt_base, mod_len);
    frame.rip -= virt_base; /* one to one, as the tables map it */
    enter_guest();
}
