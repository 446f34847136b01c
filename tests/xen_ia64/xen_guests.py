"""Small dom0 kernels in assembly, written to Xen's interface: assembled, linked at 64 MiB, run under the monitor."""

import subprocess
from collections import Counter
from pathlib import Path

from simulator.machine import Stopped
from simulator.monitors.xen.monitor import XenMachine

XSI = 0xF500000000000000

PROLOGUE = f"""
        .explicit
        .set XSI, {XSI:#x}
        .macro xsi register, offset
        movl \\register=XSI+\\offset ;;
        .endm
        .macro put character
        movl r14=letter
        mov r15=\\character ;;
        st1 [r14]=r15
        mov r32=0
        mov r33=1
        movl r34=letter+(1<<63)
        mov r2=18 ;;
        break 0x1000 ;;
        .endm
        .macro exit_with register
        movl r14=letter ;;
        st4 [r14]=\\register
        mov r32=2
        movl r33=letter+(1<<63)
        mov r2=29 ;;
        break 0x1000 ;;
        .endm
        .macro exit status
        mov r16=\\status ;;
        exit_with r16
        .endm
        .text
        .global _start
_start: mov ar.rsc=0
        movl r2=0x4800000 ;;
        mov ar.bspstore=r2
        movl r3=ivt ;;
        mov cr.iva=r3
        alloc r2=ar.pfs,0,0,40,0 ;;
"""
"""Backing store at 72 MiB, the vectors at ivt, a frame of 40 output registers; metaphysical, psr.ic 0, events masked.

Macros: xsi gives the address of a field of the shared page, put writes a character, exit ends the domain.
"""

DATA = """
        .data
        .align 16
letter: data8 0, 0, 0, 0
"""

COLLECT = """
        xsi r14, 0x4c10
        mov r15=1 ;;
        st4 [r14]=r15 ;;
"""
"""Virtual psr.ic becomes 1."""


def vectors(**handlers: str) -> str:
    """Return an interruption vector table; each handler is named v<offset in hex>; others exit with status 99."""
    texts = []
    for offset in (*range(0, 0x5000, 0x400), *range(0x5000, 0x8000, 0x100)):
        body = handlers.get(f"v{offset:x}", "        alloc r2=ar.pfs,0,0,8,0 ;;\n br.few unexpected ;;")
        texts.append(f"        .org ivt+{offset:#x}\n{body}\n")
    table = "        .align 32768\nivt:\n" + "".join(texts) + "        .org ivt+0x8000\n"
    return table + "unexpected:\n        exit 99\n" + DATA


def link(tmp_path: Path, source: str) -> Path:
    """Assemble and link a guest."""
    text = tmp_path / "guest.s"
    text.write_text(source)
    subprocess.run(["ia64-linux-gnu-as", "-W", "-x", "-o", tmp_path / "guest.o", text], check=True)
    image = tmp_path / "guest"
    subprocess.run(["ia64-linux-gnu-ld", "-N", "-Ttext", "0x4000000", "-o", image, tmp_path / "guest.o"], check=True)
    return image


def boot(image: Path, limit: int = 3_000_000) -> tuple[int, bytes, Counter[tuple[str, str]]]:
    """Run an image; return the exit status, the console, and how often it entered Xen, by kind and name."""
    console = bytearray()
    xen = XenMachine(128 << 20, console.extend)
    xen.start(image)
    try:
        xen.run(limit)
    except Stopped as stopped:
        return stopped.status, bytes(console), xen.counts
    raise AssertionError(f"still running after {limit} instructions, at {xen.cpu.ip:#x}: {bytes(console)!r}")


def run(tmp_path: Path, source: str) -> tuple[int, bytes, Counter[tuple[str, str]]]:
    """Build and run a guest's text; PROLOGUE in front of it, a vector table behind it if it has none."""
    if "ivt:" not in source:
        source += vectors()
    return boot(link(tmp_path, PROLOGUE + source))
