/*
 * From execve to the guest's entry. The image is where its segments say, and so is the module. The module copies itself
 * to where it will run, the image goes into the memory file page by page, and the image's own pages are unmapped: what
 * the guest may see is mapped when it looks.
 */
#include "lol.h"

#define PROT_RW		(READ | WRITE)
#define PROT_RWX	(READ | WRITE | EXECUTE)
#define MAP_SHARED_FIXED	0x11
#define EFAULT		14
#define MAP_ANONYMOUS	0x32	/* private, fixed */
#define SA_FLAGS	0x08000004UL	/* SA_ONSTACK, SA_SIGINFO */
#define PR_SET_UNALIGN	6
#define PR_UNALIGN_SIGBUS	2
#define DEFAULT_RAM	(128UL << 20)

/* Words the binding sets. */
u64 lol_text_va __attribute__((visibility("default")));
u64 lol_text_len __attribute__((visibility("default")));
u64 lol_data_va __attribute__((visibility("default")));
u64 lol_data_len __attribute__((visibility("default")));
u64 lol_guest_entry_va __attribute__((visibility("default")));

void lol_main(const u64 *arguments);
void lol_in_copy(const u64 *arguments);

void *memcpy(void *to, const void *from, u64 len);
void *memset(void *to, int value, u64 len);

void *memcpy(void *to, const void *from, u64 len)
{
	u8 *t = to;
	const u8 *f = from;

	while (len--)
		*t++ = *f++;
	return to;
}

void *memset(void *to, int value, u64 len)
{
	u8 *t = to;

	while (len--)
		*t++ = value;
	return to;
}

static void need(s64 result, const char *why)
{
	if (result < 0)
		stop(0, why, -result);
}

static u64 parse_size(const char *text)
{
	u64 value = 0;

	for (; *text >= '0' && *text <= '9'; text++)
		value = value * 10 + (*text - '0');
	return *text == 'M' ? value << 20 : *text == 'G' ? value << 30 : value;
}

static void copy_part(u64 va, u64 len, u64 delta)
{
	u64 start = (va + delta) & -HOST_PAGE, end = (va + delta + len + HOST_PAGE - 1) & -HOST_PAGE, i;

	need(lol_system_call(start, end - start, PROT_RWX, MAP_ANONYMOUS, -1, 0, NR_mmap), "no memory for the module");
	for (i = 0; i < len; i += 8)
		*(u64 *)(va + delta + i) = *(u64 *)(va + i);
	for (i = start; i < end; i += 32)
		__asm__ volatile("fc.i %0" : : "r"(i) : "memory");
	__asm__ volatile(";; sync.i ;; srlz.i ;;" ::: "memory");
}

void lol_main(const u64 *arguments)
{
	u64 low = lol_text_va < lol_data_va ? lol_text_va : lol_data_va, delta = LOL_MODULE - (low & -HOST_PAGE);

	need(lol_system_call(LOL_VCPU, 0x10000, PROT_RW, MAP_ANONYMOUS, -1, 0, NR_mmap), "no memory for the virtual CPU");
	vcpu.module_delta = delta;
	copy_part(lol_text_va, lol_text_len, delta);
	copy_part(lol_data_va, lol_data_len, delta);
	lol_continue(delta, arguments);
}

/* Every page of the image into the memory file; what is not mapped the host refuses to read. */
static void move_image(void)
{
	u64 va;
	s64 written;

	for (va = LOWEST_VA; va < vcpu.ram_len; va += HOST_PAGE) {
		written = lol_system_call(vcpu.memory_fd, va, HOST_PAGE, va, 0, 0, NR_pwrite64);
		if (written != HOST_PAGE && written != -EFAULT)
			stop(0, "the image does not go into guest memory: errno", -written);
	}
	need(lol_system_call(LOWEST_VA, vcpu.ram_len - LOWEST_VA, 0, 0, 0, 0, NR_munmap), "the image stays mapped: errno");
}

static void take_signals(void)
{
	static const u8 signals[] = { 4, 5, 7, 8, 11, 14 };	/* ILL TRAP BUS FPE SEGV ALRM */
	static u64 descriptor[2];
	u64 stack[3] = { LOL_STACK, 0, LOL_STACK_LEN }, action[3] = { (u64)descriptor, SA_FLAGS, ~0UL }, i;

	descriptor[0] = lol_signal_address();
	descriptor[1] = lol_gp();
	need(lol_system_call(LOL_STACK, LOL_STACK_LEN, PROT_RW, MAP_ANONYMOUS, -1, 0, NR_mmap), "no signal stack: errno");
	need(lol_system_call((u64)stack, 0, 0, 0, 0, 0, NR_sigaltstack), "no signal stack: errno");
	for (i = 0; i < sizeof signals; i++)
		need(lol_system_call(signals[i], (u64)action, 0, 8, 0, 0, NR_rt_sigaction), "no signals: errno");
	need(lol_system_call(PR_SET_UNALIGN, PR_UNALIGN_SIGBUS, 0, 0, 0, 0, NR_prctl), "no unaligned faults: errno");
}

/* In the copy. */
void lol_in_copy(const u64 *arguments)
{
	u64 count = arguments[0];

	vcpu.ram_len = DEFAULT_RAM;
	if (count > 2) {
		const char *option = (const char *)arguments[2];

		if (option[0] != '-' || option[1] != 'm' || option[2])
			stop(0, "usage: GUEST [-m SIZE]; arguments", count);
		vcpu.ram_len = parse_size((const char *)arguments[3]) & -HOST_PAGE;
	}
	if (lol_text_va + lol_text_len > vcpu.ram_len || lol_data_va + lol_data_len > vcpu.ram_len)
		stop(0, "the image does not fit in guest memory of size", vcpu.ram_len);
	vcpu.memory_fd = lol_system_call((u64)"guest", 0, 0, 0, 0, 0, NR_memfd_create);
	need(vcpu.memory_fd, "no memory file: errno");
	need(lol_system_call(vcpu.memory_fd, vcpu.ram_len, 0, 0, 0, 0, NR_ftruncate), "no guest memory: errno");
	need(lol_system_call(LOL_WINDOW, vcpu.ram_len, PROT_RW, MAP_SHARED_FIXED, vcpu.memory_fd, 0, NR_mmap),
	     "no guest memory: errno");
	move_image();
	take_signals();
	timer_start();
	lol_enter_guest();
}

/* The first signal: the state a bare machine starts with, but for CFM, which is that of an empty frame. */
void start_guest(struct guest *g)
{
	u64 *word;

	for (word = &g->sc->ip; word < &g->sc->fr[0][0]; word++)
		if (word != &g->sc->ar_fpsr)
			*word = 0;
	for (word = (u64 *)g->state; word < &g->state->bspstore; word++)
		*word = 0;
	g->sc->nat = 0;
	g->sc->pr = 1;
	g->sc->ip = lol_guest_entry_va;
	g->sc->ar25 = g->sc->ar26 = 0;
	g->sc->loadrs = 0;
	g->state->exit_bsp = g->sc->rbs_base;
	g->state->exit_rnat = 0;
	g->state->lc = 0;
	vcpu.poll = LOL_VCPU;
	vcpu.cr[CR_PTA] = 15 << 2;
	vcpu.cr[CR_ITV] = 1 << 16;
}
