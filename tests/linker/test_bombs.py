"""Untrusted files cost what they weigh: every command on every bomb ends in time and memory that its size explains.

Seconds are many times what each takes; what is quadratic, or inflates, takes far more still.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from bombs import BOMBS, MIB

ROOT = Path(__file__).resolve().parents[2]
CPU_S = 30
MEMORY_LEN, MEMORY_TIMES = 320 * MIB, 16  # of address space: Python and its libraries, and so often the file
OUTPUT_LEN, OUTPUT_TIMES = 4 * MIB, 10
FREE = ["link --list -t bare", "link -t bare -nv", "link --restore -n", "inspect -v", "inspect --uncovered"]
BOUND = [
    "link --list",
    "link -t bare -nq --only f",
    "link --restore -n",
    "inspect",
    "verify --no-run",
    "inspect --html",
]
# What is said of those that no command can do anything with.
REFUSED = {
    "notes_over_one_area": ".note.x: note sections share bytes: expected notes that are no longer than the file",
    "imports": ".afterburn.imports: too many hooks: found 500000, expected up to 4096",
    "exports": ".afterburn.exports: too many hooks: found 500000, expected up to 4096",
    "kept_zeros": ".afterburn.original: kept original is larger than the image that was made of it: found 1073741824 ",
    "kept_zeros_that_lie": ".afterburn.original: kept original is damaged: found 1001 bytes or more, expected 1000",
    "our_notes": ": two notes of type 77 in the image: expected one",
    "too_many_segments": "too many program headers: found 200005, expected up to 65535",
    "relocations_of_one_section": "relocation sections share bytes: expected relocations that are no longer than the ",
    "tables_over_one_area": "sections named .afterburn share bytes: expected tables that are no longer than the file",
    "reserve_of_a_terabyte": "note RESERVE: the reserve's text part is not mapped: found ",
}


def run(command: str, path: Path, size: int) -> subprocess.CompletedProcess[bytes]:
    """A command in a process that may have so much and no more."""
    program, *arguments = command.split()
    more = [str(path.with_name("map.html"))] if command.endswith("--html") else []

    def limit() -> None:
        memory_len = MEMORY_LEN + MEMORY_TIMES * size
        resource.setrlimit(resource.RLIMIT_AS, (memory_len, memory_len))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))

    words: list[str | Path] = [sys.executable, "-m", f"linker.commands.{program}", path, *arguments, *more]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, check=False, preexec_fn=limit, timeout=200)
    assert done.returncode in (0, 1, 2, 3), f"{command}: {done.returncode} {done.stderr[-500:]!r}"
    assert b"Traceback" not in done.stderr, done.stderr[-2000:]
    assert b"out of memory" not in done.stderr, command
    assert len(done.stdout) + len(done.stderr) <= OUTPUT_LEN + OUTPUT_TIMES * size, command
    return done


@pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: bomb.__name__)
def test_costs_what_it_weighs(bomb: Callable[[], bytes], tmp_path: Path) -> None:
    path = tmp_path / "bomb"
    contents = bomb()
    path.write_bytes(contents)
    size = len(contents)
    assert size <= 26_000_000
    said = REFUSED.get(bomb.__name__)
    for command in FREE:
        done = run(command, path, size)
        if said is None and "restore" not in command:
            assert done.returncode == 0, done.stderr[-500:]
        elif said is not None and command == "link -t bare -nv":
            assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
            assert said in done.stderr.decode()
    if said is None:
        assert run("link -t bare -iq", path, size).returncode == 0
        for command in BOUND:
            run(command, path, size)
        assert run("link --restore -iq", path, size).returncode == 0
        assert path.read_bytes() == contents
