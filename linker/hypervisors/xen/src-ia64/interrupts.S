// The interrupt controller inside the processor (SDM volume 2, 5.8): what is pending, what is in service, the task
// priority. Events become pending vectors when the guest looks.

	.include "module.inc"
	.text

	// Make the timer's vector pending if its event is. Uses r2, r3, r8, r9, r14, p6, p7.
	.macro collect_events
	field r14, UPCALL_PENDING
	st1 [r14]=r0
	field r14, PENDING_SELECTOR
	xchg8 r2=[r14],r0
	field r14, EVENT_PENDING
	xchg8 r2=[r14],r0		// the timer's is the only event there is
	field r14, CR_ITV
	ld8 r3=[r14]
	cmp.ne p6,p0=0,r2
	extr.u r8=r3,6,2
	dep.z r9=r3,0,6
	field r14, CR_IRR
	shladd r14=r8,3,r14
	mov r8=1
	shl r8=r8,r9
	ld8 r9=[r14]
	or r9=r9,r8
	tbit.nz p7,p0=r3,16		// masked
(p7)	cmp.ne p6,p0=r0,r0
(p6)	st8 [r14]=r9
	.endm

	// r8: the highest bit that is set in four words at r14, or -1. Uses r2, r3, r9, r14, p6, p7.
	.macro highest_bit
	adds r14=24,r14
	mov r8=3
	mov r9=-1
1:	ld8 r2=[r14],-8
	cmp.ne p6,p0=0,r2
(p6)	br.cond.dpnt 2f
	adds r8=-1,r8
	cmp.ne p6,p0=r9,r8
(p6)	br.cond.dptk 1b
	br.cond.sptk 4f
2:	.irp distance, 1, 2, 4, 8, 16, 32
	shr.u r3=r2,\distance
	or r2=r2,r3
	.endr
	popcnt r3=r2
	adds r3=-1,r3
	shladd r8=r8,4,r0
	shladd r8=r8,2,r3
4:
	.endm

	// r10: the vector that may be taken now, 15 if none. r11: the highest pending. Uses r2, r3, r8, r9, r14, p6, p7.
	.macro find_vector
	field r14, CR_IRR
	highest_bit
	mov r11=r8
	field r14, IN_SERVICE
	highest_bit
	mov r10=r11
	field r14, CR_TPR
	ld8 r2=[r14]
	cmp.le p6,p0=r11,r8
(p6)	mov r10=15
	tbit.nz p6,p0=r2,16		// mmi
(p6)	mov r10=15
	extr.u r2=r2,4,4
	extr.u r3=r11,4,4
	cmp.leu p6,p0=r3,r2
(p6)	mov r10=15
	.endm

	// Set or clear bit r8 of four words at r14. Uses r2, r3, r9.
	.macro change_bit how
	extr.u r2=r8,6,2
	extr.u r3=r8,0,6
	shladd r14=r2,3,r14
	mov r2=1
	shl r2=r2,r3
	ld8 r3=[r14]
	\how r3=r3,r2
	st8 [r14]=r3
	.endm

	// Let Xen deliver an event as soon as they are not masked, if there is a vector that may be taken.
	.macro ask_for_delivery
	find_vector
	cmp.ne p6,p0=15,r10
	field r14, UPCALL_PENDING
	mov r2=1
(p6)	st1 [r14]=r2
	.endm

// mov from cr.ivr: the vector goes into service.
	.global xen_get_ivr
	.proc xen_get_ivr
xen_get_ivr:
	save_some
	collect_events
	find_vector
	field r14, RESULT
	st8 [r14]=r10
	cmp.eq p6,p0=15,r10
(p6)	br.cond.dptk 9f
	mov r8=r10
	field r14, CR_IRR
	change_bit andcm
	field r14, IN_SERVICE
	change_bit or
9:	restore_some
	.endp xen_get_ivr

// mov to cr.tpr. r14: the value.
	.global xen_set_tpr
	.proc xen_set_tpr
xen_set_tpr:
	save_some
	field r2, CR_TPR
	movl r3=0x100f0
	and r14=r14,r3
	st8 [r2]=r14
	collect_events
	ask_for_delivery
	restore_some
	.endp xen_set_tpr

// mov to cr.eoi.
	.global xen_eoi
	.proc xen_eoi
xen_eoi:
	save_some
	field r14, IN_SERVICE
	highest_bit
	cmp.eq p6,p0=-1,r8
(p6)	br.cond.dpnt 9f
	field r14, IN_SERVICE
	change_bit andcm
9:	collect_events
	ask_for_delivery
	restore_some
	.endp xen_eoi

// mov from cr.irr0 to cr.irr3. r14: which.
	.global xen_get_irr
	.proc xen_get_irr
xen_get_irr:
	save_some
	mov r10=r14
	collect_events
	field r14, CR_IRR
	shladd r14=r10,3,r14
	ld8 r10=[r14]
	field r14, RESULT
	st8 [r14]=r10
	ask_for_delivery
	restore_some
	.endp xen_get_irr
