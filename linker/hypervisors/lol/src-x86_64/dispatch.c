/* Syscall User Dispatch: system calls of the guest's programs come to the module as SIGSYS. */
#include "lol.h"

#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_ON 1
#define DISPATCH_BLOCK 1

static u8 dispatch_selector = DISPATCH_BLOCK;
static bool user_dispatch_works;

/* Ring 3 is about to run: its system calls must come here, or they would reach the host. */
void require_user_dispatch(void)
{
    if (!user_dispatch_works)
        stop_guest("programs of the guest need Syscall User Dispatch, Linux 5.11 or later", 0);
}

void user_dispatch_init(void)
{
    user_dispatch_works = host_call(SYS_prctl, PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, (long)vcpu_text_va,
                                    (long)vcpu_text_len, (long)&dispatch_selector, 0) == 0;
}
