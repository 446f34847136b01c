"""Interruptions, rfi, the interval timer, interrupts, TLB misses: small guests that check from inside."""

from pathlib import Path

import pytest
from guests import EXIT, PROLOGUE, run, vectors

SKIP_AND_RETURN = """
        mov r16=cr.iip ;;
        adds r16=16,r16 ;;
        mov cr.iip=r16
        mov r17=cr.ipsr ;;
        dep r17=0,r17,41,2 ;;
        mov cr.ipsr=r17 ;;
        rfi ;;
"""

BREAK = "{ .mii\n break.m 1\n nop.i 0\n nop.i 0 ;;\n}\n"
"""Alone in its bundle: the handlers go on at the next."""

USE_BANK_1 = """
        bsw.1 ;;
"""


def test_break_gives_its_immediate_and_slot_and_rfi_returns(tmp_path: Path) -> None:
    handler = "mov r18=cr.iim\n mov r19=cr.isr ;;\n shr.u r19=r19,41 ;;\n add r10=r18,r19\n" + SKIP_AND_RETURN
    source = (
        PROLOGUE
        + USE_BANK_1
        + "{ .mii\n nop.m 0\n nop.i 0\n break.i 0x21 ;;\n}\n mov r32=r10\n"
        + EXIT
        + vectors(v2c00=handler)
    )
    assert run(tmp_path, source)[0] == 0x21 + 2


def test_banked_registers_keep_the_interrupted_ones(tmp_path: Path) -> None:
    handler = "mov r20=77 ;;\n" + SKIP_AND_RETURN
    source = PROLOGUE + USE_BANK_1 + "mov r20=5 ;;\n" + BREAK + "mov r32=r20\n" + EXIT + vectors(v2c00=handler)
    assert run(tmp_path, source)[0] == 5


def test_cover_and_rfi_keep_the_frame(tmp_path: Path) -> None:
    handler = "cover ;;\n alloc r18=ar.pfs,0,90,0,0 ;;\n mov r33=1\n mov r121=1 ;;\n alloc r18=ar.pfs,0,0,0,0 ;;\n"
    handler += SKIP_AND_RETURN
    source = PROLOGUE + USE_BANK_1 + "mov r33=42\n mov r71=13 ;;\n" + BREAK + "add r32=r33,r71\n" + EXIT
    assert run(tmp_path, source + vectors(v2c00=handler))[0] == 55


def test_deep_recursion_spills_and_fills_through_a_small_backing_store(tmp_path: Path) -> None:
    source = (
        PROLOGUE
        + """
        mov r64=100 ;;
        br.call.sptk.many b0=sum ;;
        mov r32=r8 ;;
        cmp.eq p6,p7=r64,r0
        """
        + "movl r9=100*101/2+100*7 ;;\n cmp.eq p6,p7=r8,r9 ;;\n (p6) mov r32=1\n (p7) mov r32=2\n"
        + EXIT
        + """
sum:    alloc r35=ar.pfs,1,5,1,0 ;;
        mov r36=b0
        mov r34=7
        adds r38=-1,r32
        cmp.eq p6,p0=0,r32
        mov r8=0 ;;
 (p6)   br.cond.sptk out ;;
        br.call.sptk.many b0=sum ;;
        add r8=r8,r32 ;;
        add r8=r8,r34 ;;
out:    mov ar.pfs=r35
        mov b0=r36 ;;
        br.ret.sptk.many b0 ;;
"""
        + vectors()
    )
    status, _, machine = run(tmp_path, source)
    assert status == 1
    assert machine.cpu.rse.bspstore_va == 0x800000 + 0, "what was spilled has been read back"


def test_timer_interrupts_until_the_count_is_reached(tmp_path: Path) -> None:
    handler = """
        mov r16=cr.ivr ;;
        mov r17=0x31 ;;
        cmp.eq p8,p9=r16,r17 ;;
 (p8)   adds r10=1,r10
        mov r18=cr.itm ;;
        adds r18=5000,r18 ;;
        mov cr.itm=r18
        mov cr.eoi=r0 ;;
        srlz.d
        rfi ;;
"""
    source = (
        PROLOGUE
        + USE_BANK_1
        + """
        mov r10=0
        mov r20=0x31 ;;
        mov cr.itv=r20
        mov cr.tpr=r0
        mov r21=ar.itc ;;
        adds r21=5000,r21 ;;
        mov cr.itm=r21
        ssm 1<<14 ;;
        srlz.d
again:  cmp.gt p6,p7=4,r10 ;;
 (p6)   br.cond.sptk again ;;
        rsm 1<<14 ;;
        mov r32=r10
        mov r22=ar.itc ;;
        sub r11=r22,r21 ;;
"""
        + EXIT
        + vectors(v3000=handler)
    )
    status, _, machine = run(tmp_path, source)
    assert status == 4
    assert 15_000 <= machine.cpu.gr[11] < 15_500


def test_an_interrupt_sent_to_itself_waits_for_psr_i_and_priority(tmp_path: Path) -> None:
    handler = """
        mov r16=cr.ivr ;;
        shl r10=r10,4
        and r17=15,r16 ;;
        or r10=r10,r17
        mov cr.eoi=r0 ;;
        srlz.d
        rfi ;;
"""
    source = (
        PROLOGUE
        + USE_BANK_1
        + """
        mov r10=0
        movl r20=0xfee00000
        mov r21=0x41
        mov r22=0x82 ;;
        mov cr.tpr=r0
        st8 [r20]=r21 ;;
        st8 [r20]=r22
        mov r24=cr.irr1 ;;
        ssm 1<<14 ;;
        srlz.d ;;
        nop.m 0 ;;
        mov r32=r10
"""
        + EXIT
        + vectors(v3000=handler)
    )
    status, _, machine = run(tmp_path, source)
    assert status == 0x21, "the higher vector came first"
    assert machine.cpu.gr[24] == 1 << 0x41 - 64


TLB_HANDLER = """
        mov r16=cr.ifa
        movl r17=0x661 ;;
        mov r18=12<<2
        shr.u r16=r16,12 ;;
        mov cr.itir=r18
        and r16=15,r16 ;;
        shl r16=r16,12 ;;
        movl r19=0x400000 ;;
        add r16=r16,r19 ;;
        or r17=r17,r16 ;;
        itc.d r17
        adds r10=1,r10 ;;
        srlz.d
        rfi ;;
"""

VIRTUAL = """
        mov r10=0
        movl r20=0x2000000000003008
        movl r21=0x1230 ;;
        mov rr[r20]=r21 ;;
        srlz.d
        ssm 1<<17 ;;
        srlz.d ;;
"""


def test_data_tlb_misses_are_handled_and_purges_bring_them_back(tmp_path: Path) -> None:
    body = """
        mov r22=91 ;;
        st8 [r20]=r22 ;;
        ld8 r23=[r20]
        mov r24=12<<2 ;;
        ptc.l r20,r24 ;;
        srlz.d
        ld8 r25=[r20] ;;
        rsm 1<<17 ;;
        srlz.d
        movl r26=0x403008 ;;
        ld8 r27=[r26]
        shl r10=r10,4 ;;
        cmp.eq p6,p7=r27,r22 ;;
 (p6)   adds r10=1,r10 ;;
        mov r32=r10
"""
    source = PROLOGUE + USE_BANK_1 + VIRTUAL + body + EXIT + vectors(v1000=TLB_HANDLER)
    assert run(tmp_path, source)[0] == 0x21


@pytest.mark.parametrize(
    ("pte", "vector"),
    [(0x660, "v5000"), (0x641, "v2800"), (0x621, "v2000"), (0x461 & ~0x600, "v5300")],
    ids=["not present", "not accessed", "clean", "read-only"],
)
def test_a_store_meets_the_fault_of_its_page(tmp_path: Path, pte: int, vector: str) -> None:
    insert = f"movl r17={pte:#x}+0x400000\n mov r18=12<<2 ;;\n mov cr.itir=r18 ;;\n itc.d r17 ;;\n srlz.d\n rfi ;;\n"
    caught = f"alloc r2=ar.pfs,0,1,0,0 ;;\n mov r3=cr.isr ;;\n shr.u r3=r3,32 ;;\n and r32=7,r3\n{EXIT}"
    source = PROLOGUE + USE_BANK_1 + VIRTUAL + "st8 [r20]=r0 ;;\n mov r32=50\n" + EXIT
    assert run(tmp_path, source + vectors(v1000=insert, **{vector: caught}))[0] == 2, "isr.w alone"


def test_a_miss_with_collection_off_is_nested_and_keeps_the_registers(tmp_path: Path) -> None:
    first = "mov r18=cr.iip ;;\n movl r19=0x2000000000005000 ;;\n ld8 r17=[r19] ;;\n nop.m 0 ;;\n"
    nested = "alloc r2=ar.pfs,0,1,0,0 ;;\n mov r3=cr.iip ;;\n cmp.eq p6,p7=r3,r18 ;;\n"
    nested += f" (p6) mov r32=7\n (p7) mov r32=8\n{EXIT}"
    source = PROLOGUE + USE_BANK_1 + VIRTUAL + "ld8 r22=[r20] ;;\n mov r32=50\n" + EXIT
    assert run(tmp_path, source + vectors(v1000=first, v1400=nested))[0] == 7


def test_instruction_translation_and_tpa(tmp_path: Path) -> None:
    source = (
        PROLOGUE
        + USE_BANK_1
        + """
        movl r20=0x4000000000100000
        movl r21=0x4530
        mov r22=24<<2 ;;
        mov rr[r20]=r21
        movl r23=0x661 ;;
        rsm 1<<13 ;;
        srlz.d
        mov cr.ifa=r20
        mov cr.itir=r22 ;;
        itr.i itr[r0]=r23
        itr.d dtr[r0]=r23 ;;
        srlz.i ;;
        tpa r24=r20
        movl r25=there
        movl r27=0x4000000000000000 ;;
        add r25=r25,r27
        movl r26=1<<36|1<<17|1<<13|1<<44 ;;
        mov cr.iip=r25
        mov cr.ipsr=r26
        mov cr.ifs=r0 ;;
        rfi ;;
there:  mov r28=ip ;;
        shr.u r28=r28,61
        shr.u r24=r24,20 ;;
        shladd r32=r28,4,r24
"""
        + EXIT
        + vectors()
    )
    assert run(tmp_path, source)[0] == 0x21


def test_the_console_device_writes(tmp_path: Path) -> None:
    source = (
        PROLOGUE
        + """
        movl r20=0xff5e0000
        mov r21=0x68
        mov r22=0x69 ;;
        st1 [r20]=r21
        adds r23=5,r20 ;;
        ld1 r24=[r23]
        st1 [r20]=r22 ;;
        mov r32=r24
"""
        + EXIT
        + vectors()
    )
    status, written, _ = run(tmp_path, source)
    assert (status, written) == (0x60, b"hi")


def test_a_nat_is_consumed_by_a_store_and_passed_on_by_an_add(tmp_path: Path) -> None:
    handler = "mov r18=cr.isr ;;\n zxt1 r10=r18\n" + SKIP_AND_RETURN
    source = (
        PROLOGUE
        + USE_BANK_1
        + """
        mov r20=-1
        movl r21=0x700000 ;;
        mov ar.unat=r20 ;;
        ld8.fill r22=[r21] ;;
        add r23=1,r22 ;;
        tnat.nz p6,p7=r23
{ .mii
        st8 [r21]=r23
        nop.i 0
        nop.i 0 ;;
}
        mov r32=0 ;;
 (p6)   add r32=r10,r32
"""
        + EXIT
        + vectors(v5600=handler)
    )
    assert run(tmp_path, source)[0] == 0x10


def test_user_code_may_not_touch_privileged_state(tmp_path: Path) -> None:
    handler = f"alloc r2=ar.pfs,0,1,0,0 ;;\n mov r3=cr.isr ;;\n zxt1 r32=r3\n{EXIT}"
    source = (
        PROLOGUE
        + """
        rsm 1<<13 ;;
        srlz.d
        movl r20=user
        movl r21=3<<32|1<<13|1<<44 ;;
        mov cr.iip=r20
        mov cr.ipsr=r21
        mov cr.ifs=r0 ;;
        rfi ;;
user:   rsm 1<<14 ;;
        mov r32=50
"""
        + EXIT
        + vectors(v5400=handler)
    )
    assert run(tmp_path, source)[0] == 0x10


def test_single_step_traps_after_each_instruction(tmp_path: Path) -> None:
    handler = """
        adds r10=1,r10
        mov r17=cr.ipsr
        cmp.eq p8,p9=2,r10 ;;
 (p8)   dep r17=0,r17,40,1 ;;
        mov cr.ipsr=r17 ;;
        rfi ;;
"""
    source = (
        PROLOGUE
        + """
        mov r10=0
        rsm 1<<13 ;;
        srlz.d
        movl r20=stepped
        movl r21=1<<40|1<<13|1<<44 ;;
        mov cr.iip=r20
        mov cr.ipsr=r21
        mov cr.ifs=r0 ;;
        rfi ;;
stepped: alloc r2=ar.pfs,0,1,0,0 ;;
        mov r32=r10 ;;
"""
        + EXIT
        + vectors(v6000=handler)
    )
    assert run(tmp_path, source)[0] in {1, 2}
