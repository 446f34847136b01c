// The page at the gate address that the program executes: the system call stub and the way into and out of a signal
// handler. What each part owes the program is in arch/ia64/kernel/gate.S and asm/sigcontext.h of Linux 6.1; gate.py has
// the assembled bytes.
//
// On entry to the trampoline the kernel has put r12 at the signal frame less 16 bytes; general registers are as they
// were, so the interrupted frame must be covered before anything stacked is touched.

        .explicit
        .text

        FRAME = 16
        HANDLER = FRAME + 24
        CONTEXT = FRAME + 160
        SC_BSP = CONTEXT + 72
        SC_RNAT = CONTEXT + 80
        SC_FR6 = CONTEXT + 464 + 6 * 16
        SC_RBS_BASE = CONTEXT + 2512
        SC_LOADRS = CONTEXT + 2520
        RT_SIGRETURN = 1181

system_call:
{ .mib
        break.m 0x100000
        nop.i 0
        br.ret.sptk.many b6 ;;
}

trampoline:
        br.call.sptk.many b0=1f ;;      // the output registers become a frame of their own
1:      cover ;;                        // and all of it belongs to the backing store now
        mov r9=ar.bsp
        adds r2=SC_RBS_BASE,r12
        adds r3=SC_BSP,r12 ;;
        ld8 r14=[r2]
        st8 [r3]=r9 ;;
        cmp.ne p1,p2=r0,r14
 (p1)   br.cond.spnt.few to_signal_stack ;;
on_stack:
        alloc r8=ar.pfs,0,0,3,0
        adds r2=HANDLER,r12
        adds r3=FRAME,r12 ;;
        ld8 r16=[r2]                    // the handler's function descriptor
        ld8 r32=[r3],8 ;;
        ld8 r33=[r3],8
        ld8 r10=[r16],8 ;;
        ld8 r34=[r3]
        ld8 r1=[r16]
        mov b6=r10
        adds r2=SC_FR6,r12
        adds r3=SC_FR6+16,r12 ;;
        stf.spill [r2]=f6,32
        stf.spill [r3]=f7,32 ;;
        stf.spill [r2]=f8,32
        stf.spill [r3]=f9,32 ;;
        stf.spill [r2]=f10,32
        stf.spill [r3]=f11,32 ;;
        stf.spill [r2]=f12,32
        stf.spill [r3]=f13,32 ;;
        stf.spill [r2]=f14
        stf.spill [r3]=f15
        br.call.sptk.many b0=b6 ;;

        adds r2=SC_BSP,r12
        mov r15=ar.bsp ;;
        ld8 r14=[r2] ;;
        cmp.ne p1,p2=r14,r15
 (p1)   br.cond.spnt.few from_signal_stack ;;
off_stack:
        adds r2=SC_FR6,r12
        adds r3=SC_FR6+16,r12 ;;
        ldf.fill f6=[r2],32
        ldf.fill f7=[r3],32 ;;
        ldf.fill f8=[r2],32
        ldf.fill f9=[r3],32 ;;
        ldf.fill f10=[r2],32
        ldf.fill f11=[r3],32 ;;
        ldf.fill f12=[r2],32
        ldf.fill f13=[r3],32 ;;
        ldf.fill f14=[r2]
        ldf.fill f15=[r3]
        mov r15=RT_SIGRETURN ;;
        break.m 0x100000 ;;

// The dirty registers go with the engine to the new backing store, at r14; sc_loadrs says how many bytes of it they take.
to_signal_stack:
        mov ar.rsc=0 ;;
        mov r19=ar.rnat
        mov r18=ar.bspstore
        adds r2=SC_RNAT,r12 ;;
        mov ar.bspstore=r14
        st8 [r2]=r19
        adds r2=SC_LOADRS,r12 ;;
        mov r16=ar.bsp ;;
        sub r16=r16,r14
        extr.u r20=r18,3,6 ;;
        shl r16=r16,16
        cmp.eq p3,p4=63,r20 ;;
        st8 [r2]=r16
 (p3)   st8 [r18]=r19                   // the collection's own slot comes next: the old store ends with it
        mov ar.rsc=0xf
        br.cond.sptk.few on_stack ;;

// Back: r14 is ar.bsp as it was, r15 as it is. The dirty registers are loaded again, counted, and the engine is put where
// as many of them end at r14.
from_signal_stack:
        alloc r8=ar.pfs,0,0,0,0
        adds r2=SC_LOADRS,r12
        adds r3=SC_RNAT,r12 ;;
        ld8 r16=[r2]
        ld8 r19=[r3] ;;
        mov ar.rsc=r16
        shr.u r17=r16,19 ;;             // slots
        loadrs
        shladd r18=r17,3,r0 ;;
        sub r15=r15,r18 ;;              // where they begin in the signal stack
        extr.u r15=r15,3,6 ;;
        add r15=r15,r17 ;;
        shr.u r15=r15,6 ;;              // collections among the slots
        sub r17=r17,r15                 // registers
        extr.u r18=r14,3,6 ;;
        sub r18=62,r18 ;;
        add r18=r17,r18 ;;              // 62 - slot + registers: at 63 the first collection is passed, at 126 the second
        cmp.ltu p3,p4=62,r18
        cmp.ltu p5,p6=125,r18 ;;
 (p3)   adds r17=1,r17 ;;
 (p5)   adds r17=1,r17 ;;
        shl r17=r17,3 ;;
        sub r14=r14,r17 ;;
        mov ar.bspstore=r14 ;;
        mov ar.rnat=r19 ;;
        mov ar.rsc=0xf
        br.cond.sptk.few off_stack ;;
