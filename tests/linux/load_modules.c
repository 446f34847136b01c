/*
 * The first process of a machine that loads modules: /cpuid.ko, which it lets read the processor's leaf 0, and
 * /previrt_try.ko, which says itself what it saw. Each is unloaded again. Freestanding; x86-64.
 */
#include <asm/unistd.h>

#define O_RDONLY 0
#define O_WRONLY 1
#define O_NONBLOCK 04000
#define S_IFCHR 0020000
#define CPUID_MAJOR 203
#define REBOOT_MAGIC 0xfee1dead
#define REBOOT_MAGIC2 672274793
#define REBOOT_RESTART 0x01234567

static long call(long number, long a, long b, long c, long d, long e)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return result;
}

/* Lines go into the kernel's log, whole: what is written to the console is mixed with what the kernel says. */
static char line[1024];
static long line_length, log_fd;

static void put(const char *text, long length)
{
	while (length-- > 0 && line_length < (long)sizeof line)
		line[line_length++] = *text++;
}

static void end_line(void)
{
	call(__NR_write, log_fd, (long)line, line_length, 0, 0);
	line_length = 0;
}

static void say(const char *text)
{
	long length = 0;

	while (text[length])
		length++;
	put(text, length);
}

static void report(const char *what, const char *name, long result)
{
	char digits[8];
	unsigned at = sizeof digits;
	unsigned long value = result < 0 ? -result : result;

	say("previrt: ");
	say(what);
	say(name);
	say(result < 0 ? ": error " : ": ");
	do
		digits[--at] = '0' + value % 10;
	while (value /= 10);
	put(digits + at, sizeof digits - at);
	end_line();
}

static long load(const char *path)
{
	long fd = call(__NR_open, (long)path, O_RDONLY, 0, 0, 0), result = fd;

	if (fd >= 0) {
		result = call(__NR_finit_module, fd, (long)"", 0, 0, 0);
		call(__NR_close, fd, 0, 0, 0, 0);
	}
	report("loaded ", path, result);
	return result;
}

static void show_modules(void)
{
	static char text[512];
	long fd = call(__NR_open, (long)"/proc/modules", O_RDONLY, 0, 0, 0);

	say("previrt: ");
	put(text, call(__NR_read, fd, (long)text, sizeof text, 0, 0));
	end_line();
	call(__NR_close, fd, 0, 0, 0, 0);
}

static void unload(const char *name)
{
	report("unloaded ", name, call(__NR_delete_module, (long)name, O_NONBLOCK, 0, 0, 0));
}

static void read_cpuid(void)
{
	unsigned words[4] = {0};
	long fd, got;

	call(__NR_mknod, (long)"/dev/cpuid", S_IFCHR | 0400, CPUID_MAJOR << 8, 0, 0);
	fd = call(__NR_open, (long)"/dev/cpuid", O_RDONLY, 0, 0, 0);
	got = call(__NR_pread64, fd, (long)words, sizeof words, 0, 0);
	report("read ", "/dev/cpuid", got);
	say("previrt: cpuid says ");
	put((char *)&words[1], 4);
	put((char *)&words[3], 4);
	put((char *)&words[2], 4);
	end_line();
	call(__NR_close, fd, 0, 0, 0, 0);
}

/* The stack is aligned as the kernel leaves it, not as a called function finds it. */
__attribute__((noreturn, force_align_arg_pointer)) void _start(void)
{
	log_fd = call(__NR_open, (long)"/dev/kmsg", O_WRONLY, 0, 0, 0);
	call(__NR_mount, (long)"proc", (long)"/proc", (long)"proc", 0, 0);
	if (load("/cpuid.ko") == 0) {
		show_modules();
		read_cpuid();
		unload("cpuid");
	}
	if (load("/previrt_try.ko") == 0)
		unload("previrt_try");
	say("previrt: end of modules");
	end_line();
	call(__NR_reboot, REBOOT_MAGIC, REBOOT_MAGIC2, REBOOT_RESTART, 0, 0);
	for (;;)
		;
}
