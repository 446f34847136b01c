"""Every command ends the same way: one line and the right exit status, whatever stops it."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from linker.commands.entry import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[2]
GUEST = ROOT / "fixtures" / "x86_64" / "guest.elf"
LIMIT_S = 60
# What a good call of each is like, that prints something on the standard output.
PRINTING: dict[str, list[str | Path]] = {
    "previrt-link": [GUEST, "--list"],
    "previrt-run": ["--help"],
    "previrt-inspect": [GUEST],
    "previrt-xl": ["--help"],
    "previrt-install": ["--help"],
    "previrt-verify": ["--version"],
    "previrt-boot": ["kexec", "--dry-run", "--kexec", "/bin/true", GUEST, "--append", "x"],
    "previrt-as": ["--print-dir"],
}
# Calls about an image, in front of its name.
ABOUT_IMAGE = {
    "previrt-link": ["-t", "bare"],
    "previrt-run": [],
    "previrt-inspect": [],
    "previrt-xl": ["-l"],
    "previrt-install": ["-t", "bare", "postinst", "6.1.0"],
    "previrt-verify": ["--no-run"],
    "previrt-boot": ["kexec", "-n", "-a", "x"],
}


def command(name: str, *, first: str = "") -> list[str]:
    """What the console script does, behind other statements."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    module, _, function = scripts[name].partition(":")
    program = f"import sys\n{first}\nfrom {module} import {function}\nsys.exit({function}())"
    return [sys.executable, "-c", program]


def run(name: str, arguments: Sequence[object], *, first: str = "", **more: Any) -> subprocess.CompletedProcess[str]:
    words = [os.fsencode(word) if isinstance(word, str | Path) else bytes(str(word), "ascii") for word in arguments]
    more.setdefault("stdout", subprocess.PIPE)
    more["preexec_fn"] = more.get("preexec_fn", lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
    line = [*map(os.fsencode, command(name, first=first)), *words]
    return subprocess.run(
        line, stderr=subprocess.PIPE, text=True, check=False, timeout=LIMIT_S, errors="backslashreplace", **more
    )


def assert_one_line(done: subprocess.CompletedProcess[str], name: str, status: int, *said: str) -> None:
    assert (done.returncode, done.stderr.count("\n"), done.stderr.split(":")[0]) == (status, 1, name), done.stderr
    for part in said:
        assert part in done.stderr


def test_each_command_of_the_project_starts_here() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert {name: module.partition(":")[0] for name, module in scripts.items()} == {
        **dict.fromkeys(COMMANDS, "linker.commands.entry"),
        "previrt-as": "afterburner.cli",
    }
    assert PRINTING.keys() == scripts.keys()


@pytest.mark.parametrize("name", PRINTING)
def test_full_output(name: str) -> None:
    with Path("/dev/full").open("w") as full:
        assert_one_line(run(name, PRINTING[name], stdout=full), name, 1, "standard output", "No space left on device")


@pytest.mark.parametrize("name", PRINTING)
def test_closed_output(name: str) -> None:
    done = run(name, PRINTING[name], preexec_fn=lambda: os.close(1), stdout=None)
    assert_one_line(done, name, 1, "standard output", "Bad file descriptor")


@pytest.mark.parametrize("name", PRINTING)
def test_reader_that_has_gone(name: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = run(name, PRINTING[name], stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (-signal.SIGPIPE, "")


@pytest.mark.parametrize("name", PRINTING)
def test_nobody_listens(name: str) -> None:
    """Closed standard streams change nothing but what is heard."""
    with Path("/dev/full").open("w") as full:
        done = run(name, ["--no-such-option"], preexec_fn=lambda: os.closerange(2, 3))
        assert done.returncode == (2 if name != "previrt-as" else 1)
        line = [*command(name), *map(str, PRINTING[name])]
        assert subprocess.run(line, stdout=full, stderr=full, check=False, timeout=LIMIT_S).returncode == 1


@pytest.mark.parametrize("arguments", [["-t", "bare"], ["-t", "lol", "-v", "--json"], ["-t", "bare", "--in-place"]])
@pytest.mark.parametrize("closed", [False, True])
def test_no_report_no_output(tmp_path: Path, arguments: list[str], closed: bool) -> None:
    guest = tmp_path / "guest"
    shutil.copy(GUEST, guest)
    with Path("/dev/full").open("w") as full:
        how: dict[str, Any] = {"preexec_fn": lambda: os.close(1), "stdout": None} if closed else {"stdout": full}
        assert_one_line(run("previrt-link", [guest, *arguments], **how), "previrt-link", 1, "cannot write")
    assert list(tmp_path.iterdir()) == [guest]
    assert guest.read_bytes() == GUEST.read_bytes()


def test_quiet_needs_no_output(tmp_path: Path) -> None:
    done = run("previrt-link", [GUEST, "-t", "bare", "-q", "-o", tmp_path / "out"], preexec_fn=lambda: os.close(1))
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "out").exists()


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize(("number", "status", "word"), [(2, 130, "interrupted"), (15, 143, "terminated")])
def test_stopped_while_importing(name: str, number: int, status: int, word: str) -> None:
    """The signal comes when argparse is imported, the first of all that takes time."""
    first = f"""
import os
class Stop:
    def find_spec(self, name, path=None, target=None):
        if name == "argparse":
            os.kill(os.getpid(), {number})
sys.meta_path.insert(0, Stop())
"""
    assert_one_line(run(name, ["--help"], first=first), name, status, word)


@pytest.mark.parametrize("name", ABOUT_IMAGE)
@pytest.mark.parametrize(("number", "status", "word"), [(2, 130, "interrupted"), (15, 143, "terminated")])
def test_stopped_at_work(name: str, number: int, status: int, word: str, tmp_path: Path) -> None:
    """The signal comes in a callback, where Python would only print what is raised."""
    first = f"""
import os
class Dropped:
    def __del__(self):
        os.kill(os.getpid(), {number})
class Stop:
    def find_spec(self, name, path=None, target=None):
        if name in ("linker.table.read", "linker.registry", "linker.xl.bootloader"):
            Dropped()
sys.meta_path.insert(0, Stop())
"""
    done = run(name, [*ABOUT_IMAGE[name], GUEST], first=first, cwd=tmp_path)
    assert_one_line(done, name, status, word)
    assert list(tmp_path.iterdir()) == []


def test_ignored_signal_stays_ignored(tmp_path: Path) -> None:
    first = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)"
    ignore = lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)  # noqa: E731 - as a shell starts what has an `&`
    done = run("previrt-link", [GUEST, "-t", "bare", "-o", tmp_path / "out"], first=first, preexec_fn=ignore)
    assert done.returncode == 0


@pytest.mark.parametrize("name", ABOUT_IMAGE)
@pytest.mark.parametrize(
    ("raised", "said"),
    [
        ("MemoryError", "out of memory"),
        ("RecursionError", "nested too deeply"),
        ("OSError(5, 'I/O error')", "I/O error"),
    ],
)
def test_exhausted(name: str, raised: str, said: str) -> None:
    first = f"""
class Stop:
    def find_spec(self, name, path=None, target=None):
        if name in ("linker.table.read", "linker.registry", "linker.xl.bootloader"):
            raise {raised}
sys.meta_path.insert(0, Stop())
"""
    assert_one_line(run(name, [*ABOUT_IMAGE[name], GUEST], first=first), name, 1, said)


def test_out_of_memory_for_real(tmp_path: Path) -> None:
    large = tmp_path / "large"
    shutil.copy(GUEST, large)
    os.truncate(large, 1 << 30)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (512 << 20, 512 << 20))

    done = run("previrt-link", [large, "-t", "bare"], preexec_fn=limit)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ABOUT_IMAGE)
def test_names_that_are_not_text(name: str, tmp_path: Path) -> None:
    missing = Path(os.fsdecode(os.fsencode(tmp_path) + b"/no \xff"))
    done = run(name, [*ABOUT_IMAGE[name], missing])
    assert_one_line(done, name, 1, r"\xff")


def test_image_whose_name_is_not_text(tmp_path: Path) -> None:
    guest = Path(os.fsdecode(os.fsencode(tmp_path) + b"/a \xff"))
    shutil.copy(GUEST, guest)
    for arguments in (["-t", "lol"], ["-t", "lol", "--json", "-v"], ["--list"]):
        done = run("previrt-link", [guest, *arguments])
        assert (done.returncode, done.stderr) == (0, "")
    assert Path(f"{guest}.lol").exists()
    for name in ("previrt-inspect", "previrt-verify"):
        done = run(name, [*ABOUT_IMAGE[name], f"{guest}.lol"])
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("option", ["--only", "--skip", "--target"])
def test_words_that_are_not_text(option: str) -> None:
    target = [] if option == "--target" else ["-t", "bare"]
    done = run("previrt-link", [GUEST, *target, option, os.fsdecode(b"\xff"), "-n"])
    assert_one_line(done, "previrt-link", 2, r"\xff")


@pytest.mark.parametrize("name", COMMANDS)
def test_wrong_usage(name: str) -> None:
    done = run(name, ["--no-such-option"])
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
