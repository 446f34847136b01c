"""`previrt-boot qemu|kexec ...`: start a kernel that is unbound on disk, bound.

Everything heavy is imported when the arguments are known to be good.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

from linker.commands.entry import run_command
from linker.commands.options import AUTO, Parser, PrintVersion
from linker.commands.say import say, warn
from linker.errors import LinkError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from linker.boot.qemu_boot import GuestBinding
    from linker.commands.config import Config

PROGRAM = "previrt-boot"
TARGETS = ("bare",)  # a machine of QEMU is hardware, and what kexec starts has the machine to itself
MACHINE_END_OFF = 20  # behind e_machine in the ELF header of either class
QEMU_PROGRAMS = {3: "qemu-system-i386", 62: "qemu-system-x86_64"}  # by e_machine: EM_386, EM_X86_64


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = Parser(
        prog=PROGRAM,
        usage="%(prog)s COMMAND [option(s)] ...",
        description="Start a kernel that is unbound on disk, bound to what it runs on.",
    )
    parser.add_argument("-V", "--version", nargs=0, action=PrintVersion, help="print the version")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_qemu(commands)
    _add_kexec(commands)
    return parser


def _add_qemu(commands: argparse._SubParsersAction[Parser]) -> None:
    qemu = commands.add_parser(
        "qemu",
        prog=f"{PROGRAM} qemu",
        help="bind the guest in QEMU's memory, before it runs and after every reset",
        usage="%(prog)s [option(s)] -- QEMU-ARGUMENT ...",
        description="Start QEMU paused, bind its kernel in memory, let it run; again after every reset.",
        epilog="The exit status is QEMU's own, 128 + N when signal N ended it; 1 when the kernel cannot be bound as "
        "asked (QEMU has been ended then, the guest did not run), 2 for wrong usage.",
    )
    qemu.add_argument(
        "-k", "--kernel", type=Path, metavar="FILE", help="the annotated ELF image (default: QEMU's -kernel)"
    )
    qemu.add_argument("--qemu", metavar="PROGRAM", help="the QEMU to run (default: qemu-system-x86_64)")
    qemu.add_argument("--report", type=Path, metavar="FILE", help="write a line of JSON to FILE for every binding")
    _add_common(qemu, "say on the standard error output when the guest is bound", _run_qemu)


def _add_kexec(commands: argparse._SubParsersAction[Parser]) -> None:
    kexec = commands.add_parser(
        "kexec",
        help="bind a kernel in memory and load it with kexec(8)",
        usage="%(prog)s [option(s)] IMAGE [-- KEXEC-OPTION ...]",
        description="Bind a kernel in memory and load it with kexec(8); `kexec -e` or `systemctl kexec` starts it.",
        epilog="Exit status: 0 loaded, 1 the kernel cannot be bound as asked or kexec did not load it, 2 wrong usage.",
    )
    kexec.add_argument("image", type=Path, metavar="IMAGE", help="the annotated ELF image")
    kexec.add_argument("-a", "--append", metavar="TEXT", help="the kernel's command line (default: this boot's own)")
    kexec.add_argument("-i", "--initrd", type=Path, metavar="FILE", help="initial RAM disk")
    kexec.add_argument("-n", "--dry-run", action="store_true", help="bind, print the command, load nothing")
    kexec.add_argument("--kexec", metavar="PROGRAM", help="the kexec to run (default: kexec)")
    _add_common(kexec, "print the command", _run_kexec)


def _add_common(
    parser: argparse.ArgumentParser, verbose: str, run: Callable[[argparse.Namespace, Config], int]
) -> None:
    parser.add_argument(
        "-t", "--target", default=AUTO, metavar="TARGET", help="bind to this target (default: auto, which is bare)"
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="configuration (default: /etc/previrt.toml)")
    parser.add_argument("-v", "--verbose", action="store_true", help=verbose)
    parser.set_defaults(run=run)


def run(arguments: Sequence[str]) -> int:
    """Run the command; returns the exit status. LinkError when it cannot be done."""
    words = list(arguments)
    at = words.index("--") if "--" in words else len(words)
    request = make_parser().parse_args(words[:at])
    request.others = words[at + 1 :]
    if request.target == AUTO:
        request.target = TARGETS[0]
    if request.target not in TARGETS:
        raise UsageError(
            f"a kernel bound to {request.target} is not started by previrt-boot {request.command}",
            expected=" or ".join(TARGETS),
            advice="see docs/booting.md for what starts the others",
        )
    return int(request.run(request, _config(request.config)))


def _config(path: Path | None) -> Config:
    from linker.commands.config import read_config

    return read_config(path)


def _run_qemu(request: argparse.Namespace, config: Config) -> int:
    from linker.boot import qemu
    from linker.boot.qemu_boot import QemuBoot
    from linker.boot.qemu_options import read_options

    arguments = [*config.words("qemu.arguments"), *request.others]
    options = read_options(arguments)
    if request.kernel is None and options.kernel is None:
        raise UsageError("no kernel", expected="--kernel FILE, or -kernel FILE among QEMU's arguments")
    if options.kernel is None:
        arguments += ["-kernel", str(request.kernel)]
    kernel = request.kernel or Path(options.kernel or "")
    program = request.qemu or config.text("qemu.program", _qemu_for(kernel))
    with _Teller(request.report, request.verbose) as teller:
        return qemu.run(QemuBoot([program, *arguments], options, kernel, request.target, teller.tell))


def _qemu_for(kernel: Path) -> str:
    """By what the ELF header says. The image is read and judged later, while QEMU starts."""
    try:
        with kernel.open("rb") as file:
            header = file.read(MACHINE_END_OFF)
    except OSError as error:
        raise LinkError(f"cannot open: {error.strerror}", where=str(kernel)) from None
    machine = int.from_bytes(header[-2:], "little")
    if not header.startswith(b"\x7fELF") or machine not in QEMU_PROGRAMS:
        raise LinkError(
            "not an image that a machine of QEMU runs",
            where=str(kernel),
            found=f"ELF machine {machine}" if header.startswith(b"\x7fELF") else f"magic {header[:4].hex(' ')}",
            expected=" or ".join(f"ELF machine {number} ({name})" for number, name in QEMU_PROGRAMS.items()),
        )
    return QEMU_PROGRAMS[machine]


def _run_kexec(request: argparse.Namespace, config: Config) -> int:
    import shlex

    from linker.boot.kexec import KexecRequest, load, prepare

    append = request.append if request.append is not None else config.text("kexec.append", "") or None
    program = request.kexec or config.text("kexec.program", "kexec")
    prepared = prepare(KexecRequest(program, request.image, request.target, append, request.initrd, request.others))
    if request.dry_run or request.verbose:
        say([shlex.join(prepared.command)])
    if not request.dry_run:
        load(prepared)
    return 0


class _Teller:
    """Says what was bound, where the user wants it."""

    def __init__(self, report: Path | None, verbose: bool) -> None:
        try:
            self._report = report.open("wb", buffering=0) if report is not None else None
        except OSError as error:
            raise UsageError(f"cannot write the report: {error.strerror}", where=str(report)) from None
        self._verbose = verbose

    def __enter__(self) -> _Teller:
        return self

    def __exit__(self, *_: object) -> None:
        if self._report is not None:
            self._report.close()

    def tell(self, binding: GuestBinding) -> None:
        """One binding. LinkError when it cannot be said."""
        report, patch_ms = binding.report, round(binding.patch_seconds * 1000, 3)
        paused_ms = None if binding.paused_seconds is None else round(binding.paused_seconds * 1000, 3)
        try:
            if self._report is not None:
                said = {"resets": binding.resets, "target": report.target, "sites": report.sites, "bound": report.bound}
                line = json.dumps({**said, "patch_ms": patch_ms, "paused_ms": paused_ms})
                self._report.write(f"{line}\n".encode())
            if self._verbose:
                when = f"after reset {binding.resets}" if binding.resets else "at start"
                what = f"{report.bound} sites bound to {report.target} in {patch_ms} ms"
                warn(PROGRAM, f"{when}: {what}")
        except OSError as error:
            raise LinkError(f"cannot write the report: {error.strerror}") from None


main = partial(run_command, PROGRAM, run)

if __name__ == "__main__":
    sys.exit(main())
