/* What each signal of the host means for the guest. Which one stands for which interruption: arch/ia64/kernel/traps.c. */
#include "lol.h"

enum { SIGILL = 4, SIGTRAP = 5, SIGBUS = 7, SIGFPE = 8, SIGSEGV = 11, SIGALRM = 14 };
#define ISR_VALID	1
#define SC_FPH_VALID	4	/* asm/sigcontext.h, IA64_SC_FLAG_FPH_VALID */
#define VECTOR_NAT	26	/* si_imm is the number of the interruption for some of the signals */
#define VECTOR_UNSUPPORTED	31

void lol_signal(int signo, struct siginfo *info, struct sigcontext *sc, struct state *state);

/* Take an interrupt that waits, between two instructions; but let the guest get on a little behind an rfi. */
static void take_interrupt(struct guest *g)
{
	if (!vcpu.psr_i || !interrupts_deliverable())
		return;
	if (vcpu.returned || virtual_itc() - vcpu.returned_at < BREATH)
		timer_breath();
	else
		deliver(g, V_EXTERNAL, 0);
}

/* The instruction's access, for a signal that comes without isr. */
static u64 access_of(const struct instruction *insn)
{
	u64 op = insn->word >> 37 & 15, x6 = insn->word >> 30 & 63;

	if (insn->unit != 'M' || op < 4 || op > 7)
		return 0;
	if (op == 4 && insn->word >> 27 & 1)
		return ISR_R | ISR_W;
	return x6 >= 0x30 ? ISR_W : ISR_R;
}

static void unaligned(struct guest *g, u64 address)
{
	struct instruction insn;
	u64 faulting;

	if (vcpu.psr_ic)
		vcpu.cr[CR_IFA] = address;
	deliver(g, V_UNALIGNED, fetch(g->sc->ip, &insn, &faulting) ? access_of(&insn) : 0);
}

/* A reference the host has no mapping for. */
static void reference(struct guest *g, struct siginfo *info)
{
	u64 isr = info->isr & ~ISR_EI, va = info->addr;
	u64 wanted = isr & ISR_X ? EXECUTE : (isr & ISR_R ? READ : 0) | (isr & ISR_W ? WRITE : 0);
	struct translation t;
	struct fault fault;

	if (va == LOL_PENDING && !CPL) {	/* the last instruction of `ssm psr.i`: its target is a scratch register */
		next_instruction(g);
		return;
	}
	if (info->imm == VECTOR_NAT) {
		if (va >= HOST_PAGE) {
			deliver(g, V_NAT, isr);
			return;
		}
		isr &= ~0xffUL;		/* the host's page of NaTs at 0 is none of the guest's */
	}
	if (isr & ISR_X && vcpu.through_epc && guest_translate(va, EXECUTE, isr, &t, &fault) && t.pl == 3) {
		/* br.ret out of code that epc promoted: its target is a page of level 3. */
		set_psr(g, full_psr(g) | PSR_CPL);
	}
	if (!map_for(g, va, wanted, isr, &fault))
		deliver_fault(g, &fault);
}

static void instruction(struct guest *g, int signo, struct siginfo *info)
{
	struct instruction insn;
	u64 faulting;

	if (info->flags & ISR_VALID && signo == SIGILL) {
		deliver(g, info->imm == VECTOR_UNSUPPORTED ? V_UNSUPPORTED : V_NAT, info->isr);
		return;
	}
	if (info->flags & ISR_VALID && signo == SIGFPE) {
		deliver(g, V_FP_FAULT, info->isr);
		return;
	}
	if (!fetch(g->sc->ip, &insn, &faulting))
		stop(g, "cannot read the instruction at", g->sc->ip);
	if (signo == SIGILL && info->code == 1 && !insn.site) {
		u64 immediate;

		/* ILL_ILLOPC is an illegal operation, or break 0. */
		if (!is_break(&insn, &immediate)) {
			general_exception(g, GE_ILLEGAL);
			return;
		}
	}
	emulate(g, &insn);
}

/*
 * psr.mfh, which says that f32-f127 were written. Linux clears it when it puts them into a signal frame, and again when it
 * takes them from there. It saves them only if the bit is one, else the frame shows what was saved before: so while the
 * bit is zero a mark stands where f32 is kept, above the 82 bits of a register, and a frame without it says one. While
 * the bit is one the registers need not be taken back (the module does not touch them), and the bit stays. A guest that
 * clears it by `rum` is told too much at the next signal.
 */
#define MARK	(1UL << 63)

static void find_mfh(struct sigcontext *sc)
{
	if (sc->flags & SC_FPH_VALID && !(sc->fr[32][1] & MARK))
		sc->um |= PSR_MFH;
}

static void keep_mfh(struct sigcontext *sc)
{
	if (sc->um & PSR_MFH)
		sc->flags &= ~(u64)SC_FPH_VALID;
	else
		sc->fr[32][1] |= MARK;
}

void lol_signal(int signo, struct siginfo *info, struct sigcontext *sc, struct state *state)
{
	struct guest guest = { sc, state }, *g = &guest;

	state->exit_bsp = state->bspstore;
	if (!vcpu.running) {
		vcpu.running = 1;
		start_guest(g);
		return;
	}
	if (sc->ip - LOL_VCPU < LOL_END - LOL_VCPU || !sc->rbs_base)
		stop(g, "signal in the module: number", signo);
	find_mfh(sc);
	switch (signo) {
	case SIGALRM:
		timer_expired();
		break;
	case SIGSEGV:
		if (info->flags & ISR_VALID)
			reference(g, info);
		else
			instruction(g, signo, info);
		break;
	case SIGBUS:
		unaligned(g, info->addr);
		break;
	default:
		instruction(g, signo, info);
		break;
	}
	take_interrupt(g);
	interrupts_update();
	keep_mfh(sc);
	if (vcpu.returned) {
		vcpu.returned = 0;
		vcpu.returned_at = virtual_itc();
	}
	if (state->exit_bsp == state->bspstore)
		state->exit_rnat = state->rnat;
}
