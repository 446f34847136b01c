/* The way back to the guest: what must be so when it goes on. */
#include "xen.h"

static bool task_switched;

/* Xen has cleared CR0.TS before it reports #NM (xen.h, fpu_taskswitch). */
void task_switch_reported(void)
{
    task_switched = false;
}

/* What must be so when the guest goes on. */
void enter_guest(void)
{
    bool wanted = (vcpu_cr[0] & CR0_TS) != 0;

    if (task_switched != wanted) {
        require(hypercall(H_FPU_TASKSWITCH, wanted, 0, 0, 0), "Xen does not set CR0.TS");
        task_switched = wanted;
    }
    shadow_enter();
    /* RPL 3 tells Xen to go to its user mode, whatever ring the guest thinks it is in. */
    frame.host_cs = cpl() == 3 ? real_selector(vcpu.selector[SEG_CS], FLAT_CS) : FLAT_CS;
    frame.host_ss = cpl() == 3 ? real_selector(vcpu.selector[SEG_SS], FLAT_SS) : FLAT_SS;
    frame.host_words[3] = 0;
    hypercall_counts[HYPERVISOR_IRET]++; /* which entry.S makes */
}
