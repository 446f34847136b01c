"""The fixture guest under LoL prints what it prints on bare hardware, and does what its command line asks."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest
from asmguest import ROOT

import previrt

GUEST = ROOT / "fixtures" / "x86_64" / "guest.elf"
TRANSCRIPT = ROOT / "fixtures" / "x86_64" / "transcript.txt"
MACHINE_MARK = "~"


@pytest.fixture(scope="module")
def bound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fixture") / "guest.lol"
    report = previrt.link(GUEST, "lol", output=path)
    assert report.bound == report.sites > 900
    return path


def previrt_run(*arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "linker.commands.run", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)


def lines(text: str, *, of_the_machine: bool = False) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(MACHINE_MARK) == of_the_machine]


def machine_line(text: str, name: str) -> str:
    (line,) = [line for line in lines(text, of_the_machine=True) if line.startswith(f"{MACHINE_MARK} {name}: ")]
    return line.split(": ", 1)[1]


def test_the_transcript_is_that_of_bare_hardware(bound: Path) -> None:
    done = subprocess.run([bound], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert lines(done.stdout) == lines(TRANSCRIPT.read_text())
    assert re.search(r"done: \d+ checks, 0 failed", done.stdout)


def test_previrt_run_hands_over_memory_command_line_and_initrd(bound: Path, tmp_path: Path) -> None:
    initrd = tmp_path / "initrd"
    initrd.write_bytes(bytes(range(256)) * 517)
    done = previrt_run(bound, "--memory", "96M", "--initrd", initrd, "--append", "notests  two words")
    assert done.returncode == 0, done.stderr
    assert machine_line(done.stdout, "command line") == "notests two words"
    memory_kib = int(machine_line(done.stdout, "memory").removesuffix(" KiB"))
    assert 95 * 1024 < memory_kib <= 96 * 1024
    checksum = zlib.adler32(initrd.read_bytes())
    assert machine_line(done.stdout, "initrd") == f"{initrd.stat().st_size} bytes, Adler-32 {checksum:x}"


def test_the_console_can_go_to_a_file(bound: Path, tmp_path: Path) -> None:
    console = tmp_path / "console"
    done = previrt_run(bound, "--console", console, "--append", "notests", "--statistics")
    assert (done.returncode, done.stdout) == (0, "")
    assert "previrt fixture guest" in console.read_text()
    assert "host system calls" in done.stderr


def test_it_echoes_what_is_typed(bound: Path) -> None:
    done = previrt_run(bound, "--append", "notests echo", stdin="first line\nsecond\nquit\n")
    assert [line for line in done.stdout.splitlines() if line.startswith("echo: ")] == [
        "echo: type lines, quit ends",
        "echo: first line",
        "echo: second",
        "echo: quit",
    ]


def test_its_seconds_are_seconds(bound: Path) -> None:
    began = time.monotonic()
    assert previrt_run(bound, "--append", "notests idle=2").returncode == 0
    assert 1.9 < time.monotonic() - began < 10, "a busy host may take longer, never less"


def test_a_triple_fault_ends_it_with_a_report(bound: Path) -> None:
    done = previrt_run(bound, "--append", "notests panic")
    assert done.returncode == 1
    assert "guest stopped: triple fault" in done.stderr


def test_previrt_run_refuses_what_it_cannot_run(bound: Path, tmp_path: Path) -> None:
    bare = tmp_path / "guest.bare"
    previrt.link(GUEST, "bare", output=bare)
    not_executable = tmp_path / "plain"
    not_executable.write_bytes(bound.read_bytes())
    for image, message, status in (
        (bare, "does not run as a process", 1),
        (not_executable, f"chmod +x {not_executable}", 1),
        (tmp_path / "absent", "No such file", 1),
        (tmp_path, "is a directory", 1),
    ):
        done = previrt_run(image)
        assert (done.returncode, done.stdout) == (status, ""), image
        assert message in done.stderr
        assert "Traceback" not in done.stderr
    done = previrt_run(bound, "--memory", "1M")
    assert (done.returncode, "16M to 16G" in done.stderr) == (2, True)
    assert previrt_run(bound, "--memory", "huge").returncode == 2
    assert previrt_run().returncode == 2
