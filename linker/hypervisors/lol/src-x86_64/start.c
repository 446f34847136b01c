/*
 * Start of day: the process execve() made out of the bound image becomes the machine of docs/machine.md.
 *
 *   guest-physical memory          one memfd, ELF segments at their p_paddr
 *   0x80000 .. 0x90000             what firmware() leaves
 *   top of memory                  initrd
 */
#include "lol.h"

#define O_CLOEXEC 02000000
#define MFD_CLOEXEC 1
#define MFD_EXEC 0x10
#define SEEK_END 2
#define AT_EXECFN 31
#define AT_HWCAP2 26
#define HWCAP2_FSGSBASE 2
#define PT_LOAD 1

#define DEFAULT_MEMORY (64ull << 20)

void start_of_day(const uword *stack);

__attribute__((noreturn)) static void refuse(const char *what, const char *name)
{
    say("previrt-lol: ");
    say(what);
    if (name) {
        say(": ");
        say(name);
    }
    say("\n");
    stop_exit(2);
}

/* ---- options: [-m SIZE] [-i INITRD] [-o CONSOLE] [-p PROFILE] [-s] [--] [COMMAND LINE WORD ...] ---- */

struct options {
    u64 memory_len;
    const char *initrd, *console;
    char *const *words;
};

static u64 parse_size(const char *text)
{
    u64 value = 0;
    const char *at = text;

    while (*at >= '0' && *at <= '9' && value < 1ull << 40)
        value = value * 10 + (u64)(*at++ - '0');
    if (at == text)
        refuse("not a memory size (use 64M or 1G)", text);
    if (*at == 'K' || *at == 'k')
        value <<= 10, at++;
    else if (*at == 'G' || *at == 'g')
        value <<= 30, at++;
    else if (*at == 'M' || *at == 'm' || !*at)
        value <<= 20, at += *at != 0;
    if (*at)
        refuse("not a memory size (use 64M or 1G)", text);
    value &= ~0x1fffffull;
    if (value < 16ull << 20 || value > MAX_MEMORY)
        refuse("memory size must lie between 16M and " MAX_MEMORY_TEXT "", text);
    return value;
}

static bool is_one_of(char letter, const char *letters)
{
    while (*letters && *letters != letter)
        letters++;
    return letter && *letters;
}

static const char usage[] =
    "Usage: GUEST.lol [-m SIZE] [-i INITRD] [-o CONSOLE-FILE] [-p FILE] [-s] [--] [COMMAND-LINE-WORD ...]\n"
    "This is a kernel bound to Linux-on-Linux; it runs as this process.\n"
    "  -m SIZE   memory, 64M unless told\n"
    "  -i FILE   initial RAM disk\n"
    "  -o FILE   console output goes to FILE\n"
    "  -p FILE   of an image whose sites count: the counters go to FILE at the end\n"
    "  -s        at the end say how many host system calls were made\n";

static void parse_options(u64 argc, char *const *argv, struct options *options)
{
    u64 i = 1;

    *options = (struct options){.memory_len = DEFAULT_MEMORY};
    for (; i < argc && argv[i][0] == '-'; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;

        if (string_equal(argv[i], "--")) {
            i++;
            break;
        }
        if (string_equal(argv[i], "-h") || string_equal(argv[i], "--help")) {
            say(usage);
            stop_exit(0);
        }
        if (string_equal(argv[i], "-s")) {
            report.statistics = true;
            report.say_more = say_guest_counters;
            continue;
        }
        if (!value || argv[i][2] || !is_one_of(argv[i][1], "miop")) {
            say(usage);
            refuse(value ? "unknown option" : "unknown option, or one without its value", argv[i]);
        }
        if (argv[i][1] == 'm')
            options->memory_len = parse_size(value);
        else if (argv[i][1] == 'i')
            options->initrd = value;
        else if (argv[i][1] == 'p')
            report.profile = value;
        else
            options->console = value;
        i++;
    }
    options->words = argv + i;
}

/* ---- memory ---- */

static long open_read(const char *path)
{
    return host_call(SYS_open, (long)path, O_CLOEXEC, 0, 0, 0, 0);
}

static bool read_fully(int fd, void *buffer, u64 length, u64 offset)
{
    u8 *to = buffer;

    while (length) {
        long count = host_read_at(fd, to, (size_t)length, offset);

        if (count <= 0)
            return false;
        to += count;
        offset += (u64)count;
        length -= (u64)count;
    }
    return true;
}

static void load_image(const char *name)
{
    struct program_header header;
    struct elf_header elf;
    bool entry_loaded = false;
    u16 i;

    report.executable_fd = (int)open_read("/proc/self/exe");
    if (report.executable_fd < 0)
        report.executable_fd = (int)open_read(name);
    if (report.executable_fd < 0)
        refuse("cannot open the image", name);
    if (!read_fully(report.executable_fd, &elf, sizeof elf, 0))
        refuse("cannot read the image's ELF header", name);
    for (i = 0; i < elf.segment_count; i++) {
        u8 *memory;

        if (!read_fully(report.executable_fd, &header, sizeof header, elf.segments_off + (u64)i * elf.segment_len))
            refuse("cannot read the image's program headers", name);
        /* The module's own segments of an image that was grown are no memory of the guest. */
        if (header.type != PT_LOAD || in_module_text(header.va) || header.va - vcpu_data_va < vcpu_data_len)
            continue;
        if (vcpu_guest_entry_va - header.va < header.memory_len) {
            entry_loaded = true;
            vcpu_virtual_offset = header.va - header.pa;
        }
        memory = physical(header.pa, header.memory_len);
        if (!memory)
            refuse("the guest's memory is too small for its image (use -m)", name);
        if (!read_fully(report.executable_fd, memory, header.file_len, header.offset))
            refuse("cannot read the image", name);
    }
    if (!entry_loaded)
        refuse("the guest starts at another address than it is linked at, which a process cannot run", name);
}

static void make_memory(u64 length)
{
    long fd = host_call(SYS_memfd_create, (long)"guest memory", MFD_CLOEXEC | MFD_EXEC, 0, 0, 0, 0);

    if (fd < 0) /* hosts before 6.3 do not know MFD_EXEC */
        fd = host_call(SYS_memfd_create, (long)"guest memory", MFD_CLOEXEC, 0, 0, 0, 0);
    if (fd < 0 || host_call(SYS_ftruncate, fd, (long)length, 0, 0, 0, 0) < 0)
        refuse("the host has no memory for the guest", NULL);
    mmu_init(length, (int)fd);
}

static u64 load_initrd(const char *path, u64 memory_len, u64 *length)
{
    long fd = open_read(path);
    u64 pa;

    if (fd < 0)
        refuse("cannot open the initrd", path);
    *length = (u64)host_call(SYS_lseek, fd, 0, SEEK_END, 0, 0, 0);
    if (*length > memory_len / 2)
        refuse("the initrd is larger than half the memory (use -m)", path);
    pa = (memory_len - *length) & ~0xfffull;
    if (!read_fully((int)fd, physical(pa, *length), *length, 0))
        refuse("cannot read the initrd", path);
    host_call(SYS_close, fd, 0, 0, 0, 0, 0);
    return pa;
}

static void join_words(char *const *words, char *to, u64 room)
{
    char *end = to + room - 1, *at = to;

    for (; *words; words++) {
        const char *from = *words;

        if (at != to && at < end)
            *at++ = ' ';
        while (*from && at < end)
            *at++ = *from++;
        if (*from)
            refuse("the command line is too long", *words);
    }
    *at = 0;
}

static uword auxiliary(const uword *stack, uword type)
{
    const uword *at = stack + 1 + stack[0] + 1; /* argc, argv, NULL */

    while (*at)
        at++;
    for (at++; *at; at += 2)
        if (*at == type)
            return at[1];
    return 0;
}

void start_of_day(const uword *stack)
{
    static char command[BOOT_COMMAND_LEN];
    struct options options;
    u64 initrd_pa = 0, initrd_len = 0;
    const char *name = (const char *)auxiliary(stack, AT_EXECFN);

    parse_options(stack[0], (char *const *)(stack + 1), &options);
    if (!vcpu_guest_entry_va)
        refuse("the image names no entry for the module (symbol startup_64 in front of the reserve)", name);
    host_has_fsgsbase = (auxiliary(stack, AT_HWCAP2) & HWCAP2_FSGSBASE) != 0;
    control_reset();
    features_init();
    cpuid_faults();
    make_memory(options.memory_len);
    load_image(name);
    if (options.initrd)
        initrd_pa = load_initrd(options.initrd, options.memory_len, &initrd_len);
    join_words(options.words, command, sizeof command);
    firmware(options.memory_len, command, initrd_pa, initrd_len);
    frame.rip -= vcpu_virtual_offset; /* memory is mapped one to one */
    early_begin();
    terminal_init(options.console);
    pic_init();
    timer_init();
    signals_init();
}
