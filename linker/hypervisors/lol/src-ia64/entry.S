// Entries of the module: from the host at start, from a signal; system calls.

	.file	"entry.S"

#include "lol.h"

	.explicit

	.section .note.previrt.module, "a", @note
	.balign 4
	data4 8, 24, 5			// name size, descriptor size, MODULE (docs/formats.md)
	.ascii "previrt\0"
	.ascii "lol\0\0\0\0\0\0\0\0\0\0\0\0\0"
	data2 50, 0			// EM_IA_64
	data4 1				// ABI version
	.balign 4

	.section .data.gp, "aw"
gp_base:
	data8 0				// where the linker script puts the global pointer

	.section .text.entry, "ax"

// The image's entry. Linux: r12 points 16 bytes below argc, the backing store is set up, ar.rsc is 0xf.
	.global lol_start
	.proc lol_start
lol_start:
	alloc r32=ar.pfs,0,1,1,0
	movl r1=@pcrel(gp_base-16) ;;	// from the next bundle
	{ .mii
	adds r33=16,r12			// argc
	mov r2=ip ;;
	nop.i 0
	}
	add r1=r1,r2
	br.call.sptk.many b0=lol_main ;;
	.endp lol_start

// void lol_continue(u64 delta, const u64 *arguments): go on in the copy, whose text and data are delta away.
	.global lol_continue
	.hidden lol_continue
	.proc lol_continue
lol_continue:
	alloc r34=ar.pfs,2,1,1,0
	mov r35=r33
	add r1=r1,r32 ;;
1:	{ .mii
	nop.m 0
	mov r14=ip ;;
	adds r14=2f-1b,r14 ;;
	}
	add r14=r14,r32 ;;
	mov b6=r14 ;;
	br.cond.sptk.many b6 ;;
2:	br.call.sptk.many b0=lol_in_copy ;;
	.endp lol_continue

// u64 lol_signal_address(void), u64 lol_gp(void): for the handler's function descriptor.
	.global lol_signal_address
	.hidden lol_signal_address
	.proc lol_signal_address
lol_signal_address:
1:	{ .mii
	nop.m 0
	mov r2=ip ;;
	addl r8=lol_signal_entry-1b,r2
	}
	br.ret.sptk.many b0 ;;
	.endp lol_signal_address

	.global lol_gp
	.hidden lol_gp
	.proc lol_gp
lol_gp:
	mov r8=r1
	br.ret.sptk.many b0 ;;
	.endp lol_gp

// The last instruction before the guest: the module's handler takes the signal and replaces every register.
	.global lol_enter_guest
	.hidden lol_enter_guest
	.proc lol_enter_guest
lol_enter_guest:
	{ .mii
	break.m 0x180000
	nop.i 0
	nop.i 0 ;;
	}
	.endp lol_enter_guest

// s64 lol_system_call(six arguments, number): -errno for an error. A leaf: its inputs are the break's arguments.
	.global lol_system_call
	.hidden lol_system_call
	.proc lol_system_call
lol_system_call:
	mov r15=r38 ;;
	break.m 0x100000 ;;
	cmp.eq p6,p7=-1,r10 ;;
 (p6)	sub r8=r0,r8
	br.ret.sptk.many b0 ;;
	.endp lol_system_call

// The signal handler: Linux's trampoline calls it on the signal stack, with the interrupted frame covered and on the
// signal stack's backing store. r32: signal, r33: siginfo, r34: sigcontext.
	.global lol_signal_entry
	.hidden lol_signal_entry
	.proc lol_signal_entry
lol_signal_entry:
	alloc r35=ar.pfs,3,4,4,0
	adds r12=-STATE_LEN-16,r12
	mov r36=b0
	mov r37=ar.unat ;;
	adds r2=16+STATE_R4,r12
	adds r3=16+STATE_R4+8,r12 ;;
	.mem.offset 0,0
	st8.spill [r2]=r4,16
	.mem.offset 8,0
	st8.spill [r3]=r5,16 ;;
	.mem.offset 16,0
	st8.spill [r2]=r6,16
	.mem.offset 24,0
	st8.spill [r3]=r7,16 ;;
	mov r14=ar.unat
	mov r15=b1 ;;
	st8 [r2]=r14,16			// STATE_UNAT
	st8 [r3]=r15,16			// STATE_B1
	mov r14=b2
	mov r15=b3 ;;
	st8 [r2]=r14,16
	st8 [r3]=r15,16
	mov r14=b4
	mov r15=b5 ;;
	st8 [r2]=r14,16
	st8 [r3]=r15,24 ;;		// now at STATE_BSPSTORE and STATE_EXIT_BSP
	flushrs ;;
	mov ar.rsc=0 ;;
	mov r14=ar.bspstore
	mov r15=ar.rnat ;;
	mov ar.rsc=0xf
	mov r16=ar.lc
	st8 [r2]=r14,8 ;;
	st8 [r2]=r15
	adds r2=STATE_LC-STATE_RNAT,r2 ;;
	st8 [r2]=r16
	mov r39=r32
	mov r40=r33
	mov r41=r34
	adds r42=16,r12
	br.call.sptk.many b0=lol_signal ;;

	adds r2=16+STATE_UNAT,r12
	adds r3=16+STATE_B1,r12 ;;
	ld8 r14=[r2],16
	ld8 r15=[r3],16 ;;
	mov ar.unat=r14
	mov b1=r15
	ld8 r14=[r2],16
	ld8 r15=[r3],16 ;;
	mov b2=r14
	mov b3=r15
	ld8 r14=[r2]
	ld8 r15=[r3] ;;
	mov b4=r14
	mov b5=r15
	adds r2=16+STATE_R4,r12
	adds r3=16+STATE_R4+8,r12 ;;
	ld8.fill r4=[r2],16
	ld8.fill r5=[r3],16 ;;
	ld8.fill r6=[r2],16
	ld8.fill r7=[r3],16 ;;
	mov ar.unat=r37
	mov b0=r36
	adds r2=16+STATE_EXIT_BSP,r12
	adds r3=16+STATE_EXIT_RNAT,r12 ;;
	ld8 r14=[r2],STATE_LC-STATE_EXIT_BSP
	ld8 r15=[r3] ;;
	ld8 r16=[r2]
	adds r12=STATE_LEN+16,r12 ;;
	mov ar.lc=r16
	alloc r2=ar.pfs,0,0,0,0 ;;
	mov ar.rsc=0 ;;
	loadrs ;;			// what the handler had in the engine goes
	mov ar.bspstore=r14 ;;
	mov ar.rnat=r15 ;;
	mov ar.rsc=0xf
	br.cond.sptk.many b0 ;;
	.endp lol_signal_entry
