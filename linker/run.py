"""`previrt-run IMAGE`: run a bound image on this machine.

The target an image is bound to knows how it is run: `RUNNER` in `linker/hypervisors/<target>/__init__.py` names a
function that turns a `Request` into the command to become.
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

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Request(NamedTuple):
    """What to run: sizes in bytes, paths as the user gave them, None where nothing was said."""

    image: Path
    memory_len: int | None
    initrd: Path | None
    console: Path | None
    command_line: str
    statistics: bool


MEBIBYTE = 1 << 20
SIZE_SUFFIXES = {"": MEBIBYTE, "K": 1 << 10, "M": MEBIBYTE, "G": 1 << 30}


def _size(text: str) -> int:
    digits = text.rstrip("kKmMgG")
    suffix = text[len(digits) :].upper()
    if not digits.isdecimal() or suffix not in SIZE_SUFFIXES:
        raise argparse.ArgumentTypeError(f"'{text}' is not a size (64M, 1G)")
    return int(digits) * SIZE_SUFFIXES[suffix]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="previrt-run",
        usage="%(prog)s [option(s)] IMAGE",
        description="Run a bound kernel image as a process of this machine.",
        epilog="The exit status is 0 when the guest powered off, 130 after Ctrl-C, 1 when the guest was stopped.",
        allow_abbrev=False,
    )
    parser.add_argument("image", type=Path, metavar="IMAGE", help="an image bound with previrt-link")
    parser.add_argument("-m", "--memory", type=_size, metavar="SIZE", help="guest memory (default 64M)")
    parser.add_argument("-i", "--initrd", type=Path, metavar="FILE", help="initial RAM disk")
    parser.add_argument("-a", "--append", default="", metavar="TEXT", help="the guest's command line")
    parser.add_argument("-o", "--console", type=Path, metavar="FILE", help="console output goes to FILE, not to stdout")
    parser.add_argument("--statistics", action="store_true", help="say at the end how many host system calls were made")
    parser.add_argument("-V", "--version", nargs=0, action=PrintVersion, help="print the version")
    return parser


def command_for(request: Request) -> list[str]:
    """The command that runs the image; LinkError when it is not bound to a target that runs here."""
    from linker.read_annotations import read_bound_target

    target = read_bound_target(request.image)
    if target is None:
        raise LinkError(
            "image is not bound to a target",
            where=str(request.image),
            expected="an image bound to a target that runs as a process",
            advice=f"previrt-link {request.image} --target lol",
        )
    reference = getattr(import_module(f"linker.hypervisors.{target}"), "RUNNER", None)
    if reference is None:
        raise LinkError(
            "the image's target does not run as a process of this machine",
            where=str(request.image),
            found=target,
            advice=f"previrt-link {request.image} --target lol -o OUT",
        )
    module, _, attribute = reference.partition(":")
    runner = cast("Callable[[Request], list[str]]", getattr(import_module(module), attribute))
    return runner(request)


def main(arguments: Sequence[str] | None = None) -> int:
    """Become the guest. Returns an exit status only when that failed."""
    request = _parser().parse_args(arguments)
    try:
        command = command_for(
            Request(
                image=request.image,
                memory_len=request.memory,
                initrd=request.initrd,
                console=request.console,
                command_line=request.append,
                statistics=request.statistics,
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
