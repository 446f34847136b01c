"""Command line: run a bare static ia64 ELF image; console to stdout, status from its exit call."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

EXIT_BAD_IMAGE = 1
EXIT_LIMIT = 124


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="simulator", description="Run a bare static ia64 ELF image. The exit status is the image's own."
    )
    parser.add_argument("image", type=Path, metavar="IMAGE")
    parser.add_argument(
        "--memory", type=int, default=256, metavar="MIB", help="RAM in MiB from address 0 (default: 256)"
    )
    parser.add_argument(
        "--limit", type=int, default=1 << 62, metavar="N", help="stop after about N instructions, status 124"
    )
    parser.add_argument("--stats", action="store_true", help="say on stderr how many instructions ran, and how fast")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    import time

    options = _parser().parse_args(arguments)

    from simulator import ssc
    from simulator.image import ImageError, load_image
    from simulator.machine import Machine, Stopped
    from simulator.uart import Uart

    def put(data: bytes) -> None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    machine = Machine(options.memory << 20)
    ssc.attach(machine, put)
    machine.memory.devices.append(Uart(put))
    try:
        load_image(machine, options.image)
    except (ImageError, OSError) as error:
        print(f"simulator: {error}", file=sys.stderr)
        return EXIT_BAD_IMAGE
    start_s = time.monotonic()
    try:
        machine.run(options.limit)
        status = EXIT_LIMIT
        print(f"simulator: stopped after {machine.cycles} instructions at {machine.cpu.ip:#x}", file=sys.stderr)
    except Stopped as stopped:
        status = stopped.status
    if options.stats:
        elapsed_s = time.monotonic() - start_s
        print(f"simulator: {machine.cycles} instructions, {machine.cycles / elapsed_s:.0f} a second", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
