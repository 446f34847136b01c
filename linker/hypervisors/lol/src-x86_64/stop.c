/* The end, and what a report of it needs. */
#include "lol.h"

#define O_WRONLY 01
#define O_CREAT 0100
#define O_TRUNC 01000
#define O_CLOEXEC 02000000

struct report_options report;

/* Counters are in the reserve's data part (docs/formats.md); the reader knows where. */
static void write_profile(const char *path)
{
    long fd = host_call(SYS_open, (long)path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666, 0, 0, 0);
    u64 at = 0;

    while (fd >= 0 && at < vcpu_data_len) {
        long count = host_call(SYS_write, fd, (long)(vcpu_data_va + at), (long)(vcpu_data_len - at), 0, 0, 0);

        if (count <= 0)
            break;
        at += (u64)count;
    }
    if (at < vcpu_data_len) {
        say("previrt-lol: cannot write the profile: ");
        say(path);
        say("\n");
    }
}

void stop_exit(int status)
{
    terminal_restore();
    if (report.profile)
        write_profile(report.profile);
    if (report.statistics) {
        say("previrt-lol: ");
        say_decimal(host_syscall_count);
        say(" host system calls\n");
        report.say_more();
    }
    for (;;)
        host_call(SYS_exit_group, status, 0, 0, 0, 0, 0);
}

/* ---- symbols, from the executable's own table ---- */

struct section_header {
    u32 name, type;
    uword flags, va, offset, length;
    u32 link, info;
    uword align, entry_length;
};

#define SHT_SYMTAB 2
#define TYPE_FUNCTION 2
#define TYPE_NONE 0

static bool file_read(void *to, size_t length, u64 offset)
{
    return host_read_at(report.executable_fd, to, length, offset) == (long)length;
}

/* Says ` <symbol+offset>` for an address, nothing where the image has no symbols. */
void say_symbol(u64 va)
{
    struct section_header table, strings;
    struct symbol symbols[64], best = {0};
    struct elf_header header;
    size_t i, j, count;
    char name[128];
    bool found = false;

    if (!file_read(&header, sizeof header, 0))
        return;
    for (i = 0; i < header.section_count && !found; i++)
        found = file_read(&table, sizeof table, header.sections_off + i * header.section_len) && table.type == SHT_SYMTAB;
    if (!found || !file_read(&strings, sizeof strings, header.sections_off + table.link * header.section_len))
        return;
    for (i = 0; i < table.length / sizeof symbols[0]; i += 64) {
        count = table.length / sizeof symbols[0] - i;
        count = count < 64 ? count : 64;
        if (!file_read(symbols, count * sizeof symbols[0], table.offset + i * sizeof symbols[0]))
            return;
        for (j = 0; j < count; j++) {
            unsigned type = symbols[j].info & 15;

            if ((type == TYPE_FUNCTION || type == TYPE_NONE) && symbols[j].section && symbols[j].value <= va &&
                symbols[j].value > best.value)
                best = symbols[j];
        }
    }
    if (!best.value)
        return;
    for (i = 0; i + 1 < sizeof name && file_read(name + i, 1, strings.offset + best.name + i) && name[i]; i++)
        ;
    name[i] = 0;
    say(" <");
    say(name);
    say("+0x");
    say_hex(va - best.value);
    say(">");
}

void host_before_report(void)
{
    terminal_restore();
}
