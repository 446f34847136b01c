/* Entries of the module: the image's entry, and simulator calls. */

#include "vnuma.h"

	.explicit

	.section .note.previrt.module, "a", @note
	.balign 4
	data4 8, 24, 5			// name size, descriptor size, MODULE (docs/formats.md)
	.ascii "previrt\0"
	.ascii "vnuma\0\0\0\0\0\0\0\0\0\0\0"
	data2 50, 0			// EM_IA_64
	data4 VNUMA_VERSION
	.balign 4

	.section .text.entry, "ax"

// Start of day: physical mode or the host's addresses, r8 and r9 say who is below. The guest starts with these
// registers zero and r28 as the node gave it; b6 is left with its entry.
	.global vnuma_start
	.proc vnuma_start
vnuma_start:
	{ .mlx
	nop.m 0
	movl r14=VNUMA_MAGIC
	}
	{ .mii
	nop.m 0
	mov r18=ip			// of this bundle, 16 behind vnuma_start
	nop.i 0 ;;
	}
	cmp.eq p6,p7=r8,r14
	cmp.eq p8,p9=VNUMA_VERSION,r9
(p7)	br.cond.spnt.few elsewhere
(p9)	br.cond.spnt.few other_version ;;
	{ .mlx
	nop.m 0
	movl r15=@pcrel(entries)	// from this bundle
	}
	{ .mii
	nop.m 0
	mov r16=ip			// 16 further
	nop.i 0 ;;
	}
	add r15=r15,r16 ;;
	adds r15=-16,r15 ;;
	ld8 r16=[r15],8 ;;		// the guest's entry, as linked
	ld8 r17=[r15]			// vnuma_start, as linked
	adds r18=-16,r18 ;;		// vnuma_start, as it runs
	sub r16=r16,r17 ;;
	add r16=r16,r18 ;;
	mov b6=r16
	mov r8=0
	mov r9=0
	mov r14=0
	mov r15=0
	mov r16=0
	mov r17=0
	mov r18=0
	mov pr=r0,-1 ;;
	br.cond.sptk.many b6 ;;
	.endp vnuma_start

// A node of another version: it still writes and exits, which never change.
other_version:
	{ .mlx
	nop.m 0
	movl r14=@pcrel(version_text)
	}
	{ .mii
	nop.m 0
	mov r15=ip
	nop.i 0 ;;
	}
	add r14=r14,r15 ;;
	adds r14=-16,r14 ;;
1:	ld1 r16=[r14],1 ;;
	cmp.eq p6,p7=0,r16 ;;
(p7)	break.m VNUMA_CONSOLE_PUT(16)
(p7)	br.cond.sptk.few 1b ;;
	mov r16=1 ;;
	break.m VNUMA_EXIT(16) ;;

// No vNUMA node. The level we run at tells what there is instead: a call puts it into ar.pfs.
elsewhere:
	br.call.sptk.few b6=1f ;;
1:	mov r10=ar.pfs ;;
	extr.u r10=r10,62,2
	alloc r11=ar.pfs,0,0,3,0 ;;
	{ .mlx
	cmp.eq p6,p7=0,r10		// 0: a bare machine
	movl r14=@pcrel(elsewhere_text)
	}
	{ .mii
	cmp.eq p8,p9=3,r10		// 3: a process of Linux
	mov r15=ip
	nop.i 0 ;;
	}
	add r14=r14,r15 ;;
	adds r14=-16,r14
(p8)	br.cond.dpnt.few process
(p7)	br.cond.dpnt.few xen ;;

// A simulated machine has simulator calls: character by character, then exit.
1:	ld1 r32=[r14],1
	mov r15=31 ;;
	cmp.eq p6,p7=0,r32 ;;
(p7)	break.m 0x80001
(p7)	br.cond.sptk.few 1b ;;
	mov r32=1
	mov r15=66 ;;
	break.m 0x80001 ;;
	break.m 0 ;;

// Linux: write(2, text, length), exit(1).
process:
	mov r32=2
	mov r33=r14
	mov r34=elsewhere_len
	mov r15=1027 ;;
	break.m 0x100000 ;;
	mov r32=1
	mov r15=1025 ;;
	break.m 0x100000 ;;
	break.m 0 ;;

// Xen: console_io(write, length, text), sched_op(shutdown, {crash}); bit 63 marks a physical address.
xen:
	mov r2=18
	mov r32=0
	mov r33=elsewhere_len
	dep r34=-1,r14,63,1 ;;
	break.m 0x1000 ;;
	{ .mlx
	nop.m 0
	movl r14=@pcrel(crash)
	}
	{ .mii
	nop.m 0
	mov r15=ip
	nop.i 0 ;;
	}
	add r14=r14,r15
	mov r2=29
	mov r32=2 ;;
	adds r14=-16,r14 ;;
	dep r33=-1,r14,63,1 ;;
	break.m 0x1000 ;;
	break.m 0 ;;

// A simulator call (r15 = 31: write the character in r32; 66: exit with the status in r32), all else is ignored.
// The stub has borrowed r14 to r17, the predicates and b6; r14 is where it goes on.
	.global vnuma_simulator_call
	.proc vnuma_simulator_call
vnuma_simulator_call:
	mov b6=r14
	cmp.eq p6,p7=31,r15
	cmp.eq p8,p9=66,r15 ;;
(p6)	break.m VNUMA_CONSOLE_PUT(32)
(p8)	break.m VNUMA_EXIT(32) ;;
	br.cond.sptk.few b6 ;;
	.endp vnuma_simulator_call

	.section .rodata, "a"
elsewhere_text:
	.ascii "previrt: this image is bound to vnuma, and this is no vNUMA node\n"
elsewhere_len = . - elsewhere_text
	.byte 0
version_text:
	.asciz "previrt: this image is bound to vnuma version 1, and the node has another version\n"
	.balign 4
crash:	data4 3				// SHUTDOWN_crash

	.data
	.balign 8
	.global vnuma_guest_entry_va	// set by the linker
entries:
vnuma_guest_entry_va:
	data8 0
	data8 vnuma_start
