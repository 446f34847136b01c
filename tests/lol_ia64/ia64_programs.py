"""Small ordinary ia64 programs in assembly: linked as Linux programs are, run as a process of the monitor."""

import subprocess
from pathlib import Path

from simulator.machine import Stopped
from simulator.monitors.linux.load import load_program
from simulator.monitors.linux.process import Process

PROLOGUE = """
        .explicit
        .macro call name, a=r0, b=r0, c=r0, d=r0, e=r0, f=r0
        mov r15=\\name
        mov r40=\\a
        mov r41=\\b
        mov r42=\\c
        mov r43=\\d
        mov r44=\\e
        mov r45=\\f ;;
        break.m 0x100000 ;;
        .endm
        .macro exit_with register
        call 1236, \\register
        .endm
        .macro catch signal
        movl r35=action
        mov r34=8
        mov r36=\\signal ;;
        call 1177, r36, r35, r0, r34
        .endm
        .macro use_signal_stack
        movl r35=stack_t ;;
        call 1176, r35
        .endm
        .text
        .global _start
_start: alloc r2=ar.pfs,0,8,6,0 ;;
"""
"""A frame of 8 locals, arguments of a system call in r40 to r45.

Macros: call makes a system call, exit_with ends the program, catch sets `handler` with flags in `flags` for a signal.
"""

DATA = """
        .data
        .align 16
        .ifndef flags
        .set flags, 4
        .endif
action: data8 descriptor, flags, mask
        .ifndef mask
        .set mask, 0
        .endif
descriptor: data8 handler, 0
stack_t: data8 stack, 0, 262144
seen:   data8 0, 0, 0, 0, 0, 0, 0, 0
        .bss
        .align 16384
page:   .skip 32768
stack:  .skip 262144
        .ifndef handler
        .set handler, 0
        .endif
"""

RECORD_AND_SKIP = """
handler:
        alloc r36=ar.pfs,3,2,0,0 ;;
        movl r14=seen
        adds r15=40,r34
        ld4 r16=[r33] ;;
        st8 [r14]=r16,8         // si_signo
        adds r17=8,r33 ;;
        ld4 r16=[r17],8 ;;
        st8 [r14]=r16,8         // si_code
        ld8 r16=[r17],8 ;;
        st8 [r14]=r16,8         // si_addr
        ld4 r16=[r17],4 ;;
        st8 [r14]=r16,8         // si_imm
        ld4 r16=[r17],4 ;;
        st8 [r14]=r16,8         // si_flags
        ld8 r16=[r17] ;;
        st8 [r14]=r16,8         // si_isr
        ld8 r16=[r15] ;;
        st8 [r14]=r16,8         // sc_ip
        movl r17=next ;;
        st8 [r15]=r17           // go on there
        mov ar.pfs=r36 ;;
        br.ret.sptk.many b0 ;;
"""
"""A handler that puts what it was told into `seen` and goes on at `next`."""


def link(tmp_path: Path, source: str, *options: str) -> Path:
    """Assemble and link a program at 64 MiB."""
    text = tmp_path / "program.s"
    text.write_text(PROLOGUE + source + DATA)
    subprocess.run(["ia64-linux-gnu-as", "-W", "-x", "-o", tmp_path / "program.o", text], check=True)
    image = tmp_path / "program"
    subprocess.run(
        ["ia64-linux-gnu-ld", "-static", *(options or ("-z", "max-page-size=0x10000")), "-Ttext-segment", "0x4000000",
         "-o", image, tmp_path / "program.o"],
        check=True,
    )  # fmt: skip
    return image


def execute(image: Path, *arguments: str, limit: int = 3_000_000) -> tuple[int, bytes, Process]:
    """Run a program; return its exit status, what it wrote, and the process."""
    written = bytearray()
    process = Process(64 << 20, written.extend)
    load_program(process, image, ["program", *arguments])
    try:
        process.run(limit)
    except Stopped as stopped:
        return stopped.status, bytes(written), process
    raise AssertionError(f"still running after {limit} instructions, at {process.cpu.ip:#x}: {bytes(written)!r}")


def run(tmp_path: Path, source: str, *arguments: str) -> tuple[int, bytes, Process]:
    """Build and run a program's text."""
    return execute(link(tmp_path, source), *arguments)


def seen(process: Process, image: Path) -> tuple[int, ...]:
    """The seven words `RECORD_AND_SKIP` left: signo, code, addr, imm, flags, isr, sc_ip."""
    return tuple(process.space.read_words(symbol(image, "seen"), 7))


def symbol(image: Path, name: str) -> int:
    """The value of a symbol."""
    text = subprocess.run(["ia64-linux-gnu-nm", image], check=True, capture_output=True, text=True).stdout
    return next(int(line.split()[0], 16) for line in text.splitlines() if line.split()[-1] == name)
