"""`--count`: guests run as without it, the counts are right, and they are read back from what a run leaves."""

from __future__ import annotations

import itertools
import json
import re
import struct
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import asmguest
import counting_guest
import pytest
import unicorn
from counting_guest import RUNS
from elfwriter import Site, make_image
from guest_on_qemu import GUEST, TRANSCRIPT, compare, run_qemu
from hand_annotated import assemble
from unicorn.x86_const import UC_X86_REG_EFLAGS, UC_X86_REG_RAX, UC_X86_REG_RCX, UC_X86_REG_RIP, UC_X86_REG_RSP

import previrt
from linker.count.profile import Profile, read_profile
from linker.count.x86_64 import LOOSE, WITH_STACK, WITHOUT_STACK, StubPiece
from linker.hypervisors.base import FixupKind

uc: Any = unicorn  # it has no types
ROOT = Path(__file__).resolve().parents[2]
IA64_GUEST = ROOT / "fixtures" / "ia64" / "guest.elf"


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return counting_guest.build(tmp_path_factory.mktemp("counting"))


def counts(profile: Profile) -> dict[str, dict[str, int]]:
    found: dict[str, Counter[str]] = {}
    for site in profile.sites:
        if site.runs is not None:
            found.setdefault(site.symbol.partition("+")[0], Counter())[site.class_name] += site.runs
    return {symbol: dict(by_class) for symbol, by_class in found.items()}


def run_lol(image: Path, profile: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "linker.commands.run", str(image), "--profile", str(profile)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=ROOT)


def command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "linker.commands.link", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, check=False, cwd=ROOT)


def test_counts_of_a_known_guest_under_lol(guest: Path, tmp_path: Path) -> None:
    bound, profile = tmp_path / "guest.lol", tmp_path / "profile"
    report = previrt.link(guest, "lol", output=bound, count=True)
    assert report.uncounted == {"2 bytes hold no jump": 1}  # the ud2 in start.S
    assert report.counted == report.bound - 1
    done = run_lol(bound, profile)
    assert (done.returncode, done.stdout, done.stderr) == (0, ".", "")
    assert counts(read_profile(bound, profile)) == RUNS
    said = json.loads(command(bound, "--profile", profile, "--json").stdout)
    assert said["by_symbol"]["flags"] == 3000
    assert said["by_class"]["cli"] == 1040
    assert said["runs"] == sum(sum(runs.values()) for runs in RUNS.values())
    table = command(bound, "--profile", profile).stdout
    assert re.search(r"^1000 +flags +popf$", table, re.MULTILINE)


def test_counts_of_a_known_guest_on_qemu(guest: Path, tmp_path: Path) -> None:
    """On bare what goes elsewhere is not counted: its fault stands where it stood. All else is when it has run."""
    bound = tmp_path / "guest.bare"
    report = previrt.link(guest, "bare", output=bound, count=True)
    assert report.forms["cli"] == {"native": 2}
    console, raw, core = counting_guest.run_and_dump(bound, tmp_path)
    assert console == "."
    expected = {
        symbol: {name: n for name, n in runs.items() if name not in ("iret", "lret")} for symbol, runs in RUNS.items()
    }
    powers_off = expected["guest_main"].pop("out")
    del expected["descriptors"]  # far returns, and loads that may have no stack with a return behind them
    profile = read_profile(bound, raw)
    counted = counts(profile)
    # The last one powers off; QEMU may end the run before or behind its counter.
    assert counted["guest_main"].pop("out") in (powers_off - 1, powers_off)
    assert counted == expected
    assert {site.class_name for site in profile.sites if site.runs is None} == {
        "iret",
        "lgdt",
        "lret",
        "mov_to_seg",
        "ud2",
    }
    assert read_profile(bound, core) == profile
    # Linux leaves the first page of some program at address 0: that makes a raw dump no core.
    contents = bytearray(raw.read_bytes())
    contents[:64] = guest.read_bytes()[:64]
    raw.write_bytes(contents)
    assert read_profile(bound, raw) == profile


def test_the_fixture_guest_counted_prints_its_transcript_on_qemu(tmp_path: Path) -> None:
    bound = tmp_path / "guest.bare"
    previrt.link(GUEST, "bare", output=bound, count=True)
    assert compare(TRANSCRIPT.read_text().splitlines(), run_qemu(bound).lines) == ""


def test_the_fixture_guest_counted_prints_its_transcript_under_lol(tmp_path: Path) -> None:
    bound, profile = tmp_path / "guest.lol", tmp_path / "profile"
    report = previrt.link(GUEST, "lol", output=bound, count=True)
    assert report.uncounted == {"1 bytes hold no jump": 2, "2 bytes hold no jump": 6}
    done = run_lol(bound, profile)
    assert compare(TRANSCRIPT.read_text().splitlines(), done.stdout.splitlines()) == ""
    by_class = read_profile(bound, profile).by_class()
    assert by_class["pushf"] > 1000
    assert by_class["hlt"] > 0


def test_no_wakeup_is_lost_between_a_counted_sti_and_a_counted_hlt(tmp_path: Path) -> None:
    source = tmp_path / "guest.S"
    ticks = 100
    source.write_text(
        asmguest.PRELUDE
        + f"""
guest:
    lea tick(%rip), %rax
    set_gate 0x20
    start_timer
    mov ${ticks}, %r12d
    xor %r13d, %r13d
1:  sti
    hlt
    cli
    cmp %r12d, %r13d
    jb 1b
    jmp power_off
tick:
    push %rax
    inc %r13d
    outb 0x20, 0x20
    pop %rax
    iretq
"""
    )
    bound, profile = tmp_path / "guest.lol", tmp_path / "profile"
    previrt.link(asmguest.build(source, tmp_path), "lol", output=bound, count=True)
    done = run_lol(bound, profile)
    assert (done.returncode, done.stderr) == (0, "")
    by_class = read_profile(bound, profile).by_class()
    assert by_class["hlt"] == by_class["sti"] == by_class["cli"]
    assert by_class["iret"] == ticks
    assert ticks - 5 <= by_class["hlt"] <= ticks + 5


def test_binding_again_and_restoring_are_exact(guest: Path, tmp_path: Path) -> None:
    choices = list(itertools.product(("bare", "lol", "xen"), (False, True)))
    direct = {}
    for target, count in choices:
        direct[target, count] = tmp_path / f"{target}{count}"
        previrt.link(guest, target, output=direct[target, count], count=count)
    assert len({path.read_bytes() for path in direct.values()}) == len(choices)
    again = tmp_path / "again"
    for first, (target, count) in itertools.product(direct.values(), choices):
        previrt.link(first, target, output=again, count=count)
        assert again.read_bytes() == direct[target, count].read_bytes()
    for bound in direct.values():
        previrt.restore(bound, output=again)
        assert again.read_bytes() == guest.read_bytes()


def test_memory_bound_so_equals_the_file(guest: Path, tmp_path: Path) -> None:
    table = previrt.read_table(guest)
    memory = bytearray(guest.read_bytes())
    windows = [(w.va, w.len, w.off) for w in table.image.windows]
    previrt.link_buffer(memory, windows, "lol", table=table, count=True)
    previrt.link(guest, "lol", output=tmp_path / "guest.lol", count=True)
    file = (tmp_path / "guest.lol").read_bytes()
    for _, length, off in windows:
        skipped = 64 if off == 0 else 0  # the ELF header has the entry
        assert memory[off + skipped : off + length] == file[off + skipped : off + length]


def test_memory_without_a_reserve_has_no_room(tmp_path: Path) -> None:
    image = tmp_path / "guest"
    image.write_bytes(make_image([Site("fa")], reserve=False))
    table = previrt.read_table(image)
    memory = bytearray(image.read_bytes())
    with pytest.raises(previrt.LinkError, match="no reserve for counters"):
        previrt.link_buffer(
            memory, [(w.va, w.len, w.off) for w in table.image.windows], "bare", table=table, count=True
        )
    assert memory == image.read_bytes()


def test_an_image_of_the_original_format_grows_to_count(tmp_path: Path) -> None:
    text = "    .globl _start\n_start:\nannotate 7, cli\noperation pte_set, 15, mov %eax, (%rdx)\nannotate 6, hlt"
    image = assemble(text, tmp_path, 64)
    bound = Path(f"{image}.bare")
    report = previrt.link(image, "bare", count=True)
    assert (report.counted, report.sites) == (3, 3)
    previrt.link(bound, "bare", output=tmp_path / "plain")
    previrt.link(image, "bare", output=tmp_path / "direct")
    assert (tmp_path / "plain").read_bytes() == (tmp_path / "direct").read_bytes()
    previrt.link(tmp_path / "plain", "bare", output=tmp_path / "again", count=True)
    assert (tmp_path / "again").read_bytes() == bound.read_bytes()
    previrt.restore(bound, output=tmp_path / "original")
    assert (tmp_path / "original").read_bytes() == image.read_bytes()


INC_FLAGS = 0x8D4  # OF SF ZF AF PF
CODE_VA, COUNTER_VA, STACK_VA = 0x10000, 0x20000, 0x30000


@pytest.mark.parametrize("piece", [WITH_STACK, WITHOUT_STACK, LOOSE])
@pytest.mark.parametrize("flags", [0x202, 0x2, 0xAD7, 0x40AD7])
def test_counting_changes_no_flag_no_register_and_nothing_above_the_stack_pointer(piece: StubPiece, flags: int) -> None:
    """Judged by unicorn. The counter goes over 32 bits, and around."""
    code = bytearray(piece.code)
    for fixup in piece.fixups:
        assert fixup.kind is FixupKind.PC32
        struct.pack_into("<i", code, fixup.offset, COUNTER_VA + fixup.addend - (CODE_VA + fixup.offset))
    for before, after in ((0, 1), (0xFFFFFFFF, 1 << 32), ((1 << 64) - 1, 0)):
        cpu = uc.Uc(uc.UC_ARCH_X86, uc.UC_MODE_64)
        for va in (CODE_VA, COUNTER_VA, STACK_VA):
            cpu.mem_map(va, 0x1000)
        cpu.mem_write(CODE_VA, bytes(code))
        cpu.mem_write(COUNTER_VA, struct.pack("<Q", before))
        cpu.mem_write(STACK_VA + 0x800, bytes(range(256)))
        cpu.reg_write(UC_X86_REG_RAX, 0x123456789ABCDEF0)
        cpu.reg_write(UC_X86_REG_RCX, 5)
        cpu.reg_write(UC_X86_REG_RSP, STACK_VA + 0x800)
        cpu.reg_write(UC_X86_REG_EFLAGS, flags)
        cpu.emu_start(CODE_VA, CODE_VA + len(code))
        assert cpu.mem_read(COUNTER_VA, 8) == struct.pack("<Q", after)
        assert cpu.reg_read(UC_X86_REG_RIP) == CODE_VA + len(code)
        assert cpu.reg_read(UC_X86_REG_RAX) == 0x123456789ABCDEF0
        assert cpu.reg_read(UC_X86_REG_RCX) == 5
        assert cpu.reg_read(UC_X86_REG_RSP) == STACK_VA + 0x800
        assert (cpu.reg_read(UC_X86_REG_EFLAGS) ^ flags) & ~(INC_FLAGS if piece is LOOSE else 0) == 0
        assert cpu.mem_read(STACK_VA + 0x800, 256) == bytes(range(256))
        if piece is not WITH_STACK:
            assert cpu.mem_read(STACK_VA, 0x800) == bytes(0x800)


def test_what_cannot_count_is_said(guest: Path, tmp_path: Path) -> None:
    done = command(IA64_GUEST, "-t", "bare", "--count", "-n")
    assert done.returncode == 2
    assert "--count is not supported on ia64" in done.stderr
    image = tmp_path / "small"
    image.write_bytes(make_image([Site("fa"), Site("cc", 1), Site("0f0b", 2), Site("48cf")]))
    report = previrt.link(image, "bare", count=True, dry_run=True)
    assert report.counted == 1
    assert sum(report.uncounted.values()) == 3
    assert any("hold no jump" in reason for reason in report.uncounted)
    tight = tmp_path / "tight"
    tight.write_bytes(make_image([Site("fa")] * 5000, gap=0))
    with pytest.raises(previrt.LinkError, match=r"PREVIRT_RESERVE_(TEXT|DATA)="):
        previrt.link(tight, "bare", count=True)


def test_dumps_that_are_of_no_use_are_refused(guest: Path, tmp_path: Path) -> None:
    bound, plain, dump = tmp_path / "guest.lol", tmp_path / "guest.plain", tmp_path / "dump"
    previrt.link(guest, "lol", output=bound, count=True)
    previrt.link(guest, "lol", output=plain)
    reserve = previrt.read_table(guest).annotations.reserve
    assert reserve is not None
    nothing = bytes(reserve.data_len)
    dump.write_bytes(nothing)
    assert read_profile(bound, dump).total == 0
    for image, contents, said in (
        (plain, nothing, "image does not count"),
        (guest, nothing, "image does not count"),
        (bound, bytes(1000), "does not hold the guest's memory"),
        (bound, bytes(16 << 20), "not of this image"),
        (bound, b"\x7fELF\2\1\1".ljust(16, b"\0") + b"\4\0" + bytes(20), "ELF header is cut off"),
        (bound, b"\x7fELF\2\1\1".ljust(16, b"\0") + b"\4\0" + bytes(200), "does not hold the guest's memory"),
    ):
        dump.write_bytes(contents)
        done = command(image, "--profile", dump)
        assert (done.returncode, done.stdout) == (1, "")
        assert said in done.stderr
        assert "Traceback" not in done.stderr
    assert command(bound, "--profile", dump, "--restore").returncode == 2
    done = run_lol(plain, dump)
    assert (done.returncode, done.stdout) == (2, "")
    assert "images whose sites count their runs" in done.stderr
