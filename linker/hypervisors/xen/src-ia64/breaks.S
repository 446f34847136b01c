// The guest's own breaks. In their places stands break 0, which Xen hands back without looking at what it says: so no
// immediate is taken for a hyperprivop. What the guest wrote is found by the address.

	.include "module.inc"
	.text

// mov from cr.iim.
	.global xen_get_iim
	.proc xen_get_iim
xen_get_iim:
	save_some
	field r14, CR_IIM
	ld8 r8=[r14]
	field r14, CR_IIP
	ld8 r2=[r14]
	field r14, CR_IPSR
	ld8 r3=[r14]
	cmp.ne p6,p0=0,r8		// not of ours
(p6)	br.cond.dptk 9f

	// Rows: how far the instruction is from the module's text, its slot added; the immediate.
	extr.u r3=r3,PSR_RI_BIT,2
	add r2=r2,r3
	address r11, xen_text, r15
	sub r2=r2,r11
	address r14, xen_break_count, r15
	ld8 r9=[r14],8
	ld8 r14=[r14]
	add r14=r14,r11
1:	cmp.eq p6,p0=0,r9
(p6)	br.cond.dpnt 9f
	ld8 r3=[r14],8
	ld8 r10=[r14],8
	adds r9=-1,r9
	cmp.ne p6,p0=r3,r2
(p6)	br.cond.dptk 1b
	mov r8=r10
9:	field r14, RESULT
	st8 [r14]=r8
	restore_some
	.endp xen_get_iim

	.data
	.global xen_break_count, xen_breaks
xen_break_count:
	data8 0
// How far the rows are from the module's text; behind the count.
xen_breaks:
	data8 0
