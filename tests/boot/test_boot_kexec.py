"""previrt-boot kexec: what kexec is called with, what it reads, and what becomes of its failure.

A kernel that is really started is in tests/linux/test_linux_kexec.py.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from boot_qemu import GUEST, ROOT

import previrt

KEEPER = """#!/bin/sh
for word; do printf '%s\\n' "$word" >>"$0.words"; file=$word; done
cat "$file" >"$0.image"
"""


def previrt_boot(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "linker.commands.boot", "kexec", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def keeper(tmp_path: Path) -> Path:
    """In kexec's place: keeps its words, and what is in the file that the last one names."""
    program = tmp_path / "keeper"
    program.write_text(KEEPER)
    program.chmod(0o755)
    return program


def test_what_kexec_reads_is_the_bound_file(keeper: Path, tmp_path: Path) -> None:
    before = GUEST.read_bytes()
    initrd = tmp_path / "initrd"
    initrd.write_bytes(b"x")
    done = previrt_boot(GUEST, "--kexec", keeper, "--append", "a  b", "--initrd", initrd, "--", "--mem-min=0x1000")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    previrt.link(GUEST, "bare", output=tmp_path / "bound")
    assert Path(f"{keeper}.image").read_bytes() == (tmp_path / "bound").read_bytes()
    words = Path(f"{keeper}.words").read_text().splitlines()
    expected = ["-l", "--type=elf-x86_64", "--args-linux", "--append=a  b", f"--initrd={initrd}", "--mem-min=0x1000"]
    assert words[:-1] == expected
    assert re.fullmatch(r"/proc/self/fd/\d+", words[-1])
    assert GUEST.read_bytes() == before


def test_the_command_line_is_given_or_configured_or_this_boots_own(tmp_path: Path) -> None:
    config = tmp_path / "previrt.toml"
    config.write_text('[kexec]\nprogram = "/sbin/kexec"\nappend = "from file"\n')
    cases: tuple[tuple[list[str | Path], str, str], ...] = (
        ([], "kexec", "--reuse-cmdline"),
        (["--config", config], "/sbin/kexec", "'--append=from file'"),
        (["--config", config, "--append", "x"], "/sbin/kexec", "--append=x"),
    )
    for options, first, said in cases:
        done = previrt_boot(GUEST, "--dry-run", *options)
        assert done.returncode == 0, done.stderr
        assert re.fullmatch(rf"{first} -l \S+ --args-linux {said} /proc/self/fd/\d+\n", done.stdout)


def test_kexec_itself_understands_the_command(tmp_path: Path) -> None:
    """Up to its system call, which strace makes fail: nothing is loaded here. The segments of the kernel are where its
    program headers say."""
    trace = tmp_path / "trace"
    strace = ["strace", "-f", "-o", str(trace), "-e", "trace=kexec_load", "-e", "inject=kexec_load:error=EPERM"]
    command = [*strace, sys.executable, "-m", "linker.commands.boot", "kexec", str(GUEST), "--append", "x"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "kexec_load failed: Operation not permitted" in done.stderr
    assert "previrt-boot: kexec did not load the image: found status 255, expected 0" in done.stderr
    called = trace.read_text()
    for load in previrt.read_table(GUEST).image.loads:
        assert re.search(rf"bufsz={load.len}, mem={load.pa:#x}, ", called), "rounded up to pages"


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ([GUEST, "--target", "xen"], 2, "a kernel bound to xen is not started by previrt-boot kexec: expected bare"),
        ([GUEST, "--kexec", "nowhere"], 2, "cannot run nowhere: No such file or directory; install kexec-tools"),
        ([GUEST, "--kexec", "false"], 1, "false did not load the image: found status 1"),
        ([GUEST, "--initrd", "nowhere"], 2, "nowhere: no such initial RAM disk"),
        ([ROOT / "fixtures" / "ia64" / "guest.elf"], 1, "kexec starts no such image here: found ia64, expected x86_64"),
        ([__file__], 1, "not an ELF file"),
        (["nowhere"], 1, "nowhere: cannot open"),
    ],
)
def test_what_cannot_be_loaded(arguments: list[str | Path], status: int, message: str) -> None:
    done = previrt_boot(*arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_an_image_bound_to_another_target_is_refused(tmp_path: Path) -> None:
    previrt.link(GUEST, "lol", output=tmp_path / "bound")
    done = previrt_boot(tmp_path / "bound", "--dry-run")
    assert (done.returncode, done.stdout) == (1, "")
    assert "bound: already bound to lol: expected an image as annotated" in done.stderr
