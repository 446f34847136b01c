"""The fixture guest as PV dom0 of Xen prints what it prints on bare hardware, and does what its command line asks."""

from __future__ import annotations

import re
import subprocess
import zlib
from pathlib import Path

import pytest
from xen_machine import GUEST, MACHINE_MARK, TRANSCRIPT, Run, run_on_xen

import previrt

TRANSCRIPT_LIMIT_S = 60
TICK_TOLERANCE = 0.1
IDLE_S = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("xen")


@pytest.fixture(scope="module")
def bound(folder: Path) -> Path:
    path = folder / "guest.xen"
    report = previrt.link(GUEST, "xen", output=path)
    assert report.bound == report.sites > 900
    return path


def guest_lines(lines: list[str]) -> list[str]:
    """What is the same on every machine, and not the module's."""
    return [line for line in lines if not line.startswith((MACHINE_MARK, "previrt-xen: "))]


def machine_line(run: Run, name: str) -> str:
    (line,) = [line for line in run.lines if line.startswith(f"{MACHINE_MARK}{name}: ")]
    return line.split(": ", 1)[1]


def test_xen_refuses_the_neutral_guest(folder: Path) -> None:
    run = run_on_xen(GUEST, folder=folder, until="Could not construct domain 0")
    assert any("Will only load images built for the generic loader" in line for line in run.xen_lines)
    assert not run.lines or not any("fixture guest" in line for line in run.lines)


def test_the_transcript_is_that_of_bare_hardware(bound: Path, folder: Path) -> None:
    run = run_on_xen(bound, folder=folder)
    assert guest_lines(run.from_banner()) == guest_lines(TRANSCRIPT.read_text().splitlines())
    assert re.search(r"done: \d+ checks, 0 failed", run.lines[-1])
    assert run.console[-1][0] - run.console[0][0] < TRANSCRIPT_LIMIT_S
    assert run.status == 0, "the machine is off"
    assert "Entering ACPI S5 state" in run.console[-1][1]


def test_sites_that_count_do_the_same(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "guest.xen"
    report = previrt.link(GUEST, "xen", output=path, count=True)
    assert report.uncounted == {"1 bytes hold no jump": 2, "2 bytes hold no jump": 6}
    run = run_on_xen(path, folder=folder)
    assert guest_lines(run.from_banner()) == guest_lines(TRANSCRIPT.read_text().splitlines())


def test_interrupts_come_to_a_sleeping_guest_at_their_rate(bound: Path, folder: Path) -> None:
    """100 interrupts a second at 100 Hz, each of which wakes it, by Xen's clock."""
    run = run_on_xen(bound, f"notests idle={IDLE_S}", folder=folder, own_time=True)
    assert f"idle: {IDLE_S} seconds" in run.lines
    elapsed = run.xen_second_of("Entering ACPI S5") - run.xen_second_of("init memory")
    assert abs(elapsed - IDLE_S) < IDLE_S * TICK_TOLERANCE


def test_flags_cost_no_hypercall(bound: Path, folder: Path) -> None:
    """`bench` does 2,000,000 cli, 1,000,000 each of sti, pushfq and popfq, and 20,000 each of three slow operations."""
    run = run_on_xen(bound, "notests bench previrt-statistics", folder=folder)
    counts = {
        name: (int(count), rest)
        for name, count, rest in re.findall(r"^previrt-xen: (.+): (\d+)(.*)$", "\n".join(run.lines), re.MULTILINE)
    }
    total, rest = counts["hypercalls"]
    assert re.fullmatch(r" in \d+ ms since Xen started", rest)
    assert 60_000 < counts["iret"][0] <= total < 1_000_000, "every way into the module ends with an iret"
    assert not [name for name in counts if name in ("cli", "sti", "pushfq")]
    assert counts.get("popfq, the long way", (0, ""))[0] < 100


def test_memory_command_line_and_initrd_come_through(bound: Path, folder: Path, tmp_path: Path) -> None:
    initrd = tmp_path / "initrd"
    initrd.write_bytes(bytes(range(256)) * 517)
    run = run_on_xen(bound, "notests two words", folder=folder, dom0_mib=96, initrd=initrd)
    assert machine_line(run, "command line") == "notests two words"
    memory_kib = int(machine_line(run, "memory").removesuffix(" KiB"))
    assert 88 * 1024 < memory_kib < 96 * 1024, "the module keeps some"
    checksum = zlib.adler32(initrd.read_bytes())
    assert machine_line(run, "initrd") == f"{initrd.stat().st_size} bytes, Adler-32 {checksum:x}"


def test_it_echoes_what_is_typed(bound: Path, folder: Path) -> None:
    typed = ("echo: type lines", "first line\nquit\n")
    run = run_on_xen(bound, "notests echo", folder=folder, typed=typed)
    assert [line for line in run.lines if line.startswith("echo: ")][1:] == ["echo: first line", "echo: quit"]


def test_a_triple_fault_ends_it_with_a_report(bound: Path, folder: Path) -> None:
    run = run_on_xen(bound, "notests panic", folder=folder, until="Hardware Dom0 crashed")
    report = "\n".join(run.lines)
    assert "previrt-xen: guest stopped: triple fault" in report
    assert "instruction: ud2" in report
    assert re.search(r"at: 0x[0-9a-f]+ <(panic|modes_run)\+0x[0-9a-f]+>", report)
    assert re.search(r"rip [0-9a-f]{16} flg ", report)


def test_started_by_linux_it_says_so(bound: Path) -> None:
    done = subprocess.run([bound], capture_output=True, text=True, timeout=10, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "previrt-xen: this image is bound to xen and must be started by Xen as a PV domain\n"


def test_bound_to_another_target_xen_says_so(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "guest.lol"
    previrt.link(GUEST, "lol", output=other)
    run = run_on_xen(other, folder=folder, until="Could not construct domain 0")
    assert [line for line in run.xen_lines if " ERROR: " in line]
