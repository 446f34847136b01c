"""`previrt-run IMAGE`: run an image on this machine.

The target an image is bound to knows how it is run: `RUNNERS` in `linker/hypervisors/<target>/__init__.py` names, for
an architecture, a function that turns a `Request` into the command to become. An image not bound runs as bare does.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from linker.errors import LinkError, UsageError
from linker.options import PrintVersion
from linker.registry import codec_for

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Request(NamedTuple):
    """What to run: sizes in bytes, paths as the user gave them, None where nothing was said."""

    image: Path
    target: str
    memory_len: int | None
    initrd: Path | None
    console: Path | None
    command_line: str
    statistics: bool
    profile: Path | None
    nodes: int | None


MEBIBYTE = 1 << 20
SIZE_SUFFIXES = {"": MEBIBYTE, "K": 1 << 10, "M": MEBIBYTE, "G": 1 << 30}


def _size(text: str) -> int:
    digits = text.rstrip("kKmMgG")
    suffix = text[len(digits) :].upper()
    if not digits.isdecimal() or suffix not in SIZE_SUFFIXES:
        raise argparse.ArgumentTypeError(f"'{text}' is not a size (64M, 1G)")
    return int(digits) * SIZE_SUFFIXES[suffix]


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="previrt-run",
        usage="%(prog)s [option(s)] IMAGE",
        description="Run a kernel image: one bound to lol as a process of this machine, ia64 ones on a simulator.",
        epilog="The exit status is 0 when the guest powered off, 130 after Ctrl-C, 1 when the guest was stopped.",
        allow_abbrev=False,
    )
    parser.add_argument("image", type=Path, metavar="IMAGE", help="an image, bound with previrt-link or not")
    parser.add_argument("-n", "--nodes", type=int, metavar="N", help="nodes of the cluster, for vnuma (default 1)")
    parser.add_argument("-m", "--memory", type=_size, metavar="SIZE", help="guest memory (default 64M; ia64 256M)")
    parser.add_argument("-i", "--initrd", type=Path, metavar="FILE", help="initial RAM disk")
    parser.add_argument("-a", "--append", default="", metavar="TEXT", help="the guest's command line")
    parser.add_argument("-o", "--console", type=Path, metavar="FILE", help="console output goes to FILE, not to stdout")
    parser.add_argument("--statistics", action="store_true", help="say at the end what the monitor counted")
    parser.add_argument(
        "--profile",
        type=Path,
        metavar="FILE",
        help="of an image bound with --count: write the counters to FILE",
    )
    parser.add_argument("-V", "--version", nargs=0, action=PrintVersion, help="print the version")
    return parser


def runner_for(image: Path) -> tuple[str, Callable[[Request], list[str]]]:
    """The target an image is bound to and what runs it; LinkError when nothing here does."""
    from linker.read_annotations import read_bound_to

    machine, bound, _ = read_bound_to(image)
    target = bound or "bare"
    reference = getattr(import_module(f"linker.hypervisors.{target}"), "RUNNERS", {}).get(machine)
    if reference is None:
        raise LinkError(
            f"an image bound to {bound} does not run as a process of this machine"
            if bound
            else "image is not bound to a target",
            where=str(image),
            found=codec_for(machine).name,
            expected="an image bound to a target that does",
            advice=f"previrt-link {image} --target lol -o OUT",
        )
    module, _, attribute = reference.partition(":")
    return target, cast("Callable[[Request], list[str]]", getattr(import_module(module), attribute))


def main(arguments: Sequence[str] | None = None) -> int:
    """Become the guest. Returns an exit status only when that failed."""
    request = make_parser().parse_args(arguments)
    try:
        target, command_for = runner_for(request.image)
        command = command_for(
            Request(
                image=request.image,
                target=target,
                memory_len=request.memory,
                initrd=request.initrd,
                console=request.console,
                command_line=request.append,
                statistics=request.statistics,
                profile=request.profile,
                nodes=request.nodes,
            )
        )
        os.execv(command[0], command)
    except LinkError as error:
        print(f"previrt-run: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    except OSError as error:
        print(f"previrt-run: {request.image}: cannot be executed: {error.strerror}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
