"""How fast commands start, as ratios to Python's own start, in one run: `python benchmarks/start_speed.py`.

All processes run in turn, so that a noisy machine disturbs all alike; the figures are medians. Python is the one that
runs this, never a shim in front of it. `--check` fails when an aim is missed.
"""

from __future__ import annotations

import argparse
import compileall
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = "import sys; sys.path.insert(0, {root!r}); from linker.commands.entry import {name}; {name}()"
AIMS = {"previrt-link --help": 3, "link of the fixture guest to lol": 8}


def command(name: str, *arguments: str | Path) -> list[str | Path]:
    """What a console script does."""
    return [sys.executable, "-I", "-c", SCRIPT.format(root=str(ROOT), name=name), *arguments]


def run_once(words: list[str | Path]) -> tuple[float, float]:
    """Wall and processor seconds of a process."""
    start = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{words} failed with status {process.returncode}")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime


def main() -> int:
    """Measure and print; the exit status is 1 when `--check` finds an aim missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=21, help="runs of each (default 21)")
    parser.add_argument("--check", action="store_true", help="exit with status 1 when an aim is missed")
    request = parser.parse_args()
    for package in ("linker", "previrt", "afterburner"):
        compileall.compile_dir(ROOT / package, quiet=2)  # as an installed package is
    guest = ROOT / "fixtures" / "x86_64" / "guest.elf"
    missed = False
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "out"
        commands: dict[str, list[str | Path]] = {
            "python -I -c pass": [sys.executable, "-I", "-c", "pass"],
            "previrt-link --help": command("link", "--help"),
            "list of the fixture guest": command("link", guest, "--list"),
            "link of the fixture guest to bare": command("link", guest, "-t", "bare", "-o", out),
            "link of the fixture guest to lol": command("link", guest, "-t", "lol", "-o", out),
        }
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for _ in range(request.runs):
            for name, words in commands.items():
                taken[name].append(run_once(words))
    medians = {name: [median(one) for one in zip(*runs, strict=True)] for name, runs in taken.items()}
    base = medians["python -I -c pass"]
    for name, (wall, processor) in medians.items():
        ratios = wall / base[0], processor / base[1]
        aim = AIMS.get(name)
        said = "" if aim is None else f"  aim < {aim}  {'met' if ratios[0] < aim else 'MISSED'}"
        missed = missed or (aim is not None and ratios[0] >= aim)
        print(f"{name:34} {wall * 1000:7.1f} ms {ratios[0]:6.2f} x, processor {ratios[1]:6.2f} x{said}")
    return int(request.check and missed)


if __name__ == "__main__":
    sys.exit(main())
