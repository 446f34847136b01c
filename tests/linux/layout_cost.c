/*
 * The first process of a machine that counts instructions (QEMU -icount shift=0: one is one nanosecond, and one count of the
 * time stamp): prints how many it took to get here, and how many some services of the kernel take, each the least of 30.
 */
#include <stdio.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned long long count(void)
{
	unsigned low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (unsigned long long)high << 32 | low;
}

#define LEAST(name, ...)                                             \
	do {                                                         \
		unsigned long long least = ~0ull, taken;             \
		for (int round = 0; round < 30; round++) {           \
			taken = count();                             \
			__VA_ARGS__;                                 \
			taken = count() - taken;                     \
			least = taken < least ? taken : least;       \
		}                                                    \
		printf("count " name " %llu\n", least);              \
	} while (0)

int main(void)
{
	unsigned long long booted = count();
	int there[2], back[2];
	char *page, byte = 0;

	printf("\ncount boot %llu\n", booted);
	LEAST("call", for (int i = 0; i < 100; i++) syscall(SYS_getppid));
	LEAST("fork", {
		int child = fork();
		if (child == 0)
			_exit(0);
		waitpid(child, 0, 0);
	});
	if (pipe(there) || pipe(back))
		return 1;
	if (fork() == 0) {
		while (read(there[0], &byte, 1) == 1 && write(back[1], &byte, 1) == 1)
			;
		_exit(0);
	}
	LEAST("pipe", for (int i = 0; i < 10; i++) if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1) return 1);
	page = mmap(0, 30 * 100 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	LEAST("fault", for (int i = 0; i < 100; i++) { *page = 1; page += 4096; });
	fflush(stdout);
	reboot(RB_AUTOBOOT);
	return 1;
}
