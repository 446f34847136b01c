"""What binding at boot costs, measured in one run: `python benchmarks/boot_speed.py [DIRECTORY]`.

DIRECTORY has vmlinux and initramfs.cpio, as `fixtures/linux/build.sh` leaves them. Three boots in turn, each to the
kernel's first line on the console: QEMU alone; QEMU started paused by previrt-boot, bound, continued; and, for what a
process costs, previrt-boot that ends at once. Medians. `--check` fails when the aim is missed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LINUX = ROOT / ".cache" / "linux" / "x86_64-small-afterburned"
AIM_MS, AIM_SITES = 50, 3000
FIRST_LINE = b"Linux version"
MICROVM = ["-M", "microvm,pic=on,pit=on,rtc=on", "-nographic", "-m", "256", "-no-reboot"]
APPEND = "console=ttyS0 earlyprintk=ttyS0 reboot=t panic=-1"


def to_first_line_ms(command: list[str]) -> float:
    """Milliseconds from the process's start to the kernel's first line; the boot is then ended."""
    start = time.perf_counter()
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT
    ) as process:
        if process.stdout is None:
            raise AssertionError("a pipe was asked for")
        for line in process.stdout:
            if FIRST_LINE in line:
                break
        else:
            raise SystemExit(f"{command[0]} ended without a line of the kernel")
        elapsed = time.perf_counter() - start
        process.terminate()
        process.stdout.read()
    return elapsed * 1000


def main() -> int:
    """Measure and print; the exit status is 1 when `--check` finds the aim missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", nargs="?", type=Path, default=LINUX, metavar="DIRECTORY")
    parser.add_argument("--runs", type=int, default=10, help="boots of each kind (default 10)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--check", action="store_true", help="exit with status 1 when the aim is missed")
    request = parser.parse_args()
    kernel = ["-kernel", str(request.directory / "vmlinux"), "-initrd", str(request.directory / "initramfs.cpio")]
    qemu = [*MICROVM, *kernel, "-append", APPEND]
    previrt_boot = [sys.executable, "-m", "linker.commands.boot"]
    alone, bound, process, paused, patched = [], [], [], [], []
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "report"
        for _ in range(request.runs):
            alone.append(to_first_line_ms(["qemu-system-x86_64", *qemu]))
            bound.append(to_first_line_ms([*previrt_boot, "qemu", "--report", str(report), "--", *qemu]))
            (said,) = map(json.loads, report.read_text().splitlines())
            paused.append(said["paused_ms"])
            patched.append(said["patch_ms"])
            start = time.perf_counter()
            subprocess.run([*previrt_boot, "--version"], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
            process.append((time.perf_counter() - start) * 1000)
    scaled = statistics.median(paused) * AIM_SITES / said["sites"]
    figures = {
        "QEMU alone, to the first line": statistics.median(alone),
        "previrt-boot qemu, to the first line": statistics.median(bound),
        "previrt-boot --version": statistics.median(process),
        f"memory compared and bound, {said['sites']} sites": statistics.median(patched),
        f"QEMU paused to patched and running, {said['sites']} sites": statistics.median(paused),
        f"the same for {AIM_SITES} sites": scaled,
    }
    if request.json:
        print(json.dumps({"milliseconds": figures, "aim": AIM_MS, "met": scaled < AIM_MS}, indent=2))
    else:
        width = max(map(len, figures))
        for name, value in figures.items():
            print(f"{name:{width}}  {value:8.2f} ms")
        print(f"aim < {AIM_MS} ms: {'met' if scaled < AIM_MS else 'MISSED'}")
    return int(request.check and scaled >= AIM_MS)


if __name__ == "__main__":
    sys.exit(main())
