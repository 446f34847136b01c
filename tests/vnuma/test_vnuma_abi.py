"""The guest interface: start state, virtual CPU area, hypercalls, firmware, interrupts, purges, the end."""

import re
import subprocess
import time
from pathlib import Path

import pytest
from vnuma_guests import BOOT, ROOT, SUCCESS, build, command, leave, put, run

AREA = 0xF600_0000_0000_0000
VECTORS = """
        .align 32768
ivt:    .org ivt+0x1000
        br.cond.sptk.few data_miss ;;
        .org ivt+0x3000
        br.cond.sptk.few interrupt ;;
        .org ivt+0x8000
"""
# Handlers start in bank 0, the rest is in bank 1: what both use is in r2 to r11.
NO_INTERRUPT = "interrupt: br.cond.sptk.few fail ;;\n"
NO_MISS = "data_miss: br.cond.sptk.few fail ;;\n"


def stats(errors: str, node: int = 0) -> tuple[int, int]:
    """Instructions emulated and hypercalls of a node."""
    match = re.search(rf"node {node}: \d+ instructions, (\d+) emulated, (\d+) hypercalls", errors)
    assert match is not None, errors
    return int(match[1]), int(match[2])


def test_start_state(tmp_path: Path) -> None:
    """r8, r9 and r28 as section 1 says; the area says who we are; psr reads as after reset; level 1 in ar.pfs."""
    source = f"""
        .explicit
        .global _start
_start: movl r14=0x414d554e76
        movl r15={AREA:#x} ;;
        cmp.ne p6,p7=r8,r14
        cmp.ne p8,p9=1,r9
        ld8 r16=[r15],8 ;;
        cmp.ne p10,p11=r16,r14
        ld8 r17=[r15],16 ;;
        ld8 r18=[r15]
        mov r19=psr
        cmp.ne p12,p13=1,r17 ;;
(p6)    br.cond.spnt.few fail
(p8)    br.cond.spnt.few fail
(p10)   br.cond.spnt.few fail
(p12)   br.cond.spnt.few fail
        cmp.ne p6,p7=2,r18
        cmp.ne p8,p9=0,r19 ;;
(p6)    br.cond.spnt.few fail
(p8)    br.cond.spnt.few fail
        cmp.eq p6,p7=0,r28
        br.call.sptk.few b0=1f ;;
1:      mov r14=ar.pfs
        alloc r15=ar.pfs,0,1,0,0 ;;
        shr.u r14=r14,62 ;;
        cmp.ne p8,p9=1,r14
(p6)    br.cond.spnt.few fail ;;
(p8)    br.cond.spnt.few fail
        mov r32=17 ;;
        {leave(32)}
fail:   mov r32=99 ;;
        {leave(32)}
"""
    assert run(tmp_path, source, 2).status == 17


def test_psr_is_words_of_the_area_and_needs_no_hypercall(tmp_path: Path) -> None:
    """The inline forms of ssm, rsm and mov from psr, a thousand times: the node is not entered."""
    source = f"""
        .explicit
        .global _start
_start: movl r20=1000 ;;
1:      movl r14={AREA + 0x2000:#x} ;;
        st2 [r14]=r14
        movl r15={AREA + 0x4000:#x} ;;
        st2 [r15]=r15 ;;
        ld8 r16=[r15]
        ld8 r17=[r14] ;;
        or r16=r16,r17
        movl r18=0x6000 ;;
        cmp.ne p6,p7=r16,r18
        adds r20=-1,r20 ;;
(p6)    br.cond.spnt.few fail
        st2 [r15]=r0
        st2 [r14]=r0
        cmp.ne p6,p7=0,r20 ;;
(p6)    br.cond.sptk.few 1b
        mov r16=psr ;;
        cmp.ne p6,p7=0,r16
        ssm 1<<13 ;;
        mov r17=psr
        ld8 r18=[r14] ;;
        cmp.ne p8,p9=r17,r18
(p6)    br.cond.spnt.few fail ;;
(p8)    br.cond.spnt.few fail
        mov r32=0 ;;
        {leave(32)}
fail:   mov r32=99 ;;
        {leave(32)}
"""
    result = run(tmp_path, source, 1)
    assert result.status == 0
    assert stats(result.errors) == (3, 1)  # mov from psr, ssm, mov from psr as they are; the exit


def test_the_area_is_not_in_physical_memory(tmp_path: Path) -> None:
    """Behind the guest's memory nothing answers, though the node keeps the area there."""
    source = f"""
        .explicit
        .global _start
_start: movl r14={256 << 20:#x} ;;
        ld8 r15=[r14]
        st8 [r14]=r14
        movl r16={AREA:#x} ;;
        ld8 r17=[r16] ;;
        cmp.eq p6,p7=r17,r8
        mov r32=99 ;;
(p6)    cmp.eq.unc p8,p9=0,r15 ;;
(p8)    mov r32=0 ;;
        {leave(32)}
"""
    assert run(tmp_path, source, 1).status == 0


SET_UP_INTERRUPTS = """
        movl r14=ivt ;;
        mov cr.iva=r14
        mov cr.tpr=r0
        ssm 1<<13 ;;
        srlz.d ;;
"""


def test_timer_interrupt_waits_for_the_store_that_enables_it(tmp_path: Path) -> None:
    """The timer matches with psr.i zero; the store to the area's word brings the interrupt before what follows."""
    source = f"""
        .explicit
        .global _start
_start: {SET_UP_INTERRUPTS}
        mov r14=0x40
        mov r16=ar.itc ;;
        mov cr.itv=r14
        adds r16=100,r16 ;;
        mov cr.itm=r16
        movl r17=200000 ;;
1:      adds r17=-1,r17 ;;
        cmp.ne p6,p7=0,r17 ;;
(p6)    br.cond.sptk.few 1b
        mov r8=0
        mov r9=0
        movl r15={AREA + 0x4000:#x} ;;
        st2 [r15]=r15 ;;
        mov r9=r8                     // interrupted in front of this, or not at all
        st2 [r15]=r0 ;;
        cmp.ne p6,p7=0x40,r9 ;;
(p6)    br.cond.spnt.few fail
        mov r32=0 ;;
        {leave(32)}
interrupt:
        mov r8=cr.ivr ;;
        mov cr.eoi=r0
        mov r10=cr.ipsr ;;
        tbit.z p6,p7=r10,14 ;;
(p6)    br.cond.spnt.few fail
        rfi ;;
fail:   mov r32=99 ;;
        {leave(32)}
{NO_MISS}{VECTORS}
"""
    result = run(tmp_path, source, 1)
    assert result.status == 0, result.errors


def test_interrupts_between_nodes_arrive_in_order_and_find_the_memory_written_before(tmp_path: Path) -> None:
    source = (
        BOOT
        + f"""
cpu_main:
        {SET_UP_INTERRUPTS}
        movl r8=word
        cmp.ne p6,p7=0,r20 ;;
(p6)    br.cond.spnt.few receiver
        mov r16=1 ;;
1:      ld8 r14=[r8] ;;                // wait until the other is ready for the next
        adds r17=-1,r16
        shl r17=r17,1 ;;
        adds r17=1,r17 ;;
        cmp.ne p6,p7=r14,r17 ;;
(p6)    br.cond.sptk.few 1b
        adds r17=1,r17 ;;
        st8 [r8]=r17
        mf
        movl r15=0xfee01000
        adds r18=0x40,r16 ;;
        st8 [r15]=r18
        adds r16=1,r16 ;;
        cmp.ge p6,p7=20,r16 ;;
(p6)    br.cond.sptk.few 1b
        br.cond.sptk.few finish ;;
receiver:
        mov r9=0x41
        mov r10=1 ;;
        st8 [r8]=r10
        ssm 1<<14 ;;
2:      cmp.ge p6,p7=0x54,r9 ;;
(p6)    br.cond.sptk.few 2b
        rsm 1<<14 ;;
        br.cond.sptk.few finish ;;
interrupt:
        mov r11=cr.ivr
        adds r10=1,r10
        ld8 r2=[r8] ;;
        cmp.ne p8,p9=r11,r9
        cmp.ne p10,p11=r2,r10
        adds r10=1,r10
        adds r9=1,r9 ;;
(p8)    br.cond.spnt.few fail
(p10)   br.cond.spnt.few fail
        mov cr.eoi=r0 ;;
        st8 [r8]=r10
        rfi ;;
{NO_MISS}
        .data
word:   data8 0
        .text
"""
        + SUCCESS
        + VECTORS
    )
    result = run(tmp_path, source, 2)
    assert result.status == 0, result.errors
    assert result.messages["interrupt"] == 21  # the wake-up and twenty


@pytest.mark.parametrize("instruction", ["ptc.g", "ptc.ga"])
def test_a_global_purge_reaches_all_nodes(tmp_path: Path, instruction: str) -> None:
    """Each node maps a page at one address; after node 0's purge each misses, whatever it had."""
    source = (
        BOOT
        + f"""
cpu_main:
        {SET_UP_INTERRUPTS}
        movl r21=0x4000000000040000
        movl r22=0x4100661     // 64 MiB + 1 MiB, present, accessed, dirty, read and write
        mov r23=14<<2
        movl r26=mapped
        mov r9=0 ;;
        rsm 1<<13 ;;
        mov cr.ifa=r21
        mov cr.itir=r23 ;;
        itc.d r22 ;;
        ssm 1<<13|1<<17 ;;
        srlz.d ;;
        ld8 r14=[r21]
        rsm 1<<17 ;;
        srlz.d ;;
        cmp.ne p6,p7=0,r9
        fetchadd8.rel r15=[r26],1 ;;
(p6)    br.cond.spnt.few fail
        cmp.ne p6,p7=0,r20 ;;
(p6)    br.cond.spnt.few wait
1:      ld8 r15=[r26] ;;
        cmp.ne p6,p7=NODES,r15 ;;
(p6)    br.cond.sptk.few 1b
        {instruction} r21,r23 ;;
        srlz.i ;;
        fetchadd8.rel r15=[r26],1 ;;
wait:   ld8 r15=[r26] ;;
        cmp.ne p6,p7=NODES+1,r15 ;;
(p6)    br.cond.sptk.few wait
        ssm 1<<17 ;;
        srlz.d ;;
        ld8 r14=[r21] ;;
        rsm 1<<17 ;;
        srlz.d ;;
        cmp.ne p6,p7=1,r9 ;;
(p6)    br.cond.spnt.few fail
        br.cond.sptk.few finish ;;
data_miss:
        mov r9=1
        mov r14=cr.ipsr
        movl r15=1<<41 ;;
        add r14=r14,r15 ;;              // skip the load, which is in slot 0
        mov cr.ipsr=r14 ;;
        rfi ;;
{NO_INTERRUPT}
        .data
mapped: data8 0
        .text
"""
        + SUCCESS
        + VECTORS
    )
    result = run(tmp_path, source, 3)
    assert result.status == 0, result.errors
    assert (result.messages["purge"], result.messages["purged"]) == (2, 2)


def test_time_never_goes_back_between_nodes(tmp_path: Path) -> None:
    """Nodes pass ar.itc on in turn: none is below the one before."""
    source = (
        BOOT
        + """
cpu_main:
        movl r21=turn
        mov r23=r20 ;;
again:  ld8.acq r14=[r21] ;;
        cmp.ne p6,p7=r14,r23 ;;
(p6)    br.cond.spnt.few again
        mov r16=ar.itc
        adds r22=8,r21 ;;
        ld8 r15=[r22] ;;
        cmp.gtu p6,p7=r15,r16
        st8 [r22]=r16
        adds r14=1,r23
        adds r23=NODES,r23 ;;
(p6)    br.cond.spnt.few fail
        st8.rel [r21]=r14
        cmp.gt p6,p7=60,r23 ;;
(p6)    br.cond.sptk.few again
        br.cond.sptk.few finish ;;
        .data
turn:   data8 0, 0
        .text
"""
        + SUCCESS
    )
    assert run(tmp_path, source, 3).status == 0


def test_every_node_writes_to_the_console_in_the_order_of_a_lock(tmp_path: Path) -> None:
    source = (
        BOOT
        + f"""
cpu_main:
        movl r21=turn
        adds r16=65,r20 ;;
1:      ld8.acq r14=[r21] ;;
        cmp.ne p6,p7=r14,r20 ;;
(p6)    br.cond.spnt.few 1b
        {put(16)}
        adds r14=1,r14 ;;
        st8.rel [r21]=r14
        br.cond.sptk.few finish ;;
        .data
turn:   data8 0
        .text
"""
        + SUCCESS
    )
    result = run(tmp_path, source, 4)
    assert (result.status, result.output) == (0, b"ABCD")


def test_firmware_answers_static_and_stacked_pal_calls_and_sal(tmp_path: Path) -> None:
    """PAL by its two conventions, found in the SAL system table; what is not there gives -1."""
    source = f"""
        .explicit
        .global _start
_start: alloc r2=ar.pfs,0,4,4,0
        adds r14=8,r28 ;;
        ld8 r14=[r14] ;;                // EFI system table
        adds r14=112,r14 ;;
        ld8 r14=[r14] ;;                // configuration table
        adds r14=40,r14 ;;
        ld8 r14=[r14] ;;                // SAL system table
        adds r15=104,r14
        adds r16=112,r14 ;;
        ld8 r15=[r15]                   // PAL
        ld8 r16=[r16] ;;                // SAL
        mov b6=r15
        mov b7=r16
        mov r32=0x55
        mov r28=34                      // PAL_VM_PAGE_SIZE, static: a branch, back by b0
        movl r14=1f ;;
        mov b0=r14 ;;
        br.cond.sptk.few b6 ;;
1:      cmp.ne p6,p7=0,r8
        tbit.z p8,p9=r9,14 ;;           // 16 KiB pages
(p6)    br.cond.spnt.few fail
(p8)    br.cond.spnt.few fail
        mov r28=274                     // PAL_BRAND_INFO, stacked: a call, the index again in the first argument
        mov r36=274 ;;
        br.call.sptk.few b0=b6 ;;
        cmp.ne p6,p7=-1,r8
        cmp.ne p8,p9=0x55,r32 ;;        // our frame is back
(p6)    br.cond.spnt.few fail
(p8)    br.cond.spnt.few fail
        movl r36=0x01000012             // SAL_FREQ_BASE
        mov r37=0 ;;
        br.call.sptk.few b0=b7 ;;
        movl r14=100000000 ;;
        cmp.ne p6,p7=0,r8
        cmp.ne p8,p9=r9,r14 ;;
(p6)    br.cond.spnt.few fail
(p8)    br.cond.spnt.few fail
        movl r36=0x01000009             // SAL_CACHE_INIT
        ;;
        br.call.sptk.few b0=b7 ;;
        cmp.ne p6,p7=-1,r8
        cmp.ne p8,p9=0x55,r32 ;;
(p6)    br.cond.spnt.few fail
(p8)    br.cond.spnt.few fail
        mov r16=0 ;;
        {leave(16)}
fail:   mov r16=99 ;;
        {leave(16)}
"""
    assert run(tmp_path, source, 1).status == 0


def test_exit_of_any_node_ends_the_machine(tmp_path: Path) -> None:
    source = (
        BOOT
        + f"""
cpu_main:
        cmp.ne p6,p7=2,r20
        mov r16=41 ;;
(p6)    br.cond.sptk.few cpu_main
        {leave(16)}
"""
        + SUCCESS
    )
    assert run(tmp_path, source, 3).status == 41


SPIN = BOOT + "cpu_main: br.cond.sptk.few cpu_main ;;\n" + SUCCESS


def started(tmp_path: Path, nodes: int) -> tuple["subprocess.Popen[bytes]", list[int]]:
    """A machine of which all nodes spin, and its workers' process ids by node."""
    process = subprocess.Popen(
        command(build(tmp_path, SPIN, nodes), nodes), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    for _ in range(200):
        workers = [int(text) for text in children.read_text().split()]
        if len(workers) == nodes - 1:
            time.sleep(1.5)
            return process, workers
        time.sleep(0.05)
    raise AssertionError("the nodes did not start")


def test_a_node_that_dies_ends_the_machine_with_an_error(tmp_path: Path) -> None:
    process, workers = started(tmp_path, 3)
    subprocess.run(["kill", "-9", str(workers[1])], check=True)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors.decode().splitlines()[-1] == "simulator: vnuma: node 2 is gone (signal 9)"
    assert not any(Path(f"/proc/{worker}").exists() for worker in workers)


def test_nodes_do_not_outlive_the_master(tmp_path: Path) -> None:
    process, workers = started(tmp_path, 3)
    process.kill()
    process.communicate(timeout=60)
    for _ in range(200):
        if not any(Path(f"/proc/{worker}").exists() for worker in workers):
            return
        time.sleep(0.05)
    raise AssertionError(f"still running: {workers}")


def test_the_limit_ends_all_nodes(tmp_path: Path) -> None:
    arguments = command(build(tmp_path, SPIN, 2), 2)
    done = subprocess.run([*arguments, "--limit", "100000"], cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert done.returncode == 124
