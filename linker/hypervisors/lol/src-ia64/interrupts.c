/*
 * External interrupts (SDM vol. 2, 5.8) and the interval timer, which is a POSIX timer of the host set to go off when
 * ar.itc, by the host's own counter, gets to cr.itm.
 */
#include "lol.h"

#define SPURIOUS	15
#define CLOCK_MONOTONIC	1
#define CALIBRATION_TICKS	20000
#define SHORTEST	8000	/* ticks: no timer is set shorter, so that a handler that looks for more interrupts ends */
#define JUST_MISSED	100000	/* ticks: cr.itm this little behind ar.itc was ahead of it when the guest computed it */

u64 virtual_itc(void)
{
	u64 itc;

	__asm__ volatile("mov %0=ar.itc" : "=r"(itc));
	return itc + vcpu.itc_offset;
}

static s64 highest(const u64 *set)
{
	s64 i, bit = 0, step;

	for (i = 3; i >= 0 && !set[i]; i--)
		;
	for (step = 32; i >= 0 && step; step >>= 1)
		if (set[i] >> bit >> step)
			bit += step;
	return i < 0 ? -1 : i * 64 + bit;
}

/* Priority: 2 (NMI), 0 (ExtINT), then by number. */
static s64 priority(s64 vector)
{
	return vector == 2 ? 512 : vector == 0 ? 256 : vector;
}

/* The vector cr.ivr would give, -1 for none. */
static s64 best(void)
{
	s64 vector, serving;
	u64 tpr = vcpu.cr[CR_TPR];

	if (!(vcpu.irr[0] | vcpu.irr[1] | vcpu.irr[2] | vcpu.irr[3]))
		return -1;
	if (vcpu.irr[0] & 4)
		vector = 2;
	else if (vcpu.irr[0] & 1)
		vector = 0;
	else
		vector = highest(vcpu.irr);
	if (vector < 0)
		return -1;
	if (vector != 2 && (tpr >> 16 & 1 || (vector >= 16 && (u64)vector >> 4 <= (tpr >> 4 & 15))))
		return -1;
	if (vcpu.in_service[0] & 4)
		serving = 2;
	else if (vcpu.in_service[0] & 1)
		serving = 0;
	else
		serving = highest(vcpu.in_service);
	return serving >= 0 && priority(serving) >= priority(vector) ? -1 : vector;
}

int interrupts_deliverable(void)
{
	return best() >= 0;
}

/* Keep the word that `ssm psr.i` looks at. */
void interrupts_update(void)
{
	vcpu.poll = interrupts_deliverable() ? LOL_PENDING : LOL_VCPU;
}

void interrupts_pend(u64 vector)
{
	vcpu.irr[vector >> 6] |= 1UL << (vector & 63);
	interrupts_update();
}

/* Reading cr.ivr. */
u64 interrupts_acknowledge(void)
{
	s64 vector = best();

	if (vector < 0)
		return SPURIOUS;
	vcpu.irr[vector >> 6] &= ~(1UL << (vector & 63));
	vcpu.in_service[vector >> 6] |= 1UL << (vector & 63);
	interrupts_update();
	return vector;
}

/* Writing cr.eoi. */
void interrupts_end(void)
{
	s64 vector = vcpu.in_service[0] & 4 ? 2 : vcpu.in_service[0] & 1 ? 0 : highest(vcpu.in_service);

	if (vector >= 0)
		vcpu.in_service[vector >> 6] &= ~(1UL << (vector & 63));
	interrupts_update();
}

static u64 now_ns(void)
{
	u64 time[2];

	lol_system_call(CLOCK_MONOTONIC, (u64)time, 0, 0, 0, 0, NR_clock_gettime);
	return time[0] * 1000000000UL + time[1];
}

/* Make the timer, and find out how long a tick of ar.itc is. */
void timer_start(void)
{
	u64 first_ns, first_tick, ticks;

	if (lol_system_call(CLOCK_MONOTONIC, 0, (u64)&vcpu.timer, 0, 0, 0, NR_timer_create) < 0)
		stop(0, "the host gives no timer", 0);
	first_ns = now_ns();
	first_tick = virtual_itc();
	do
		ticks = virtual_itc() - first_tick;
	while (ticks < CALIBRATION_TICKS);
	/* (ns << 32) / ticks, by subtraction: there is no division without a library */
	{
		u64 rest = (now_ns() - first_ns) << 24, quotient = 0;
		s64 bit;

		for (bit = 40; bit >= 0; bit--)
			if (rest >> bit >= ticks) {
				rest -= ticks << bit;
				quotient |= 1UL << bit;
			}
		vcpu.ns_per_tick = quotient << 8;
	}
}

static void set_host_timer(u64 ns)
{
	u64 value[4] = { 0, 0, 0, 0 };

	for (; ns >= 1000000000UL && value[2] < 1000000; value[2]++)
		ns -= 1000000000UL;
	value[3] = ns < 1000000000UL ? ns : 0;
	lol_system_call(vcpu.timer, 0, (u64)value, 0, 0, 0, NR_timer_settime);
}

/* Let the guest run for a moment: an interrupt that waits is taken when the signal comes. */
void timer_breath(void)
{
	set_host_timer((BREATH * (vcpu.ns_per_tick >> 8)) >> 24);
}

/* cr.itm or cr.itv has a new value. */
void timer_set(void)
{
	s64 left = vcpu.cr[CR_ITM] - virtual_itc();
	u64 ns = 0;

	vcpu.timer_set = !(vcpu.cr[CR_ITV] & 0x10000) && (vcpu.cr[CR_ITV] & 0xff) >= 16 && left > -JUST_MISSED;
	if (vcpu.timer_set) {
		if (left < SHORTEST)
			left = SHORTEST;
		if ((u64)left >> 32)
			ns = ((u64)left >> 16) * (vcpu.ns_per_tick >> 16);
		else
			ns = ((u64)left * (vcpu.ns_per_tick >> 8)) >> 24;
		ns++;
	}
	set_host_timer(ns);
}

/* SIGALRM. A host that counts differently is asked again. */
void timer_expired(void)
{
	if (!vcpu.timer_set)
		return;
	if ((s64)(vcpu.cr[CR_ITM] - virtual_itc()) > 0) {
		timer_set();
		return;
	}
	vcpu.timer_set = 0;
	interrupts_pend(vcpu.cr[CR_ITV] & 0xff);
}
