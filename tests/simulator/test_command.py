"""The command that runs an image."""

import subprocess
import sys
from pathlib import Path

from guests import EXIT, PROLOGUE, build, vectors


def run_command(*arguments: object) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "simulator", *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, timeout=60)


def test_console_and_status(tmp_path: Path) -> None:
    source = PROLOGUE + "mov r32=0x41\n mov r15=31 ;;\n break 0x80001 ;;\n mov r32=7\n" + EXIT + vectors()
    done = run_command(build(tmp_path, source))
    assert (done.returncode, done.stdout, done.stderr) == (7, b"A", b"")


def test_a_limit_stops_a_loop(tmp_path: Path) -> None:
    done = run_command("--limit", 1000, build(tmp_path, PROLOGUE + "1: br.cond.sptk 1b ;;\n" + vectors()))
    assert done.returncode == 124
    assert b"stopped after" in done.stderr


def test_a_bad_image_is_one_clear_error(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("no ELF")
    for path, word in ((text, b"not an ELF"), (tmp_path / "absent", b"No such file"), (Path(sys.executable), b"ia64")):
        done = run_command(path)
        assert done.returncode == 1
        assert word in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_an_image_larger_than_memory_is_refused(tmp_path: Path) -> None:
    done = run_command("--memory", 1, build(tmp_path, PROLOGUE + vectors()))
    assert done.returncode == 1
    assert b"give the machine more memory" in done.stderr
