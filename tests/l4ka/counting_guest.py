"""A guest whose sites run a known number of times, for QEMU and LoL alike, and a QEMU that is asked for its memory."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "fixtures" / "x86_64"
STAND_IN_DIR = ROOT / "afterburner" / "bin"
RESERVE = ROOT / "afterburner" / "reserve" / "x86_64.S"
MEMORY_LEN = 32 << 20
TIMEOUT_S = 120

# Behind the fixture guest's entry (start.S). %ebx is the loop counter: no sensitive instruction here changes it.
TEXT = """
    .macro function name
    .globl \\name
    .type \\name, @function
\\name:
    .endm
    .macro times count
    mov $\\count, %r12d
1:
    .endm
    .macro again
    dec %r12d
    jnz 1b
    .endm

    .text
function guest_main
    call mask
    call descriptors
    call flags
    call control
    call model_specific
    call bases
    call open_and_closed
    call identify
    call returns
    call stack_register
    mov $0x3f8, %dx
    mov $'.', %al
    out %al, %dx
    mov $0x604, %dx
    mov $0x2000, %ax
    out %ax, %dx
    hlt

function mask                       # no interrupt: there is no IDT
    mov $0xff, %al
    out %al, $0x21
    out %al, $0xa1
    ret
function descriptors
    lgdt gdt_pointer
    pushq $8
    push $2f
    lretq
2:  mov $0x10, %eax
    mov %eax, %ss
    ret
function flags
    times 1000
    cli
    pushfq
    popfq
    again
    ret
function control
    times 300
    mov %cr0, %rax
    mov %cr3, %r15
    again
    times 5
    mov %cr3, %rax
    mov %rax, %cr3
    again
    ret
function model_specific
    times 200
    mov $0xc0000080, %ecx
    rdmsr
    again
    ret
function bases
    times 50
    swapgs
    swapgs
    again
    ret
function open_and_closed
    times 40
    sti
    nop
    cli
    again
    ret
function identify
    times 30
    xor %eax, %eax
    cpuid
    again
    ret
function returns
    times 20
    mov %rsp, %rax
    mov %ss, %ecx
    push %rcx
    push %rax
    pushfq
    mov %cs, %ecx
    push %rcx
    push $2f
    iretq
2:  again
    ret
function stack_register
    times 7
    mov %rsp, %rbp
    mov %cr2, %rsp
    mov %rbp, %rsp
    again
    ret
    .data
    .balign 16
gdt:
    .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
    .word 23
    .quad gdt
    .section .note.GNU-stack, "", @progbits
"""

# Function -> class -> runs.
RUNS = {
    "mask": {"out": 2},
    "descriptors": {"lgdt": 1, "lret": 1, "mov_to_seg": 1},
    "flags": {"cli": 1000, "pushf": 1000, "popf": 1000},
    "control": {"mov_from_cr": 605, "mov_to_cr": 5},
    "model_specific": {"rdmsr": 200},
    "bases": {"swapgs": 100},
    "open_and_closed": {"sti": 40, "cli": 40},
    "identify": {"cpuid": 30},
    "returns": {"mov_from_seg": 40, "pushf": 20, "iret": 20},
    "stack_register": {"mov_from_cr": 7},
    "guest_main": {"out": 2, "hlt": 0},
}


def build(folder: Path) -> Path:
    """The annotated guest."""
    source, guest = folder / "counting.S", folder / "counting.elf"
    source.write_text(TEXT)
    command = ["gcc", f"-B{STAND_IN_DIR}", "-nostdlib", "-static", "-no-pie", f"-Wl,-T,{SOURCES / 'guest.lds'}"]
    command += ["-Wl,-z,max-page-size=4096", "-Wl,--build-id=none", f"-I{SOURCES}"]
    subprocess.run([*command, "-o", str(guest), str(SOURCES / "start.S"), str(source), str(RESERVE)], check=True)
    return guest


class Monitor:
    """QEMU's machine protocol on a socket."""

    def __init__(self, path: Path) -> None:
        """Connect as soon as the socket is there."""
        self._socket = socket.socket(socket.AF_UNIX)
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            try:
                self._socket.connect(str(path))
                break
            except OSError:
                assert time.monotonic() < deadline, "QEMU's monitor does not answer"
                time.sleep(0.05)
        self._socket.settimeout(TIMEOUT_S)
        self._lines = self._socket.makefile("r")
        self._lines.readline()
        self.ask("qmp_capabilities")

    def _read(self) -> dict[str, object]:
        message = json.loads(self._lines.readline())
        assert isinstance(message, dict)
        return message

    def ask(self, command: str, **arguments: object) -> object:
        """The answer to a command; events are passed over."""
        self._socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while True:
            message = self._read()
            assert "error" not in message, message
            if "return" in message:
                return message["return"]

    def wait_for_power_off(self) -> None:
        """Until the guest has powered off and the machine stands still."""
        deadline = time.monotonic() + TIMEOUT_S
        while self.ask("query-status") != {"running": False, "singlestep": False, "status": "shutdown"}:
            assert time.monotonic() < deadline, "the guest does not power off"
            time.sleep(0.05)


def run_and_dump(image: Path, folder: Path) -> tuple[str, Path, Path]:
    """Run on QEMU until the guest powers off: console, all of memory raw (pmemsave), and as an ELF core."""
    raw, core, console, path = (folder / name for name in ("memory.raw", "memory.core", "console", "qmp"))
    command = ["qemu-system-x86_64", "-M", "pc", "-accel", "tcg", "-cpu", "max", "-m", str(MEMORY_LEN >> 20)]
    command += ["-nic", "none", "-display", "none", "-serial", f"file:{console}", "-no-shutdown", "-no-reboot"]
    command += ["-qmp", f"unix:{path},server=on,wait=off", "-kernel", str(image)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as qemu:
        try:
            monitor = Monitor(path)
            monitor.wait_for_power_off()
            monitor.ask("pmemsave", val=0, size=MEMORY_LEN, filename=str(raw))
            monitor.ask("dump-guest-memory", paging=False, protocol=f"file:{core}")
            monitor.ask("quit")
            qemu.wait(TIMEOUT_S)
        finally:
            qemu.kill()
    return console.read_text(errors="replace"), raw, core
