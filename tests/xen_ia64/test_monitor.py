"""The Xen monitor against guests that use Xen's interface as it is documented and was seen to work."""

from pathlib import Path

from xen_guests import COLLECT, run, vectors

CRASHED = 125

RETURN_BEHIND = """
        xsi r24, 0x4898
        ld8 r25=[r24] ;;
        adds r25=16,r25 ;;
        st8 [r24]=r25
        xsi r24, 0x4880
        ld8 r25=[r24] ;;
        dep r25=0,r25,41,2 ;;
        st8 [r24]=r25 ;;
        break 1 ;;
"""
"""Goes on at the bundle behind the interrupted one."""

GO_VIRTUAL = """
        mov r14=0
        movl r15=(26<<2) ;;
        mov cr.ifa=r0
        mov cr.itir=r15
        movl r16=0x661 ;;
        itr.i itr[r14]=r16
        itr.d dtr[r14]=r16
        movl r14=0x4000000 ;;
        mov cr.ifa=r14
        movl r16=0x4000661
        mov r14=1 ;;
        itr.i itr[r14]=r16
        itr.d dtr[r14]=r16 ;;
        break 3 ;;
"""
"""Region 0 mapped to itself by two translation registers of 64 MiB, then virtual mode."""


def test_console_and_shutdown(tmp_path: Path) -> None:
    status, console, counts = run(tmp_path, "        put 'H'\n put 'i'\n exit 0\n")
    assert (status, console) == (0, b"Hi")
    assert counts["hypercall", "console_io"] == 2


def test_start_state(tmp_path: Path) -> None:
    source = """
        ld8 r17=[r28]
        adds r18=8,r28 ;;
        ld8 r19=[r18]
        xsi r20, 1
        ld1 r21=[r20]
        xsi r20, 0x1010
        ld8 r22=[r20] ;;
        shl r22=r22,14 ;;
        adds r22=0x490,r22 ;;
        cmp.eq p6,p7=r22,r28
        mov r23=0x2000 ;;
        cmp.eq.and p6,p0=r19,r23
        cmp.ne.and p6,p0=r21,r0 ;;
        (p6) mov r16=4
        (p7) mov r16=5 ;;
        exit_with r16
    """
    assert run(tmp_path, source)[0] == 4


def test_break_of_the_guest_comes_back_with_its_immediate(tmp_path: Path) -> None:
    handler = "xsi r24, 0x48c0\n ld8 r10=[r24] ;;\n" + RETURN_BEHIND
    source = GO_VIRTUAL + COLLECT + "mov r20=7 ;;\n break 0x21 ;;\n add r16=r10,r20 ;;\n exit_with r16\n"
    status, _, counts = run(tmp_path, source + vectors(v2c00=handler))
    assert status == 0x21 + 7
    assert counts["hyperprivop", "rfi"] == 1


def test_break_in_metaphysical_mode_claims_translation_was_on(tmp_path: Path) -> None:
    """The assembly path (fast_reflect) says psr.dt, it and rt were on; break 0 takes the path in C, which does not."""
    handler = "xsi r24, 0x4880\n ld8 r10=[r24] ;;\n tbit.nz p6,p7=r10,17 ;;\n alloc r2=ar.pfs,0,0,8,0 ;;\n"
    handler += "(p6) mov r16=1\n (p7) mov r16=2 ;;\n br.few leave ;;\n"
    for immediate, status in (("0x21", 1), ("0", 2)):
        source = COLLECT + f"break {immediate} ;;\nleave: exit_with r16\n"
        assert run(tmp_path, source + vectors(v2c00=handler))[0] == status


def test_second_fault_without_psr_ic_kills_the_domain(tmp_path: Path) -> None:
    status, console, _ = run(tmp_path, "break 0 ;;\n")
    assert status == CRASHED
    assert b"trying to deliver nested dtlb" in console


def test_privileged_instructions_are_emulated(tmp_path: Path) -> None:
    source = """
        movl r14=0x12345 ;;
        mov cr.ifa=r14 ;;
        mov r17=cr.ifa
        xsi r18, 0x48a0
        ld8 r19=[r18] ;;
        cmp.eq p6,p7=r17,r19 ;;
        mov ar.k3=r17 ;;
        mov r20=ar.k3 ;;
        cmp.eq.and p6,p0=r20,r14
        ssm 0x2000 ;;
        xsi r18, 0x4c10
        ld4 r19=[r18] ;;
        cmp.eq.and p6,p0=1,r19
        rsm 0x2000 ;;
        ld4 r19=[r18] ;;
        cmp.eq.and p6,p0=0,r19
        mov r21=2
        movl r22=(5<<8|14<<2|1) ;;
        dep.z r21=r21,61,3 ;;
        mov rr[r21]=r22 ;;
        mov r23=rr[r21] ;;
        cmp.eq.and p6,p0=r22,r23
        tpa r23=r14 ;;
        cmp.eq.and p6,p0=r23,r14 ;;
        mov r16=3 ;;
        (p6) mov r16=1 ;;
        exit_with r16
    """
    status, _, counts = run(tmp_path, source)
    assert status == 1
    assert counts["emulated", "tpa r1=r3"] == 1


def test_thash_executes_with_the_meaning_of_the_host(tmp_path: Path) -> None:
    source = """
        movl r14=0x0004000001230000 ;;
        thash r17=r14
        mov r8=r14 ;;
        break 0xd ;;
        cmp.eq p6,p7=r17,r8 ;;
        (p6) mov r16=1
        (p7) mov r16=2 ;;
        exit_with r16
    """
    assert run(tmp_path, source)[0] == 2


def test_guest_physical_is_not_machine_memory(tmp_path: Path) -> None:
    """The same page through itc in region 1 and in metaphysical mode; 16 KiB pages are not in machine order."""
    source = (
        GO_VIRTUAL
        + """
        movl r14=0x2000000000010000
        movl r15=(16<<2) ;;
        mov cr.ifa=r14
        mov cr.itir=r15
        movl r8=0x4600661 ;;
        break 5 ;;
        movl r17=0x460c000
        movl r18=0x200000000001c000
        mov r19=77 ;;
        st8 [r18]=r19 ;;
        ld8 r16=[r17] ;;
        exit_with r16
        """
        + vectors(
            v800="alloc r2=ar.pfs,0,0,8,0 ;;\n br.few again\n",
        ).replace("unexpected:", "again: mov r16=78 ;;\n exit_with r16\nunexpected:")
    )
    # The itc put one 16 KiB page into the TLB; the last entry remembered covers the rest of its 64 KiB.
    assert run(tmp_path, COLLECT + source)[0] == 77


def test_ssm_i_in_slot_1_is_executed_for_ever(tmp_path: Path) -> None:
    """Documented as seen on a running Xen; slots 0 and 2 go on."""
    register = """
        movl r14=callback
        movl r15=letter ;;
        adds r15=8,r15
        mov r17=0 ;;
        st8 [r15]=r17,8 ;;
        st8 [r15]=r14,-8 ;;
        mov r32=0
        dep r33=-1,r15,63,1
        mov r2=30 ;;
        break 0x1000 ;;
        mov r10=0 ;;
    """
    callback = """
        .align 16
callback:
        adds r10=1,r10 ;;
        cmp.eq p6,p7=5,r10
        alloc r2=ar.pfs,0,0,8,0 ;;
        (p6) br.few leave ;;
        xsi r24, 0
        st1 [r24]=r0 ;;
        break 1 ;;
    """
    for slots, status in (
        ("break.m 7\n nop.i 0\n nop.i 0 ;;", 1),
        ("nop.m 0\n nop.i 0\n break.i 7 ;;", 1),
        ("nop.m 0\n break.i 7\n nop.i 0 ;;", 5),
    ):
        source = register + "{ .mii\n" + slots + "\n}\nleave: mov r16=r10 ;;\n exit_with r16\n" + callback + vectors()
        assert run(tmp_path, GO_VIRTUAL + source)[0] == status


def test_timer_comes_as_an_event(tmp_path: Path) -> None:
    source = (
        GO_VIRTUAL
        + """
        movl r14=callback
        movl r15=letter+8
        mov r17=0 ;;
        st8 [r15]=r17,8 ;;
        st8 [r15]=r14
        mov r32=0
        movl r33=letter+8+(1<<63)
        mov r2=30 ;;
        break 0x1000 ;;
        movl r15=letter+8
        mov r14=16 ;;
        st4 [r15]=r14,4 ;;
        st4 [r15]=r0
        mov r32=1
        movl r33=letter+8+(1<<63)
        mov r2=32 ;;
        break 0x1000 ;;
        movl r15=letter+16 ;;
        ld4 r11=[r15]
        mov r14=0xe0 ;;
        mov cr.itv=r14
        mov r8=ar.itc ;;
        adds r8=5000,r8 ;;
        break 0xc ;;
        mov r10=0
        """
        + COLLECT
        + """
        xsi r14, 1
        st1 [r14]=r0 ;;
1:      cmp.eq p6,p7=0,r10 ;;
        (p6) br.few 1b ;;
        add r16=r10,r11 ;;
        exit_with r16
        .align 16
callback:
        mov r10=100
        xsi r24, 0
        st1 [r24]=r0
        xsi r24, 8
        st8 [r24]=r0
        xsi r24, 0xc00
        st8 [r24]=r0 ;;
        break 1 ;;
        """
    )
    status, console, counts = run(tmp_path, source)
    assert (status, console) == (101, b"")
    assert counts["event", "delivered"] == 1


def test_no_callback_sends_events_to_address_0(tmp_path: Path) -> None:
    """There the firmware's zeros are: break 0 in a domain whose psr.ic is 0."""
    status, console, _ = run(
        tmp_path, "xsi r14, 0\n mov r15=1 ;;\n st1 [r14]=r15,1 ;;\n st1 [r14]=r0 ;;\n break 9 ;;\n"
    )
    assert status == CRASHED
    assert b"psr.ic off, delivering event" in console
