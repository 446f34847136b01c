// Routines that make hypercalls.

	.include "module.inc"
	.text

	// r33: the handle of xen_buffer, whose address is r16. tpa is emulated by Xen and gives guest-physical addresses in
	// metaphysical mode as well.
	.macro handle_of_buffer, register
	tpa r17=r16
	dep \register=-1,r17,63,1
	.endm

// mov cr.iva: Xen learns where faults go, and that events go to the vector for external interrupts there: so an event
// enters the guest as an interrupt does on hardware, in whatever address space its vectors are.
	.global xen_set_iva
	.proc xen_set_iva
xen_set_iva:
	save_all
	mov cr.iva=r14
	addl r17=0x3000,r0
	dep r14=0,r14,0,15
	address r16, xen_buffer, r15
	add r14=r14,r17
	adds r15=8,r16
	st8 [r16]=r0			// CALLBACKTYPE_event, no flags
	st8 [r15]=r14
	mov r32=0			// CALLBACKOP_register
	handle_of_buffer r33
	mov r2=CALLBACK_OP
	break.i HYPERCALL
	restore_all
	.endp xen_set_iva

// A simulator call. r14: what the guest has in r32; its r15 is in ARGUMENT.
	.global xen_simulator_call
	.proc xen_simulator_call
xen_simulator_call:
	save_all
	field r15, ARGUMENT
	ld8 r15=[r15]
	address r16, xen_buffer, r17
	cmp.eq p6,p0=31,r15		// write a character
	cmp.eq p7,p0=66,r15		// exit with a status
(p6)	br.cond.dptk write_character
(p7)	br.cond.dptk exit
	restore_all

write_character:
	st1 [r16]=r14
	mov r32=0			// CONSOLEIO_write
	mov r33=1
	handle_of_buffer r34
	mov r2=CONSOLE_IO
	break.i HYPERCALL
	restore_all

exit:
	cmp.eq p6,p7=0,r14
(p6)	mov r15=0			// SHUTDOWN_poweroff
(p7)	mov r15=3			// SHUTDOWN_crash
	st4 [r16]=r15
	mov r32=2			// SCHEDOP_shutdown
	handle_of_buffer r33
	mov r2=SCHED_OP
	break.i HYPERCALL
	br.cond.sptk exit
	.endp xen_simulator_call
