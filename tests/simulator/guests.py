"""Small guests in assembly: assembled, linked and run on a machine of their own."""

import subprocess
from pathlib import Path

from simulator import ssc
from simulator.image import load_image
from simulator.machine import Machine, Stopped
from simulator.uart import Uart

PROLOGUE = """
        .explicit
        .text
        .global _start
_start: mov ar.rsc=0
        movl r2=0x800000 ;;
        mov ar.bspstore=r2
        movl r3=ivt ;;
        mov cr.iva=r3
        ssm 1<<13 ;;
        srlz.d
        alloc r2=ar.pfs,0,32,8,0 ;;
"""
"""Backing store at 8 MiB, the vectors at ivt, psr.ic one, a frame of 40."""

EXIT = """
        mov r15=66 ;;
        break 0x80001 ;;
"""
"""Exit with the status in r32."""


def vectors(**handlers: str) -> str:
    """Return an interruption vector table; each handler is named v<offset in hex>; others exit with status 99."""
    texts = []
    for offset in (*range(0, 0x5000, 0x400), *range(0x5000, 0x8000, 0x100)):
        body = handlers.get(f"v{offset:x}", f"alloc r2=ar.pfs,0,1,0,0 ;;\n mov r32=99\n{EXIT}")
        texts.append(f"        .org ivt+{offset:#x}\n{body}\n")
    return "        .align 32768\nivt:\n" + "".join(texts) + "        .org ivt+0x8000\n"


def build(tmp_path: Path, source: str) -> Path:
    """Assemble and link a guest at 1 MiB."""
    text = tmp_path / "guest.s"
    text.write_text(source)
    subprocess.run(["ia64-linux-gnu-as", "-x", "-o", tmp_path / "guest.o", text], check=True)
    image = tmp_path / "guest"
    subprocess.run(["ia64-linux-gnu-ld", "-Ttext", "0x100000", "-o", image, tmp_path / "guest.o"], check=True)
    return image


def run(tmp_path: Path, source: str, limit: int = 2_000_000) -> tuple[int, bytes, Machine]:
    """Run a guest; return its exit status, what it wrote, and the machine."""
    written = bytearray()
    machine = Machine(16 << 20)
    ssc.attach(machine, written.extend)
    machine.memory.devices.append(Uart(written.extend))
    load_image(machine, build(tmp_path, source))
    try:
        machine.run(limit)
    except Stopped as stopped:
        return stopped.status, bytes(written), machine
    raise AssertionError(f"still running after {limit} instructions, at {machine.cpu.ip:#x}")
