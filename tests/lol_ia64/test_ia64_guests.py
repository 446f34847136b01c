"""LoL on ia64: small guests that check from inside, equal to what they do on the machine, and what they cost."""

from pathlib import Path

import pytest
from ia64_guests import SKIP, build, finish, run, run_bare, start, vectors

from simulator.machine import Stopped

SIGILL, SIGTRAP, SIGSEGV, SIGALRM = 4, 5, 11, 14


def both(directory: Path, source: str) -> int:
    """The status as a process, which must be the machine's."""
    status, output, _ = run(directory, source)
    assert status == run_bare(directory / "guest"), output
    return status


def test_console_and_exit(tmp_path: Path) -> None:
    source = "mov r15=31\n mov r32='A' ;;\n break 0x80001 ;;\n mov r32='\\n' ;;\n break 0x80001 ;;\n exit_with 7\n"
    status, output, process = run(tmp_path, source)
    assert (status, output) == (7, "A\n")
    assert process.system_calls["write"] == 1


LOOP = """
        mov r33=1000 ;;
1:      {body}
        adds r33=-1,r33 ;;
        cmp.ne p6,p0=0,r33
 (p6)   br.cond.sptk.few 1b ;;
        exit_with 0
"""


@pytest.mark.parametrize(
    "body",
    [
        "rsm 1<<14 ;;",
        "ssm 1<<14 ;;\n srlz.d ;;",
        "rsm 1<<13 ;;\n srlz.i ;;\n ssm 1<<13 ;;\n srlz.d ;;",
        "mov r34=psr ;;",
        "mov r34=cr.ipsr ;;",
        "mov r34=cr.tpr ;;",
        "mov ar.k3=r33 ;;\n mov r34=ar.k3 ;;",
        "mov r34=rr[r33] ;;",
        "mov r34=ar.itc ;;",
    ],
)
def test_fast_forms_make_no_signal_and_no_system_call(tmp_path: Path, body: str) -> None:
    if "ipsr" in body:
        body = "rsm 1<<13 ;;\n" + body + "\n ssm 1<<13 ;;"
    process, output = start(build(tmp_path, LOOP.format(body=body)))
    process.run(process.cycles + 1)
    once, output_of_once = start(build(tmp_path, LOOP.format(body=body).replace("r33=1000", "r33=1")))
    assert finish(process, output) == finish(once, output_of_once) == 0
    assert process.system_calls == once.system_calls
    assert process.signals_taken == once.signals_taken


def test_psr_reads_back(tmp_path: Path) -> None:
    source = """
        ssm 1<<14 ;;
        mov r33=psr ;;
        rsm 1<<14 ;;
        mov r34=psr ;;
        rsm 1<<13 ;;
        mov r35=psr ;;
        ssm 1<<13 ;;
        extr.u r33=r33,13,2
        extr.u r34=r34,13,2
        extr.u r35=r35,13,2 ;;
        shl r34=r34,2
        shl r35=r35,4 ;;
        add r33=r33,r34 ;;
        add r33=r33,r35 ;;
        exit_with r33
"""
    assert both(tmp_path, source) == 3 + (1 << 2)


@pytest.mark.parametrize(("slot", "instruction"), [(0, "m"), (1, "i"), (2, "i")])
def test_break_faults_give_immediate_slot_and_address(tmp_path: Path, slot: int, instruction: str) -> None:
    slots = ["nop.m 0", "nop.i 0", "nop.i 0"]
    slots[slot] = f"break.{instruction} 0x21"
    handler = "mov r18=cr.iim\n mov r19=cr.isr\n mov r20=cr.iip ;;\n shr.u r19=r19,41\n mov r10=r20 ;;\n"
    handler += "add r9=r18,r19\n" + SKIP
    source = "site: { .mii\n " + "\n ".join(slots) + " ;;\n}\n"
    source += "movl r33=site ;;\n cmp.eq p6,p7=r33,r10 ;;\n (p7) mov r9=1 ;;\n exit_with r9\n" + vectors(v2c00=handler)
    assert both(tmp_path, source) == 0x21 + (slot if slot == 0 else 2)


def test_banked_registers(tmp_path: Path) -> None:
    handler = "mov r20=77 ;;\n" + SKIP
    source = "mov r20=5 ;;\n break.m 1 ;;\n mov r33=r20 ;;\n exit_with r33\n" + vectors(v2c00=handler)
    assert both(tmp_path, source) == 5


def test_cover_and_rfi_keep_a_frame_that_left_the_registers(tmp_path: Path) -> None:
    handler = (
        "cover ;;\n alloc r18=ar.pfs,0,90,0,0 ;;\n mov r33=1\n mov r121=1 ;;\n alloc r18=ar.pfs,0,0,0,0 ;;\n" + SKIP
    )
    source = "mov r33=42\n mov r63=13 ;;\n break.m 1 ;;\n add r33=r33,r63 ;;\n exit_with r33\n" + vectors(v2c00=handler)
    assert both(tmp_path, source) == 55


TIMER = """
        mov r33=0x50 ;;
        mov cr.itv=r33
        mov r34=ar.itc ;;
        movl r35=200000 ;;
        add r34=r34,r35 ;;
        mov cr.itm=r34
        mov r10=0 ;;
        {wait}
        exit_with r10
"""
TAKE = "mov r18=cr.ivr ;;\n mov r10=r18\n mov cr.eoi=r0 ;;\n rfi ;;\n"


def test_the_timer_interrupts(tmp_path: Path) -> None:
    wait = "ssm 1<<14 ;;\n1: cmp.eq p6,p0=0,r10\n (p6) br.cond.sptk.few 1b ;;"
    status, _, process = run(tmp_path, TIMER.format(wait=wait) + vectors(v3000=TAKE))
    assert status == 0x50
    assert process.signals_taken[SIGALRM] >= 1


def test_an_interrupt_waits_for_psr_i(tmp_path: Path) -> None:
    wait = """
        movl r35=400000 ;;
        add r35=r34,r35 ;;
1:      mov r36=ar.itc ;;
        cmp.ltu p6,p0=r36,r35
 (p6)   br.cond.sptk.few 1b ;;
        cmp.ne p6,p7=0,r10 ;;
 (p6)   br.cond.sptk.few unexpected ;;
        ssm 1<<14 ;;
        nop.m 0 ;;
"""
    assert both(tmp_path, TIMER.format(wait=wait) + vectors(v3000=TAKE)) == 0x50


MISS = """
        mov r18=14<<2 ;;
        mov cr.itir=r18
        movl r19=page
        movl r20=0x10000000000661 ;;
        dep r19=0,r19,0,14 ;;
        or r20=r20,r19 ;;
        itc.d r20 ;;
        rfi ;;
"""
TO_VIRTUAL = """
        movl r33=0x4000000
        movl r34=0x661 ;;
        add r35=r33,r34
        mov r36=24<<2
        rsm 1<<13 ;;
        mov cr.ifa=r33
        mov cr.itir=r36 ;;
        itr.d dtr[r0]=r35 ;;
        itr.i itr[r0]=r35 ;;
        movl r33=1<<13|1<<17|1<<27|1<<36|1<<44
        movl r34=1f ;;
        mov cr.ipsr=r33
        mov cr.iip=r34
        mov cr.ifs=r0 ;;
        rfi ;;
1:
"""


def test_translations_are_made_on_demand_and_gone_after_a_purge(tmp_path: Path) -> None:
    handler = "adds r9=1,r9 ;;\n" + MISS
    source = (
        TO_VIRTUAL
        + """
        mov r9=0
        movl r33=0x4000000000000000
        movl r37=0x2000000000000000
        mov r34=77
        movl r35=page
        mov r36=14<<2 ;;
        st8 [r33]=r34 ;;
        ld8 r38=[r35]
        ld8 r39=[r33] ;;
        ptc.l r33,r36 ;;
        srlz.d ;;
        ld8 r39=[r33] ;;                // misses again
        cmp.eq p6,p7=r38,r39 ;;
 (p7)   mov r9=50 ;;
        exit_with r9
"""
        + vectors(v1000=handler)
    )
    assert both(tmp_path, source) == 2


def test_a_guest_program_does_not_see_the_kernel(tmp_path: Path) -> None:
    """Level 3 in a page of its own: its load from the kernel's page is the guest's fault, its `break` a call."""
    source = (
        TO_VIRTUAL
        + """
        movl r33=page
        movl r34=user
        mov r36=6 ;;
2:      ld8 r35=[r34],8 ;;
        st8 [r33]=r35,8
        adds r36=-1,r36 ;;
        cmp.ne p6,p0=0,r36
 (p6)   br.cond.sptk.few 2b ;;
        movl r33=page ;;
        fc.i r33 ;;
        sync.i ;;
        srlz.i ;;
        rsm 1<<13 ;;
        movl r33=0x2000000000000000
        movl r34=page
        movl r37=0x7e1 ;;
        mov cr.ifa=r33
        mov r36=14<<2 ;;
        mov cr.itir=r36
        or r34=r34,r37 ;;
        itc.i r34 ;;
        movl r35=1<<13|1<<17|1<<27|3<<32|1<<36|1<<44 ;;
        mov cr.ipsr=r35
        mov cr.iip=r33
        mov cr.ifs=r0
        mov r9=0
        movl r10=0x4000000 ;;
        rfi ;;
user:   { .mmi
        ld8 r11=[r10]
        nop.m 0
        nop.i 0 ;;
        }
        { .mii
        break.m 0x4711
        nop.i 0
        nop.i 0 ;;
        }
        .skip 16
"""
        + vectors(
            v5300="adds r9=1,r9\n mov r18=cr.ipsr ;;\n extr.u r18=r18,32,2 ;;\n add r9=r9,r18 ;;\n" + SKIP,
            v2c00="br.cond.sptk.few done ;;",
        )
        + "        .text\ndone: alloc r2=ar.pfs,0,0,8,0 ;;\n exit_with r9\n"
    )
    assert both(tmp_path, source) == 1 + 3


def test_registers_and_nats_survive_an_emulated_instruction(tmp_path: Path) -> None:
    registers = [*range(3, 12), *range(16, 30)]
    fill = "".join(f"mov r{n}={n + 30} ;;\n" for n in registers)
    check = "".join(f"cmp.eq.unc p8,p9={n + 30},r{n} ;;\n (p9) mov r40={n} ;;\n" for n in registers if n != 5)
    source = f"""
        movl r2=page ;;
        mov r14=-1 ;;
        mov ar.unat=r14 ;;
        {fill}
        ld8.fill r5=[r2]
        ld8.fill r45=[r2]
        mov r46=5
        mov r40=0 ;;
        mov ar.unat=r0
        mov ar.lc=r16 ;;
        thash r46=r2
        mov cr.tpr=r0 ;;
        probe.r r47=r2,0 ;;
        {check}
        tnat.nz p8,p9=r5 ;;
 (p9)   mov r40=5
        tnat.nz p8,p9=r45 ;;
 (p9)   mov r40=45
        mov r16=ar.lc ;;
        cmp.eq.unc p8,p9=46,r16 ;;
 (p9)   mov r40=65
        cmp.eq.unc p8,p9=1,r47 ;;
 (p9)   mov r40=47 ;;
        exit_with r40
"""
    assert both(tmp_path, source) == 0


def test_what_it_cannot_do_stops_the_guest_with_a_report(tmp_path: Path) -> None:
    status, output, _ = run(tmp_path, "movl r33=0x7f000000 ;;\n ld8 r34=[r33] ;;\n exit_with 0\n")
    assert status == 1
    assert "lol: stopped: no guest memory at physical address 0x000000007f000000" in output
    assert "lol: ip 0x" in output


def test_an_image_beyond_its_memory_is_refused(tmp_path: Path) -> None:
    image = build(tmp_path, "exit_with 0\n")
    process, output = start(image)
    from simulator.monitors.linux.load import load_program
    from simulator.monitors.linux.process import Process

    process = Process(64 << 20, output.extend)
    load_program(process, image.with_suffix(".lol"), ["guest", "-m", "32M"])
    with pytest.raises(Stopped) as stopped:
        process.run(5_000_000)
    assert stopped.value.status == 1
    assert b"does not fit in guest memory" in output
