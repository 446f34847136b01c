"""Small ia64 kernels in assembly: through the afterburner, bound to LoL, run as a process; unbound on the machine."""

import os
import subprocess
import sys
from pathlib import Path

import previrt
from simulator import ssc
from simulator.image import load_image
from simulator.machine import Machine, Stopped
from simulator.monitors.linux.load import load_program
from simulator.monitors.linux.process import Process

ROOT = Path(__file__).resolve().parents[2]
STAND_IN = ROOT / "afterburner" / "bin" / "ia64-linux-gnu" / "as"
RESERVE = ROOT / "afterburner" / "reserve" / "ia64.S"

LINKER_SCRIPT = """
PHDRS { text PT_LOAD FLAGS(5); data PT_LOAD FLAGS(6); note PT_NOTE FLAGS(4); }
ENTRY(_start)
SECTIONS
{
    . = 0x4000000;
    .text : { *(.text) . = ALIGN(0x4000); *(.text.previrt_reserve) } :text
    .notes : { *(.note.afterburn) } :text :note
    . = ALIGN(0x4000);
    .data : { *(.data) . = ALIGN(0x4000); *(.data.previrt_reserve) } :data
    .afterburn 0 : { *(.afterburn) }
    .afterburn.info 0 : { *(.afterburn.info) }
    .afterburn.undo 0 : { *(.afterburn.undo) }
    .afterburn.str 0 : { *(.afterburn.str) }
    /DISCARD/ : { *(.note.GNU-stack) *(.IA_64.unwind*) }
}
"""

PROLOGUE = """
        .explicit
        .afterburn_scratch r30, r31, p14-p15
        .macro exit_with register
        mov r32=\\register
        mov r15=66 ;;
        break 0x80001 ;;
        .endm
        .text
        .global _start
_start: mov ar.rsc=0
        movl r2=rbs ;;
        mov ar.bspstore=r2
        movl r3=ivt ;;
        mov cr.iva=r3 ;;
        alloc r2=ar.pfs,0,32,8,0
        movl r12=rbs+0x10000-16
        ssm 1<<13 ;;
        srlz.d ;;
        bsw.1 ;;
"""
"""Backing store and stack in `rbs`, the vectors at ivt, psr.ic one, bank 1, a frame of 40; r30 and r31 are scratch."""

SKIP = """
        mov r16=cr.iip
        mov r17=cr.ipsr ;;
        adds r16=16,r16
        dep r17=0,r17,41,2 ;;
        mov cr.iip=r16
        mov cr.ipsr=r17 ;;
        rfi ;;
"""
"""In a handler: go on at the bundle behind."""


def vectors(**handlers: str) -> str:
    """An interruption vector table; each handler is named v<offset in hex>; others exit with status 99."""
    texts = []
    for offset in (*range(0, 0x5000, 0x400), *range(0x5000, 0x8000, 0x100)):
        body = handlers.get(f"v{offset:x}", "br.few unexpected ;;")
        texts.append(f"        .org ivt+{offset:#x}\n{body}\n")
    data = "        .data\n        .align 16384\nrbs:    .skip 65536\npage:   .skip 16384\n"
    unexpected = "unexpected: alloc r2=ar.pfs,0,0,8,0 ;;\n exit_with 99\n"
    return "        .align 32768\nivt:\n" + "".join(texts) + "        .org ivt+0x8000\n" + unexpected + data


def build(directory: Path, source: str) -> Path:
    """Assemble through the stand-in and link at 64 MiB; a table of vectors is added where there is none."""
    text = PROLOGUE + source + ("" if "ivt:" in source else vectors())
    (directory / "guest.s").write_text(text)
    environment = {**os.environ, "PREVIRT_PYTHON": sys.executable}
    subprocess.run([STAND_IN, "-W", "-x", "-o", "guest.o", "guest.s"], cwd=directory, env=environment, check=True)
    reserve = subprocess.run(["cpp", "-P", RESERVE], check=True, capture_output=True, text=True).stdout
    (directory / "reserve.s").write_text(reserve)
    subprocess.run(["ia64-linux-gnu-as", "-o", "reserve.o", "reserve.s"], cwd=directory, check=True)
    (directory / "guest.lds").write_text(LINKER_SCRIPT)
    command = ["ia64-linux-gnu-ld", "-static", "-T", "guest.lds", "-o", "guest", "guest.o", "reserve.o"]
    subprocess.run(command, cwd=directory, check=True)
    return directory / "guest"


def run_bare(image: Path, limit: int = 2_000_000) -> int:
    """The exit status on the machine itself."""
    machine = Machine(128 << 20)
    ssc.attach(machine, lambda data: None)
    load_image(machine, image)
    try:
        machine.run(limit)
    except Stopped as stopped:
        return stopped.status
    raise AssertionError(f"still running after {limit} instructions, at {machine.cpu.ip:#x}")


def start(image: Path) -> tuple[Process, bytearray]:
    """A process of the bound image, and where its output goes."""
    previrt.link(image, "lol", output=image.with_suffix(".lol"))
    output = bytearray()
    process = Process(256 << 20, output.extend)
    load_program(process, image.with_suffix(".lol"), ["guest", "-m", "80M"])
    return process, output


def finish(process: Process, output: bytearray, limit: int = 20_000_000) -> int:
    """Run a process to its end."""
    try:
        process.run(limit)
    except Stopped as stopped:
        return stopped.status
    raise AssertionError(f"still running after {limit} instructions, at {process.cpu.ip:#x}: {output.decode()}")


def run(directory: Path, source: str) -> tuple[int, str, Process]:
    """Build, check that the machine agrees, run as a process: exit status, output, process."""
    image = build(directory, source)
    process, output = start(image)
    status = finish(process, output)
    return status, output.decode(), process
