"""The fixture guest on bare hardware, as QEMU plays it: not bound, and bound to bare."""

from __future__ import annotations

import re
import time
import zlib
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from guest_on_qemu import GUEST, ROOT, TRANSCRIPT, Run, compare, run_qemu, symbols_of

import previrt
from linker.sites.x86_64.classes import CLASSES

# `max` is AMD's with every feature TCG has; the second has SYSENTER in long mode, the third hardly any feature.
PROCESSORS = ("max", "max,vendor=GenuineIntel", "qemu64")


@pytest.fixture(scope="module")
def expected() -> list[str]:
    return TRANSCRIPT.read_text().splitlines()


@pytest.fixture(scope="module")
def bare_run() -> Run:
    return run_qemu(GUEST)


@pytest.mark.parametrize("cpu", PROCESSORS)
def test_the_transcript_is_the_same_on_every_processor(expected: list[str], cpu: str) -> None:
    run = run_qemu(GUEST, cpu=cpu)
    assert not compare(expected, run.lines)
    assert run.status == 0
    assert re.fullmatch(r"done: \d+ checks, 0 failed", run.lines[-1])


def test_bound_to_bare_it_does_the_same(expected: list[str], tmp_path: Path) -> None:
    bound = tmp_path / "guest.bare"
    report = previrt.link(GUEST, "bare", output=bound)
    assert report.bound == report.sites > 900
    assert not compare(expected, run_qemu(bound).lines)


def test_every_class_has_been_run(bare_run: Run) -> None:
    said = {
        line.split(": ")[1] for line in [*bare_run.transcript, *bare_run.machine_lines] if line.startswith("intact: ")
    }
    assert {row.name for row in CLASSES} <= said


def test_every_line_of_the_machine_is_accounted_for(bare_run: Run) -> None:
    """docs/fixture-guest.md gives a reason for each, and no reason is left over."""
    document = (ROOT / "docs" / "fixture-guest.md").read_text()
    rows = document.split("| line begins with | why |")[1].split("\n\n")[0].splitlines()
    beginnings = [row.split("`")[1] for row in rows[2:] if row.startswith("| `")]
    source = (ROOT / "fixtures" / "x86_64" / "intact_classes.c").read_text()
    classes = re.findall(r"\bCLASS_IF\((\w+), \w+\)[,\n]", source)
    beginnings.remove("intact: C:")
    beginnings += [f"intact: {name}:" for name in classes]

    lines = bare_run.machine_lines + run_qemu(GUEST, "notests bench").machine_lines
    assert not [line for line in lines if not line.startswith(tuple(beginnings))]
    assert not [beginning for beginning in beginnings if not any(line.startswith(beginning) for line in lines)]


def patched(tmp_path: Path, symbol: str, code: bytes) -> Path:
    """A copy of the guest with other code at a symbol."""
    with GUEST.open("rb") as stream:
        elf = ELFFile(stream)
        (offset,) = elf.address_offsets(symbols_of(elf)[symbol], len(code))
    image = bytearray(GUEST.read_bytes())
    image[offset : offset + len(code)] = code
    broken = tmp_path / "broken.elf"
    broken.write_bytes(image)
    return broken


@pytest.mark.parametrize(
    ("symbol", "code", "complaint"),
    [
        ("site_rdtsc", b"\x90\x90", "rax"),  # nop; the upper half of %rax stays
        ("site_sgdt", b"\xff\xc0\x90", "rax"),  # inc %eax; nop
        ("site_invd", b"\xf5\x90", "flags"),  # cmc; nop
        ("site_pushfq", b"\x90", "rsp"),
    ],
)
def test_a_site_that_does_too_much_is_noticed(tmp_path: Path, symbol: str, code: bytes, complaint: str) -> None:
    run = run_qemu(patched(tmp_path, symbol, code))
    assert any(line.startswith(f"  {complaint}: expected ") for line in run.lines)
    assert re.fullmatch(r"done: \d+ checks, [1-9]\d* failed", run.lines[-1])


def test_command_line_memory_and_initrd_arrive(tmp_path: Path) -> None:
    initrd = tmp_path / "initrd"
    initrd.write_bytes(bytes(range(256)) * 1003)
    run = run_qemu(GUEST, "notests some words", memory_mib=128, initrd=initrd)
    assert "command line: notests some words" in run.machine_lines
    assert f"initrd: {initrd.stat().st_size} bytes, Adler-32 {zlib.adler32(initrd.read_bytes()):x}" in run.machine_lines
    (memory,) = [line.split()[1] for line in run.machine_lines if line.startswith("memory: ")]
    assert 127 * 1024 < int(memory) <= 128 * 1024


def test_it_echoes_what_is_typed() -> None:
    run = run_qemu(GUEST, "notests echo", typed=("echo: type lines", "first line\nquit\n"))
    assert [line for line in run.lines if line.startswith("echo: ")] == [
        "echo: type lines, quit ends",
        "echo: first line",
        "echo: quit",
    ]


def test_it_idles_as_long_as_told() -> None:
    began = time.monotonic()
    run = run_qemu(GUEST, "notests idle=2")
    assert time.monotonic() - began > 1.9
    assert "idle: 2 seconds" in run.lines


def test_a_triple_fault_ends_the_machine() -> None:
    run = run_qemu(GUEST, "notests panic")
    assert run.lines[-1] == "panic: triple fault"
