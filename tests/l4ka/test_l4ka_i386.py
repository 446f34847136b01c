"""Counting and hooks in ia32 images of the original format, which grow to hold what binding adds."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import i386_asmguest
import pytest
import unicorn
from i386_guest import GUEST, compare, run_qemu
from unicorn.x86_const import UC_X86_REG_EAX, UC_X86_REG_EFLAGS, UC_X86_REG_ESP

import previrt
from linker.count.i386 import LOOSE, WITH_STACK, WITHOUT_STACK, StubPiece
from linker.count.profile import read_profile
from linker.hypervisors.base import FixupKind
from linker.verification.prove import prove

uc: Any = unicorn  # it has no types


def test_the_fixture_guest_counted_prints_its_transcript_on_qemu(tmp_path: Path) -> None:
    bound = tmp_path / "guest.bare"
    report = previrt.link(GUEST, "bare", output=bound, count=True)
    assert report.counted is not None
    assert report.counted > 300
    assert not compare(run_qemu(bound).lines)
    assert prove(bound, original=GUEST, run=False).failures == ()


def test_the_fixture_guest_counted_prints_its_transcript_under_lol(tmp_path: Path) -> None:
    bound, profile = tmp_path / "guest.lol", tmp_path / "profile"
    report = previrt.link(GUEST, "lol", output=bound, count=True)
    assert report.uncounted == {}
    done = i386_asmguest.run(bound, "-p", str(profile))
    assert (done.returncode, done.stderr) == (0, "")
    assert not compare(done.stdout.splitlines())
    assert read_profile(bound, profile).by_class()["iret"] > 20
    assert prove(bound, original=GUEST, run=False).failures == ()
    previrt.restore(bound, output=tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == GUEST.read_bytes()


KNOWN = """
    .type guest, @function
guest:
    movl $0x10, %eax
    movl $500, %ebx
1:  sensitive PAD_cli, cli
    sensitive PAD_pushf, pushfl
    sensitive PAD_popf, popfl
    sensitive PAD_mov, movl %cr0, %ecx
    sensitive PAD_mov, movl %eax, %ds
    decl %ebx
    jnz 1b
    jmp power_off
"""


def test_counts_of_a_known_guest(tmp_path: Path) -> None:
    bound, profile = tmp_path / "guest.lol", tmp_path / "profile"
    previrt.link(i386_asmguest.build(KNOWN, tmp_path), "lol", output=bound, count=True)
    done = i386_asmguest.run(bound, "-p", str(profile))
    assert (done.returncode, done.stderr) == (0, "")
    counts = read_profile(bound, profile)
    runs = {site.class_name: site.runs for site in counts.sites if site.symbol.startswith("guest")}
    assert runs == dict.fromkeys(("cli", "pushf", "popf", "mov_from_cr", "mov_to_seg"), 500)


HOOKS = """
    .macro bind_hook table, type, symbol
    .pushsection .afterburn.\\table
    .long \\type, \\symbol
    .popsection
    .endm
    bind_hook imports, 1, afterburn_set_pte_hook
    bind_hook imports, 11, afterburn_pte_get_and_clear_hook
    bind_hook exports, 3, __burn_prof_counters_start
    bind_hook exports, 4, __burn_prof_counters_end
    .data
afterburn_set_pte_hook: .long 0
afterburn_pte_get_and_clear_hook: .long 0
entry: .long 0
__burn_prof_counters_start: .long 0, 0
__burn_prof_counters_end:
    .text
guest:                                  # REGPARM(3): %eax, %edx, %ecx
    movl $entry, %eax
    movl $0x5027, %edx
    movl $2, %ecx
    call *afterburn_set_pte_hook
    movl $'+', %eax
    cmpl $0x5027, entry
    je 1f
    movl $'-', %eax
1:  call put
    movl $entry, %eax
    call *afterburn_pte_get_and_clear_hook
    cmpl $0x5027, %eax
    movl $'+', %eax
    je 1f
    movl $'-', %eax
1:  call put
    movl $77, __burn_prof_counters_start+4
    jmp power_off
"""


def test_hooks_of_the_originals_kind(tmp_path: Path) -> None:
    guest = i386_asmguest.build(HOOKS, tmp_path)
    bound = tmp_path / "guest.lol"
    report = previrt.link(guest, "lol", output=bound)
    assert all(hook.symbol for hook in report.hooks)
    done = i386_asmguest.run(bound, "-s")
    assert (done.returncode, done.stdout) == (0, "++")
    assert "previrt-lol: guest counter 1 is 77\n" in done.stderr
    previrt.restore(bound, output=tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == guest.read_bytes()


CODE_VA, COUNTER_VA, STACK_VA = 0x10000, 0x20000, 0x30000


@pytest.mark.parametrize("piece", [WITH_STACK, WITHOUT_STACK, LOOSE])
@pytest.mark.parametrize("flags", [0x202, 0x2, 0xAD7])
def test_counting_changes_nothing_but_the_counter(piece: StubPiece, flags: int) -> None:
    """Judged by unicorn. With a stack the counter has 64 bits, without 32."""
    code = bytearray(piece.code)
    for fixup in piece.fixups:
        assert fixup.kind is FixupKind.WORD32
        struct.pack_into("<I", code, fixup.offset, COUNTER_VA + fixup.addend)
    around = 0 if piece is WITHOUT_STACK else 1 << 32
    for before, after in ((0, 1), (0xFFFFFFFF, around)):
        cpu = uc.Uc(uc.UC_ARCH_X86, uc.UC_MODE_32)
        for va in (CODE_VA, COUNTER_VA, STACK_VA):
            cpu.mem_map(va, 0x1000)
        cpu.mem_write(CODE_VA, bytes(code))
        cpu.mem_write(COUNTER_VA, struct.pack("<Q", before))
        cpu.reg_write(UC_X86_REG_EAX, 0x12345678)
        cpu.reg_write(UC_X86_REG_ESP, STACK_VA + 0x800)
        cpu.reg_write(UC_X86_REG_EFLAGS, flags)
        cpu.emu_start(CODE_VA, CODE_VA + len(code))
        assert cpu.mem_read(COUNTER_VA, 8) == struct.pack("<Q", after)
        assert cpu.reg_read(UC_X86_REG_EAX) == 0x12345678
        assert cpu.reg_read(UC_X86_REG_ESP) == STACK_VA + 0x800
        assert (cpu.reg_read(UC_X86_REG_EFLAGS) ^ flags) & ~(0x8D5 if piece is LOOSE else 0) == 0
