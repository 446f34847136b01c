"""Command line: run a static ia64 ELF image; console to stdout, status from its exit call."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

from simulator.monitors import EXIT_BAD_IMAGE, EXIT_LIMIT, MONITORS, Settings

if TYPE_CHECKING:
    from collections.abc import Callable


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="simulator", description="Run a static ia64 ELF image. The exit status is the image's own."
    )
    parser.add_argument("image", type=Path, metavar="IMAGE")
    parser.add_argument(
        "--monitor", choices=sorted(MONITORS), default="bare", help="what runs below the image (default: bare)"
    )
    parser.add_argument("--nodes", type=int, default=1, metavar="N", help="nodes of a cluster (default: 1)")
    parser.add_argument(
        "--memory", type=int, default=256, metavar="MIB", help="RAM in MiB from address 0 (default: 256)"
    )
    parser.add_argument(
        "--limit", type=int, default=1 << 62, metavar="N", help="stop after about N instructions, status 124"
    )
    parser.add_argument("--stats", action="store_true", help="say on stderr what was executed, and how fast")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = _parser().parse_args(arguments)

    from simulator.image import ImageError

    def put(data: bytes) -> None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def report(text: str) -> None:
        print(f"simulator: {text}", file=sys.stderr)

    module, _, attribute = MONITORS[options.monitor].partition(":")
    run = cast("Callable[[Settings], int]", getattr(import_module(module), attribute))
    try:
        status = run(
            Settings(
                image=options.image,
                put=put,
                memory_len=options.memory << 20,
                limit=options.limit,
                nodes=options.nodes,
                report=report if options.stats else None,
            )
        )
    except (ImageError, OSError) as error:
        print(f"simulator: {error}", file=sys.stderr)
        return EXIT_BAD_IMAGE
    if status == EXIT_LIMIT:
        print(f"simulator: stopped after {options.limit} instructions", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
