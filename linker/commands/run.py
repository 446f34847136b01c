"""`previrt-run IMAGE`: run an image on this machine.

The target an image is bound to knows how it is run: `RUNNERS` in `linker/hypervisors/<target>/__init__.py` names, for
an architecture, a function that turns a `RunRequest` into the command to become. An image that is not bound on disk is
bound in memory first; no file is written.
"""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

from linker.commands.entry import run_command
from linker.commands.options import AUTO, Parser, PrintVersion
from linker.errors import LinkError, UsageError
from linker.hypervisors.runner import RunRequest
from linker.image.memory_file import path_of
from linker.registry import codec_for

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


PROGRAM = "previrt-run"
UNBOUND = ("bare", "lol")  # what an unbound image is run as: the first that there is a runner for
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
    parser = Parser(
        prog=PROGRAM,
        usage="%(prog)s [option(s)] IMAGE",
        description="Run a kernel image: one bound to lol as a process of this machine, ia64 ones on a simulator.",
        epilog="The exit status is 0 when the guest powered off, 130 after Ctrl-C, 1 when the guest was stopped.",
    )
    parser.add_argument("image", type=Path, metavar="IMAGE", help="an image, bound with previrt-link or not")
    parser.add_argument(
        "-t",
        "--target",
        default=AUTO,
        metavar="TARGET",
        help="bind an image that is not bound to this, in memory (default: auto, which is lol; for ia64 images bare)",
    )
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
        help="write counters to FILE, of an image bound with --count or not bound yet",
    )
    parser.add_argument("-V", "--version", nargs=0, action=PrintVersion, help="print the version")
    return parser


def runner_for(target: str, machine: int) -> Callable[[RunRequest], list[str]] | None:
    """What runs an image bound to a target on an architecture; None when nothing here does."""
    from linker.registry import targets

    known = target in targets()
    reference = getattr(import_module(f"linker.hypervisors.{target}"), "RUNNERS", {}).get(machine) if known else None
    if reference is None:
        return None
    module, _, attribute = reference.partition(":")
    return cast("Callable[[RunRequest], list[str]]", getattr(import_module(module), attribute))


def _prepare(image: Path, asked: str, count: bool) -> tuple[str, Callable[[RunRequest], list[str]], int | None]:
    """The target, what runs the image, and the image bound in memory where it was not bound on disk (a descriptor).

    `asked` is a target, or `auto`: as bare where a simulator is the bare machine, else as a process.
    """
    from linker.registry import binding_for, targets
    from linker.table.read import read_bound_to

    machine, bound, _ = read_bound_to(image)
    wanted = (UNBOUND if asked == AUTO else (asked,)) if not bound else (bound,)
    if bound and asked not in (AUTO, bound):
        raise UsageError(
            f"the image is bound to {bound} already",
            where=str(image),
            found=f"--target {asked}",
            advice=f"give the original back first: previrt-link --restore {image}",
        )
    if asked != AUTO:
        binding_for(asked, machine)  # names what there is, if there is no such target
    for target in wanted:
        runner = runner_for(target, machine)
        if runner is not None:
            needs_binding = not bound and (target, asked) != ("bare", AUTO)
            return target, runner, _bind(image, target, count) if needs_binding else None
    raise LinkError(
        f"an image bound to {wanted[0]} does not run as a process of this machine",
        where=str(image),
        found=codec_for(machine).name,
        expected=" or ".join(target for target in targets() if runner_for(target, machine)) or "another architecture",
        advice="previrt-boot starts those for other machines" if not bound else "",
    )


def _bind(image: Path, target: str, count: bool) -> int:
    """The image, bound, in a file in memory; `count`: so that its sites count their runs."""
    from linker.bind.link import link
    from linker.image.memory_file import memory_file

    descriptor = memory_file(image.name)
    link(image, target, output=descriptor, count=count)
    return descriptor


def run(arguments: Sequence[str]) -> int:
    """Become the guest. Returns, or raises LinkError, only when that failed."""
    request = make_parser().parse_args(arguments)
    target, command_for, bound = _prepare(request.image, request.target, request.profile is not None)
    image = request.image if bound is None else Path(path_of(bound))
    command = command_for(
        RunRequest(
            image=image,
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
    program = command[0]
    if bound is not None and program == str(image):
        command[0] = str(request.image)  # what the guest's process is called
    elif bound is not None:
        os.set_inheritable(bound, True)  # a program that opens the image
    try:
        os.execv(program, command)
    except OSError as error:
        raise LinkError(f"cannot be executed: {error.strerror}", where=str(request.image)) from None


main = partial(run_command, PROGRAM, run)

if __name__ == "__main__":
    sys.exit(main())
