// Entry of the image: Xen starts it in metaphysical mode with nothing but r28 set, and no backing store.

	.include "module.inc"

	.section .note.previrt.module, "a", @note
	.balign 4
	data4 8, 24, 5			// name size, descriptor size, MODULE (docs/formats.md)
	.ascii "previrt\0"
	.ascii "xen\0\0\0\0\0\0\0\0\0\0\0\0\0"
	data2 50, 0			// EM_IA_64
	data4 1				// ABI version
	.balign 4

	.section .text.entry, "ax", @progbits
	.global xen_text
xen_text:
	.global xen_start
	.proc xen_start
xen_start:
	field r14, ARGUMENT
	st8 [r14]=r28
	alloc r2=ar.pfs,0,0,8,0

	// The interval timer comes as an event.
	address r14, xen_buffer, r15
	mov r16=VIRQ_ITC
	adds r15=4,r14
	st4 [r14]=r16
	st8 [r15]=r0			// virtual CPU 0; room for the port
	mov r32=1			// EVTCHNOP_bind_virq
	dep r33=-1,r14,63,1		// metaphysical: the address is guest-physical
	mov r2=EVENT_CHANNEL_OP
	break.i HYPERCALL
	address r14, xen_buffer, r15
	adds r14=8,r14
	ld4 r15=[r14]
	field r14, TIMER_PORT
	st8 [r14]=r15

	// As Xen started the image.
	field r14, ARGUMENT
	ld8 r28=[r14]
	address r14, xen_guest_entry, r15
	ld8 r14=[r14]
	mov b6=r14
	.irp n, 2, 3, 8, 9, 10, 11, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 29, 30, 31
	mov r\n=0
	.endr
	.irp n, 32, 33, 34, 35, 36, 37, 38, 39
	mov r\n=0
	.endr
	mov b7=r0
	mov pr=r0,-1
	alloc r2=ar.pfs,0,0,0,0
	mov r2=0
	br.cond.sptk.many b6
	.endp xen_start

	.data
	.balign 32			// inside one page of 16 KiB
	.global xen_buffer
	.hidden xen_buffer
xen_buffer:
	data8 0, 0, 0, 0
	.global xen_guest_entry
xen_guest_entry:
	data8 0
