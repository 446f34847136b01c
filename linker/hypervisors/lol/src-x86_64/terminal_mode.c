/* How the process's terminal behaves while the guest has it. */
#include "lol.h"

#define TCGETS 0x5401
#define TCSETS 0x5402

/* struct termios of the kernel, asm-generic/termbits.h */
struct terminal {
    u32 input, output, control, local;
    u8 line;
    u8 characters[19];
};
#define LOCAL_ICANON 2u
#define LOCAL_ECHO 8u
#define INPUT_ICRNL 0400u
#define CHARACTER_MIN 6
#define CHARACTER_TIME 5
#define CHARACTER_SUSPEND 10

static struct terminal saved_terminal;
static bool terminal_changed;

void terminal_restore(void)
{
    if (terminal_changed)
        host_call(SYS_ioctl, 0, TCSETS, (long)&saved_terminal, 0, 0, 0);
    terminal_changed = false;
}

/* Characters one by one and no echo, as a serial line has it. Signals stay with the terminal: Ctrl-C ends the guest. */
void terminal_prepare(void)
{
    struct terminal raw;

    if (host_call(SYS_ioctl, 0, TCGETS, (long)&saved_terminal, 0, 0, 0) < 0)
        return;
    raw = saved_terminal;
    raw.local &= ~(LOCAL_ICANON | LOCAL_ECHO);
    raw.input &= ~INPUT_ICRNL;
    raw.characters[CHARACTER_MIN] = 1;
    raw.characters[CHARACTER_TIME] = 0;
    raw.characters[CHARACTER_SUSPEND] = 0; /* a stopped guest would leave the terminal like this */
    if (host_call(SYS_ioctl, 0, TCSETS, (long)&raw, 0, 0, 0) == 0)
        terminal_changed = true;
}
