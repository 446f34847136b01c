/* The end for a guest that does what the module cannot: a report on standard error, exit status 1. */
#include "lol.h"

static char *text(char *at, const char *from)
{
	while (*from)
		*at++ = *from++;
	return at;
}

static char *number(char *at, u64 value)
{
	s64 shift;

	at = text(at, "0x");
	for (shift = 60; shift >= 0; shift -= 4)
		*at++ = "0123456789abcdef"[value >> shift & 15];
	return at;
}

static char *named(char *at, const char *name, u64 value)
{
	at = text(at, name);
	at = text(at, " ");
	return number(at, value);
}

static void say(const char *start, char *end)
{
	*end++ = '\n';
	lol_system_call(2, (u64)start, end - start, 0, 0, 0, NR_write);
}

void stop(struct guest *g, const char *why, u64 value)
{
	char line[256];
	struct instruction insn;
	u64 i, faulting;

	console_flush();
	say(line, named(text(line, "lol: stopped: "), why, value));
	if (g) {
		char *at = named(text(line, "lol: "), "ip", g->sc->ip);

		at = named(at, " psr", full_psr(g));
		at = named(at, " cfm", g->sc->cfm);
		say(line, at);
		at = named(text(line, "lol: "), "iip", vcpu.cr[CR_IIP]);
		at = named(at, " ipsr", vcpu.cr[CR_IPSR]);
		at = named(at, " isr", vcpu.cr[CR_ISR]);
		at = named(at, " ifa", vcpu.cr[CR_IFA]);
		say(line, at);
		if (fetch(g->sc->ip, &insn, &faulting)) {
			char unit[2] = { insn.unit, 0 };

			at = named(text(line, "lol: "), insn.site ? "site, instruction" : "instruction", insn.word);
			at = text(text(at, " unit "), unit);
			say(line, at);
		}
		for (i = 0; i < 32; i += 4) {
			u64 r;

			at = text(line, "lol: r");
			*at++ = '0' + i / 10;
			*at++ = '0' + i % 10;
			for (r = i; r < i + 4; r++)
				at = number(text(at, " "), get_gr(g, r));
			say(line, at);
		}
	}
	for (;;)
		lol_system_call(1, 0, 0, 0, 0, 0, NR_exit_group);
}
