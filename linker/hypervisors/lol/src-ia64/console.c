/* The guest's console: the process's standard output, a line at a time. */
#include "lol.h"

void console_flush(void)
{
	u64 done = 0;
	s64 written;

	while (done < vcpu.console_len) {
		written = lol_system_call(1, (u64)vcpu.console + done, vcpu.console_len - done, 0, 0, 0, NR_write);
		if (written <= 0)
			break;
		done += written;
	}
	vcpu.console_len = 0;
}

void console_put(u64 character)
{
	vcpu.console[vcpu.console_len++] = character;
	if ((character & 0xff) == '\n' || vcpu.console_len == sizeof vcpu.console)
		console_flush();
}
