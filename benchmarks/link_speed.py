"""How fast the linker is, as ratios measured in one run: `python benchmarks/link_speed.py [IMAGE]`.

IMAGE is an annotated kernel, by default the Linux that `fixtures/linux/build.sh` builds; the million synthetic sites
are of its architecture. Each whole-process figure is the best of several runs taken in turn, so that a noisy machine
disturbs all alike. `--check` fails when an aim is missed.
"""

from __future__ import annotations

import argparse
import compileall
import json
import mmap
import os
import resource
import subprocess
import sys
import tempfile
import time
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from linker.table.guest import GuestTable

ROOT = Path(__file__).resolve().parents[1]
LINUX = ROOT / ".cache" / "linux" / "small-afterburned" / "vmlinux"
SYNTHETIC_SITES = 1_000_000
SYNTHETIC_VA = 0x400000
AIM_SITES = 3000
LIEF_SCRIPT = "import lief, sys; lief.logging.disable(); lief.ELF.parse(sys.argv[1]).write(sys.argv[2])"
LINK_SCRIPT = "import sys; from linker.commands.link import main; sys.exit(main())"


class Figure(NamedTuple):
    """One measurement; `aim` is the most `value` may be, None where there is no aim."""

    name: str
    value: float
    unit: str
    aim: float | None = None

    @property
    def is_met(self) -> bool:
        """Whether the aim, if there is one, was reached."""
        return self.aim is None or self.value < self.aim


def run_process(arguments: list[str | Path]) -> tuple[float, int]:
    """Seconds and peak resident KiB of a whole process."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    start = time.perf_counter()
    process = subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    elapsed = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{arguments[0]} failed with status {process.returncode}")
    return elapsed, usage.ru_maxrss


def best_of(runs: int, measure: Callable[[], float]) -> float:
    """The smallest of several measurements."""
    return min(measure() for _ in range(runs))


def measure_processes(image: Path, runs: int) -> list[Figure]:
    """Whole processes on files, in turn."""
    compileall.compile_dir(ROOT / "linker", quiet=2)  # as an installed package is
    with tempfile.TemporaryDirectory(dir=image.parent) as directory:
        out = Path(directory) / "out"
        commands: dict[str, list[str | Path]] = {
            "cp": ["cp", image, out],
            "lief": [sys.executable, "-c", LIEF_SCRIPT, image, out],
            "bare": [sys.executable, "-c", LINK_SCRIPT, image, "-t", "bare", "-q", "-o", out],
            "lol": [sys.executable, "-c", LINK_SCRIPT, image, "-t", "lol", "--anyway", "-q", "-o", out],
        }
        seconds = dict.fromkeys(commands, float("inf"))
        peaks = dict.fromkeys(commands, 0)
        for _ in range(runs):
            for name, command in commands.items():
                elapsed, peak = run_process(command)
                seconds[name] = min(seconds[name], elapsed)
                peaks[name] = max(peaks[name], peak)
                out.unlink()
    size_kib = image.stat().st_size / 1024
    return [
        Figure("cp of the image", seconds["cp"] * 1000, "ms"),
        Figure("LIEF parse+write, whole process", seconds["lief"] * 1000, "ms"),
        Figure("previrt-link to bare, whole process", seconds["bare"] * 1000, "ms", 150),
        Figure("previrt-link to lol, whole process", seconds["lol"] * 1000, "ms"),
        Figure("previrt-link to bare / cp", seconds["bare"] / seconds["cp"], "x"),
        Figure("previrt-link to bare / LIEF", seconds["bare"] / seconds["lief"], "x", 0.5),
        Figure("peak memory of previrt-link to bare / image", peaks["bare"] / size_kib, "x", 3),
        Figure("peak memory of previrt-link to lol / image", peaks["lol"] / size_kib, "x"),
    ]


def measure_memory(image: Path, runs: int) -> list[Figure]:
    """Binding a loaded guest, scaled to AIM_SITES sites for the aim."""
    import previrt

    table = previrt.read_table(image)
    data = image.read_bytes()
    load_map = [tuple(window) for window in table.image.windows]
    sites = len(table.annotations.starts_va)

    def once(target: str) -> float:
        with mmap.mmap(-1, len(data)) as memory:
            memory[:] = data
            start = time.perf_counter()
            previrt.link_buffer(memory, load_map, target, table=table, anyway=True)  # type: ignore[arg-type]
            return time.perf_counter() - start

    bare, lol = (best_of(runs, lambda target=target: once(target)) for target in ("bare", "lol"))  # type: ignore[misc]
    return [
        Figure(f"in memory to bare, {sites} sites", bare * 1000, "ms"),
        Figure(f"in memory to bare, for {AIM_SITES} sites", bare * 1000 * AIM_SITES / sites, "ms", 5),
        Figure(f"in memory to lol, {sites} sites", lol * 1000, "ms"),
    ]


class Synthetic(NamedTuple):
    """What the synthetic guest of an architecture is made of: sites in turn, and the bytes they end at."""

    instructions: tuple[str, ...]
    site_len: int
    stride: int
    gap: bytes


SYNTHETIC = {
    # cli; hlt; mov %cr3, %rax
    62: Synthetic(("fa", "f4", "0f20d8"), 8, 16, b"\xcc"),
    # { .mfi; ssm 0x4000; nop.f 0; nop.i 0 }, rsm 0x4000, mov r8=psr
    50: Synthetic(
        (
            "0c000002060000000002000000000400",
            "0c000002070000000002000000000400",
            "0c400000250400000002000000000400",
        ),
        32,
        32,
        b"",
    ),
}


def synthetic_table(machine: int, count: int) -> tuple[mmap.mmap, GuestTable]:
    """A guest of nothing but sites."""
    from linker.image.read import Image, Section
    from linker.image.windows import Window
    from linker.registry import codec_for
    from linker.table.guest import GuestTable
    from linker.table.read import Annotations

    codec, made = codec_for(machine), SYNTHETIC[machine]
    codes = [bytes.fromhex(code) for code in made.instructions]
    codes = [code + codec.padding(made.site_len - len(code)) for code in codes]
    codes = [code + made.gap * (made.stride - len(code)) for code in codes]
    length = count * made.stride
    memory = mmap.mmap(-1, length)
    memory[:] = (b"".join(codes) * (count // len(codes) + 1))[:length]
    starts = array("Q", range(SYNTHETIC_VA, SYNTHETIC_VA + length, made.stride))
    ends = array("Q", range(SYNTHETIC_VA + made.site_len, SYNTHETIC_VA + made.site_len + length, made.stride))
    image = Image(
        machine=machine,
        word_len=8,
        entry_va=SYNTHETIC_VA,
        sections=(Section(".text", "SHT_PROGBITS", 6, SYNTHETIC_VA, 0, length, 0, 0),),
        windows=(Window(SYNTHETIC_VA, length, 0),),
        loads=(),
        notes=(),
        size=length,
    )
    annotations = Annotations(
        starts_va=starts.tolist(),
        ends_va=ends.tolist(),
        numbers=range(count),
        kinds=None,
        record_count=count,
        dropped=0,
        undo=None,
        undo_pieces=(),
        bound=None,
        bound_note=None,
        space=None,
        reserve=None,
        left_tables=(),
    )
    return memory, GuestTable(image, annotations, codec, None)


def measure_synthetic(machine: int, count: int) -> list[Figure]:
    """A million sites: all checks, decoding, planning, writing and verifying, in memory."""
    import previrt
    from linker.plan.check import check_records

    def once() -> float:
        memory, table = synthetic_table(machine, count)
        with memory:
            start = time.perf_counter()
            check_records(table.annotations, table.image, table.codec)
            report = previrt.link_buffer(memory, [(SYNTHETIC_VA, len(memory), 0)], "bare", table=table)
            elapsed = time.perf_counter() - start
            if report.bound != count:
                raise SystemExit("the synthetic guest was not bound")
            return elapsed

    return [Figure(f"{count} synthetic sites", best_of(3, once), "s", 1)]


def machine_of(image: Path) -> int:
    """The ELF machine number of an image."""
    from linker.table.read import read_bound_to

    return read_bound_to(image).machine


def print_table(figures: list[Figure]) -> None:
    """The figures for a person."""
    width = max(len(figure.name) for figure in figures)
    for figure in figures:
        aim = "" if figure.aim is None else f"  aim < {figure.aim:g}  {'met' if figure.is_met else 'MISSED'}"
        print(f"{figure.name:{width}}  {figure.value:8.2f} {figure.unit:2}{aim}")


def main() -> int:
    """Measure everything and print it; the exit status is 1 when `--check` finds an aim missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("image", nargs="?", type=Path, default=LINUX, metavar="IMAGE")
    parser.add_argument("--runs", type=int, default=10, help="runs of each whole process (default 10)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--check", action="store_true", help="exit with status 1 when an aim is missed")
    request = parser.parse_args()
    if not request.image.exists():
        parser.error(f"{request.image} is not there; fixtures/linux/build.sh builds it")
    sys.path.insert(0, str(ROOT))
    figures = measure_processes(request.image, request.runs)
    figures += measure_memory(request.image, 2 * request.runs)
    figures += measure_synthetic(machine_of(request.image), SYNTHETIC_SITES)
    if request.json:
        load = os.getloadavg()[0]
        rows = [{**figure._asdict(), "met": figure.is_met} for figure in figures]
        print(json.dumps({"figures": rows, "load_average": load, "peak_kib": peak_kib()}, indent=2))
    else:
        print_table(figures)
    return int(request.check and not all(figure.is_met for figure in figures))


def peak_kib() -> int:
    """Peak resident KiB of this process, the million sites included."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    sys.exit(main())
