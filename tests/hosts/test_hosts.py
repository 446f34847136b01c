"""The modules give one answer on every host: guests bound to LoL print the same on processors of both vendors, old and
new, with and without FSGSBASE, RDTSCP, SSE4, PKU and five-level paging (docs/machine.md)."""

from __future__ import annotations

import difflib
import subprocess
from typing import TYPE_CHECKING

import asmguest
import i386_asmguest
import i386_guest
import pytest
from guest_on_qemu import GUEST, TRANSCRIPT
from host_machine import run_on

import previrt

if TYPE_CHECKING:
    from pathlib import Path

AMD = ("qemu64", "EPYC", "max,+pku,+la57")
INTEL = ("Nehalem", "Skylake-Server")
STOP = "previrt-lol: guest stopped: the guest uses sysenter or a 32-bit syscall, which cpuid does not offer"
# Machine lines of docs/fixture-guest.md that are the host's under LoL too: what only computes, the clock; and
# what QEMU's processors are known not to look at, limits of segments.
HOSTS_OWN = (
    "~ cpuid: AuthenticAMD, signature 800f12, features ",
    "~ timer: ",
    "~ fs: behind the segment's limit: ",
    "~ mov to fs: a null selector: ",
)

RING_3 = "pushl $0x23\n pushl $stack_top\n pushl $2\n pushl $0x1b\n pushl $1f\n sensitive PAD_iret, iretl\n"

# No sites, for the afterburner does not look into data: the host's processor runs them, or says #UD to the module.
UNSEEN = """
guest:
    mov %cr4, %rax
    or $0x10000, %eax
    mov %rax, %cr4
    xor %edx, %edx
    mov $0x5a, %eax
    mov $0xc0000103, %ecx
    wrmsr
    mov $0x12345678, %ebx
    call unseen
    mov %rdx, %rax
    shr $16, %rax
    cmp $0x1234, %eax
    mov $'n', %al
    jne 1f
    mov $'y', %al
1:  call put
    jmp power_off
    .data
unseen:
    .byte 0x0f, 0x01, 0xf9             # rdtscp
    .byte 0xf3, 0x48, 0x0f, 0xae, 0xd3 # wrfsbase %rbx
    .byte 0xf3, 0x0f, 0xae, 0xc2       # rdfsbase %edx
    ret
"""


@pytest.fixture(scope="module")
def guests(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Name -> bound image."""
    folder = tmp_path_factory.mktemp("guests")
    found = {name: folder / name for name in ("fixture64", "fixture32")}
    previrt.link(GUEST, "lol", output=found["fixture64"])
    previrt.link(i386_guest.GUEST, "lol", output=found["fixture32"])
    for name, text in (("unseen64", UNSEEN), ("sysenter64", "guest: sysenter\n jmp power_off\n")):
        (folder / f"{name}.d").mkdir()
        found[name] = asmguest.make(text, folder / f"{name}.d")
    for name in ("sysenter", "syscall"):
        (folder / f"{name}32.d").mkdir()
        text = f"guest: {RING_3}1: movl $20, %eax\n {name}\n jmp power_off\n"
        found[f"{name}32"] = i386_asmguest.make(text, folder / f"{name}32.d")
    return found


def said(lines: list[str]) -> list[str]:
    """Without what is the host's."""
    return [line for line in lines if not line.startswith(HOSTS_OWN)]


@pytest.mark.parametrize("cpu", [*AMD, *INTEL])
def test_one_answer_on_every_host(cpu: str, guests: dict[str, Path], tmp_path: Path) -> None:
    """Also the lines that the guest marks as the machine's: here is one machine."""
    # QEMU lets a 32-bit syscall of Intel's into the host's kernel, which has no entry for it. Hardware raises #UD.
    if cpu in INTEL:
        guests = {name: path for name, path in guests.items() if name != "syscall32"}
    ended = run_on(cpu, guests, tmp_path)
    for name in ("fixture64", "fixture32"):
        here = subprocess.run([guests[name]], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
        difference = difflib.unified_diff(
            said(here.stdout.splitlines()), said(ended[name].lines), "here", cpu, lineterm=""
        )
        assert "\n".join(difference) == ""
        assert ended[name].status == 0
    kept = [line for line in TRANSCRIPT.read_text().splitlines() if not line.startswith("~")]
    assert [line for line in ended["fixture64"].lines if not line.startswith("~")] == kept
    assert not i386_guest.compare(ended["fixture32"].lines)
    assert ended["unseen64"] == (["y"], 0)
    for name in guests.keys() - {"fixture64", "fixture32", "unseen64"}:
        assert STOP in ended[name].lines, (name, ended[name].lines)
        assert ended[name].status == 1
