"""The Linux/ia64 process: small ordinary programs see what Linux 6.1's sources say they see."""

from pathlib import Path

import pytest
from ia64_programs import RECORD_AND_SKIP, execute, link, run, seen, symbol

from simulator.image import ImageError

SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGUSR1, SIGSEGV, SIGALRM = 4, 5, 7, 8, 10, 11, 14
ENOMEM, EINVAL, EPERM, EBADF, EFAULT, EINTR, ENOSYS = 12, 22, 1, 9, 14, 4, 38


def test_write_and_exit_status(tmp_path: Path) -> None:
    source = "movl r35=text\n mov r34=1\n mov r36=6 ;;\n call 1027, r34, r35, r36\n exit_with r8\n"
    source += '        .data\ntext: .ascii "hello\\n"\n'
    assert run(tmp_path, source)[:2] == (6, b"hello\n")


def test_arguments_and_auxiliary_vector_are_above_the_scratch_area(tmp_path: Path) -> None:
    source = """
        adds r34=16,r12 ;;
        ld8 r32=[r34],16 ;;             // argc
        ld8 r35=[r34],16 ;;             // argv[1]
        ld1 r36=[r35]                   // its first character
        adds r34=8,r34 ;;
1:      ld8 r37=[r34],8 ;;
        ld8 r38=[r34],8
        cmp.eq p6,p0=6,r37
        cmp.ne p7,p0=0,r37 ;;
 (p6)   shr.u r39=r38,14                // AT_PAGESZ
 (p7)   br.cond.sptk.few 1b ;;
        add r32=r32,r36 ;;
        add r32=r32,r39 ;;
        exit_with r32
"""
    status, _, _ = run(tmp_path, source, "A")
    assert status == 2 + ord("A") + 1


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("call 1151, r33, r34, r35, r36, r37, r0", 0),  # 16 KiB at 0x10000000
        ("adds r33=1,r33 ;;\n call 1151, r33, r34, r35, r36, r37, r0", EINVAL),
        ("movl r33=0x8000 ;;\n call 1151, r33, r34, r35, r36, r37, r0", EPERM),  # below vm.mmap_min_addr
        ("movl r33=0xa000000000000000 ;;\n call 1151, r33, r34, r35, r36, r37, r0", ENOMEM),  # TASK_SIZE
        ("movl r33=0x2000100000000000 ;;\n call 1151, r33, r34, r35, r36, r37, r0", EINVAL),  # RGN_MAP_LIMIT
        ("mov r36=1 ;;\n mov r37=9 ;;\n call 1151, r0, r34, r35, r36, r37, r0", EBADF),
        ("mov r37=8 ;;\n call 1151, r33, r34, r35, r36, r0, r37", EINVAL),  # offset not a multiple of the page size
        ("call 1151, r33, r0, r35, r36, r37, r0", EINVAL),
        ("adds r33=1,r33 ;;\n call 1152, r33, r34", EINVAL),
        ("call 1155, r33, r34, r35", ENOMEM),  # mprotect of nothing
        ("call 1027, r34, r33, r34", EBADF),
        ("mov r34=1 ;;\n call 1027, r34, r33, r34", EFAULT),
        ("call 1200, r34", ENOSYS),
        ("movl r35=small ;;\n call 1176, r35", ENOMEM),  # below MINSIGSTKSZ
    ],
)
def test_checks_of_system_calls(tmp_path: Path, call: str, error: int) -> None:
    source = f"""
        movl r33=0x10000000
        mov r34=16384
        mov r35=3
        mov r36=0x32
        mov r37=-1 ;;
        {call}
        cmp.eq p6,p7=-1,r10 ;;
 (p6)   mov r32=r8
 (p7)   mov r32=0 ;;
        exit_with r32
        .data
        .align 8
small:  data8 page, 0, 131026
"""
    assert run(tmp_path, source)[0] == error


def test_a_memory_file_is_one_memory_at_two_addresses(tmp_path: Path) -> None:
    source = """
        movl r35=name ;;
        call 1340, r35
        mov r32=r8
        movl r33=0x10000 ;;
        call 1098, r32, r33
        movl r33=0x2000000010000000
        mov r34=16384
        mov r35=3
        mov r36=17 ;;
        call 1151, r33, r34, r35, r36, r32, r34
        movl r37=0x4000000020000000
        mov r38=32768 ;;
        call 1151, r37, r38, r35, r36, r32, r0
        mov r39=77 ;;
        st8 [r33]=r39
        add r37=r37,r34 ;;
        ld8 r39=[r37] ;;
        exit_with r39
        .data
name:   stringz "m"
"""
    assert run(tmp_path, source)[0] == 77


FAULT = "catch {signal}\n{instruction}\nnext: exit_with r0\n" + RECORD_AND_SKIP


@pytest.mark.parametrize(
    ("instruction", "signal", "code", "immediate"),
    [
        # arch/ia64/kernel/traps.c, ia64_bad_break()
        ("break.m 0 ;;", SIGILL, 1, 0),
        ("break.m 1 ;;", SIGFPE, 1, 1),
        ("break.m 2 ;;", SIGFPE, 2, 2),
        ("break.m 3 ;;", SIGFPE, 8, 3),
        ("break.m 4 ;;", SIGSEGV, 1, 4),
        ("break.m 5 ;;", SIGSEGV, 1, 5),
        ("break.m 6 ;;", SIGFPE, 9, 6),
        ("break.m 11 ;;", SIGSEGV, 4, 11),
        ("break.m 0x3f001 ;;", SIGILL, 11, 0x3F001),
        ("break.m 0x40000 ;;", SIGILL, 10, 0x40000),
        ("break.m 0x7ffff ;;", SIGILL, 10, 0x7FFFF),
        ("break.m 0x80001 ;;", SIGTRAP, 1, 0x80001),
        ("{ .mii\n nop.m 0\n nop.i 0\n break.i 0x180000 ;;\n }", SIGTRAP, 1, 0x180000),
        ("{ .mfb\n nop.m 0\n nop.f 0\n break.b 0x80001 ;;\n }", SIGILL, 1, 0),
    ],
)
def test_breaks(tmp_path: Path, instruction: str, signal: int, code: int, immediate: int) -> None:
    image = link(tmp_path, FAULT.format(signal=signal, instruction=f"site: {instruction}"))
    status, _, process = execute(image)
    slot = 2 if "nop" in instruction else 0
    site = symbol(image, "site")
    assert status == 0
    assert seen(process, image) == (signal, code, site + slot, immediate, 0, 0, site + slot)


@pytest.mark.parametrize(
    ("instruction", "expected"),
    [
        # ia64_fault(): a privileged operation is force_sig(SIGILL), which has no address
        ("site: mov r32=psr ;;", (SIGILL, 0x80, 0, 0, 0, 0)),
        ("site: mov ar.k0=r0 ;;", (SIGILL, 0x80, 0, 0, 0, 0)),
        ("site: ssm 0x4000 ;;", (SIGILL, 0x80, 0, 0, 0, 0)),
        ("{ .mfb\n site: nop.m 0\n nop.f 0\n rfi ;;\n }", (SIGILL, 0x80, 0, 0, 0, 0)),
        # ia64_illegal_op_fault()
        ("site: mov ar.bspstore=r0 ;;", (SIGILL, 1, "site", 0, 0, 0)),
    ],
)
def test_illegal_and_privileged(tmp_path: Path, instruction: str, expected: tuple[int | str, ...]) -> None:
    image = link(tmp_path, FAULT.format(signal=SIGILL, instruction=instruction))
    _, _, process = execute(image)
    wanted = tuple(symbol(image, word) if isinstance(word, str) else word for word in expected)
    assert seen(process, image)[:6] == wanted
    assert seen(process, image)[6] & -16 == symbol(image, "site")


READ, WRITE, EXECUTE, RSE = 1 << 34, 1 << 33, 1 << 32, 1 << 37


@pytest.mark.parametrize(
    ("instruction", "code", "address", "isr"),
    [
        ("movl r35=0x2000000000123450 ;;\n ld8 r32=[r35] ;;", 1, 0x2000000000123450, READ),
        ("movl r35=0x2000000000123450 ;;\n st8 [r35]=r0 ;;", 1, 0x2000000000123450, WRITE),
        ("movl r35=0x2000000000123450 ;;\n fetchadd8.acq r32=[r35],1 ;;", 1, 0x2000000000123450, READ | WRITE),
        ("movl r35=0x2000000000123450 ;;\n mov b6=r35 ;;\n br.cond.sptk.many b6 ;;", 1, 0x2000000000123450, EXECUTE),
        ("movl r35=_start ;;\n st8 [r35]=r0 ;;", 2, 0x4000000, WRITE),
        ("movl r35=page ;;\n mov b6=r35 ;;\n br.cond.sptk.many b6 ;;", 2, None, EXECUTE),
        ("movl r35=0x100000000000 ;;\n ld8 r32=[r35] ;;", 1, 0x100000000000, READ),  # beyond RGN_MAP_LIMIT
        ("movl r35=0xe000000000000000 ;;\n ld8 r32=[r35] ;;", 1, 0xE000000000000000, READ),
    ],
)
def test_page_faults(tmp_path: Path, instruction: str, code: int, address: int | None, isr: int) -> None:
    image = link(tmp_path, FAULT.format(signal=SIGSEGV, instruction=instruction))
    _, _, process = execute(image)
    number, found_code, where, _, flags, found_isr, _ = seen(process, image)
    expected = symbol(image, "page") if address is None else address
    if address == 0x4000000:
        expected = symbol(image, "_start")
    assert (number, found_code, where, flags) == (SIGSEGV, code, expected, 1)
    assert found_isr & ~(3 << 41) == isr


def test_null_is_a_nat_page(tmp_path: Path) -> None:
    image = link(tmp_path, FAULT.format(signal=SIGSEGV, instruction="ld8 r32=[r0] ;;"))
    _, _, process = execute(image)
    assert seen(process, image)[:5] == (SIGSEGV, 2, 0, 26, 1)


def test_a_speculative_load_of_nothing_gives_a_nat(tmp_path: Path) -> None:
    source = "movl r35=0x2000000000123450 ;;\n ld8.s r33=[r35] ;;\n"
    source += " tnat.nz p6,p7=r33 ;;\n (p6) mov r32=3\n (p7) mov r32=4 ;;\n exit_with r32\n"
    assert run(tmp_path, source)[0] == 3


UNALIGNED = "movl r35=page+4093 ;;\n movl r36=0x1122334455667788 ;;\n st8 [r35]=r36 ;;\n ld4 r32=[r35],4 ;;\n"


def test_unaligned_accesses_are_made_by_the_kernel(tmp_path: Path) -> None:
    source = (
        UNALIGNED
        + "next: movl r37=page+4097\n extr.u r32=r32,8,8 ;;\n"
        + " cmp.eq p6,p7=r35,r37 ;;\n (p7) mov r32=1 ;;\n exit_with r32\n"
    )
    assert run(tmp_path, source)[0] == 0x77


def test_or_not_if_prctl_says_so(tmp_path: Path) -> None:
    image = link(
        tmp_path,
        FAULT.format(signal=SIGBUS, instruction="mov r33=6\n mov r34=2 ;;\n call 1170, r33, r34\n" + UNALIGNED),
    )
    _, _, process = execute(image)
    assert seen(process, image)[:3] == (SIGBUS, 1, symbol(image, "page") + 4093)


HANDLER_FROM_THE_DEPTHS = """
        catch 11
        use_signal_stack
        mov r32=7
        mov r33=100 ;;
        br.call.sptk.many b0=deep ;;
        mov r34=5050 ;;
        cmp.eq p6,p7=r34,r8 ;;
 (p6)   cmp.eq p6,p7=7,r32 ;;
 (p6)   mov r32=0
 (p7)   mov r32=1 ;;
        exit_with r32
deep:   alloc r32=ar.pfs,0,{locals},1,0 ;;
        mov r33=b0
        movl r36=level ;;
        ld8 r34=[r36] ;;
        adds r35=1,r34
        cmp.eq p6,p7=100,r34 ;;
        st8 [r36]=r35
 (p6)   mov r8=0
 (p7)   br.call.sptk.many b0=deep ;;
        movl r14=0x2000000000000000 ;;
        ld8 r15=[r14] ;;                // a signal in every frame
        add r8=r8,r34
        mov b0=r33
        mov ar.pfs=r32 ;;
        br.ret.sptk.many b0 ;;
handler:
        alloc r35=ar.pfs,3,3,1,0
        mov r36=b0
        mov r37=12 ;;
        br.call.sptk.many b0=use ;;
        mov b0=r36
        adds r14=40,r34 ;;
        ld8 r15=[r14] ;;
        adds r15=1,r15 ;;
        st8 [r14]=r15                   // the next slot
        mov ar.pfs=r35 ;;
        br.ret.sptk.many b0 ;;
use:    alloc r32=ar.pfs,0,92,1,0 ;;    // the interrupted frames leave the registers
        mov r124=1
        mov r33=b0
        adds r37=-1,r14 ;;
        mov ar.pfs=r32 ;;
        br.ret.sptk.many b0 ;;
        .data
        .align 8
level:  data8 0
"""


@pytest.mark.parametrize("flags", ["", ".set flags, 0x08000004\n"])
@pytest.mark.parametrize("frame", [5, 20, 62, 63, 64, 90])
def test_every_frame_survives_signals_and_the_change_of_backing_store(tmp_path: Path, flags: str, frame: int) -> None:
    # The slot behind the load may be 1, 2 or the next bundle's 0: the handler's "next slot" is right for slots 0 and 1.
    status, _, process = run(tmp_path, flags + HANDLER_FROM_THE_DEPTHS.format(locals=frame))
    assert status == 0
    assert process.signals_taken[SIGSEGV] == 101


def test_registers_survive_a_signal(tmp_path: Path) -> None:
    names = [n for n in range(1, 32) if n not in {2, 3, 12, 13, 14, 15}]
    fill = "".join(f"mov r{n}={n + 100}\n" for n in names)
    check = "".join(
        f"cmp.eq.unc p8,p9={n + 100 - 256 if n > 27 else n + 100},r{n} ;;\n (p9) mov r32=1 ;;\n"
        for n in names
        if n <= 27
    )
    source = (
        f"""
        .set flags, 0x08000004
        catch 11
        use_signal_stack
        mov r33=0 ;;
        setf.sig f40=r33
        mov r33=9 ;;
        setf.sig f41=r33
        setf.sig f9=r33
        {fill} ;;
        mov ar.ccv=r27
        mov r32=0
        movl r2=0x2000000000000000 ;;
        ld8 r3=[r2] ;;
next:   {check}
        getf.sig r33=f41
        getf.sig r34=f9 ;;
        cmp.eq.unc p8,p9=9,r33 ;;
 (p9)   mov r32=2
        cmp.eq.unc p8,p9=9,r34 ;;
 (p9)   mov r32=3
        mov r33=ar.ccv ;;
        cmp.eq.unc p8,p9=127,r33 ;;
 (p9)   mov r32=4 ;;
        exit_with r32
"""
        + RECORD_AND_SKIP
    )
    assert run(tmp_path, source)[0] == 0


def test_a_signal_without_handler_kills(tmp_path: Path) -> None:
    status, _, process = run(tmp_path, "break.m 0 ;;\n")
    assert status == 128 + SIGILL
    assert "killed by signal 4" in process.death


def test_a_blocked_fault_kills(tmp_path: Path) -> None:
    source = (
        """
        catch 11
        movl r33=all
        mov r34=8
        mov r35=2 ;;
        call 1179, r35, r33, r0, r34
        movl r33=0x2000000000000000 ;;
        ld8 r34=[r33] ;;
next:   exit_with r0
"""
        + RECORD_AND_SKIP
        + "        .data\n        .align 8\nall:    data8 -1\n"
    )
    assert run(tmp_path, source)[0] == 128 + SIGSEGV


def test_timer_and_sigsuspend_count_simulated_time(tmp_path: Path) -> None:
    source = """
        catch 14
        movl r35=timer
        mov r33=1 ;;
        call 1248, r33, r0, r35
        movl r35=timer ;;
        ld4 r33=[r35]
        movl r36=spec
        mov r34=0 ;;
        mov r32=ar.itc
        call 1249, r33, r34, r36
        movl r36=spec
        mov r34=8 ;;
        call 1182, r36, r34             // the first word, zero, is an empty mask
        mov r33=ar.itc
        cmp.eq p6,p7=4,r8 ;;            // EINTR
        sub r33=r33,r32 ;;
        movl r34=400000 ;;              // 1 ms of 400 MHz
        cmp.ltu p8,p9=r33,r34 ;;
 (p8)   mov r32=1
 (p9)   mov r32=0 ;;
 (p7)   mov r32=2
        movl r33=seen ;;
        ld8 r34=[r33] ;;
        add r32=r32,r34 ;;
        exit_with r32
handler:
        alloc r35=ar.pfs,3,1,0,0
        movl r14=seen ;;
        st8 [r14]=r32
        mov ar.pfs=r35 ;;
        br.ret.sptk.many b0 ;;
        .data
        .align 8
timer:  data8 0
spec:   data8 0, 0, 0, 1000000
"""
    status, _, process = run(tmp_path, source)
    assert status == SIGALRM
    assert process.signals_taken == {SIGALRM: 1}


@pytest.mark.parametrize(
    ("options", "message"),
    [(("-z", "max-page-size=0x1000", "-Tdata=0x5003000"), "differ modulo the page size"), (("-r",), "ET_EXEC")],
)
def test_programs_linux_does_not_start(tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    source = "exit_with r0\n .data\n .skip 8192\n"
    with pytest.raises(ImageError, match=message):
        execute(link(tmp_path, source, *options))
