"""`previrt-link IMAGE --target T`: the linking service as a command.

The library is imported when the arguments are known to be good, so that `--help` and mistakes answer at once.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial

from linker.commands.entry import run_command
from linker.commands.options import AUTO, SHELLS, Parser, PrintCompletion, PrintVersion
from linker.commands.say import json_errors, say, say_json, warn
from linker.errors import UsageError
from linker.quick.collection import gc_paused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from linker.bind.report import LinkReport
    from linker.commands.running_on import Choice
    from linker.objects.options import ObjectOptions

PROGRAM = "previrt-link"
PROFILE_EXCLUDES = "target restore list dry_run output in_place only skip count anyway uncovered verbose".split()


class _ListTargets(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from linker.registry import targets

        say(f"{target}: {' '.join(architectures)}" for target, architectures in targets().items())
        parser.exit()


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = Parser(
        prog=PROGRAM,
        usage="%(prog)s [option(s)] IMAGE",
        description="Bind an annotated kernel image to a target, or give the annotated original back.",
        epilog="Exit status: 0 done, 1 the image cannot be linked as asked (nothing was written), 2 wrong usage.",
        add_help=False,
    )
    parser.add_argument("image", metavar="IMAGE", help="the ELF image, annotated or bound")
    what = parser.add_argument_group("what to do")
    what.add_argument(
        "-t",
        "--target",
        metavar="TARGET",
        help="bind to this target (see --list-targets); auto: to what this machine is",
    )
    what.add_argument("--config", metavar="FILE", help="what auto is (default: /etc/previrt.toml)")
    what.add_argument("--restore", action="store_true", help="give the annotated original back")
    what.add_argument("--list", action="store_true", help="list all sites, with --target the form each would take")
    what.add_argument("--profile", metavar="DUMP", help="of an image bound with --count: print what a run counted")
    what.add_argument("-n", "--dry-run", action="store_true", help="do everything but write the output")
    where = parser.add_argument_group("where to")
    where.add_argument("-o", "--output", metavar="FILE", help="write FILE (default: IMAGE.TARGET, or IMAGE.restored)")
    where.add_argument("-i", "--in-place", action="store_true", help="replace IMAGE itself")
    which = parser.add_argument_group("which sites")
    for option, help_text in (("--only", "bind these sites only"), ("--skip", "leave these sites native")):
        which.add_argument(
            option,
            metavar="SITES",
            action="append",
            default=[],
            help=f"{help_text}: an address, symbol or class; repeatable",
        )
    which.add_argument("--count", action="store_true", help="let every bound site count its runs")
    which.add_argument("--anyway", action="store_true", help="bind what TARGET cannot run as it is, with warnings")
    modules = parser.add_argument_group("kernel modules")
    modules.add_argument("--kernel", metavar="FILE", help="the kernel the module is for, bound to TARGET")
    modules.add_argument("--sign-key", metavar="FILE", help="sign the bound module with this private key (PEM)")
    modules.add_argument("--sign-cert", metavar="FILE", help="the certificate of that key (PEM or DER)")
    modules.add_argument("--sign-hash", metavar="NAME", help="sha1, sha224, sha256, sha384 or sha512 (default: sha256)")
    modules.add_argument("--strip-signature", action="store_true", help="give up the signature that binding breaks")
    said = parser.add_argument_group("what is said")
    said.add_argument("--json", action="store_true", help="print JSON")
    said.add_argument("--uncovered", action="store_true", help="report sensitive instructions that are in no site")
    said.add_argument("-v", "--verbose", action="store_true", help="show old, new and final bytes of each site")
    said.add_argument("-q", "--quiet", action="store_true", help="print no report")
    said.add_argument("--debug", action="store_true", help="log each phase to the standard error output")
    said.add_argument("--list-targets", nargs=0, action=_ListTargets, help="print the supported targets")
    said.add_argument("--print-completion", choices=SHELLS, action=PrintCompletion, help="print completion for a shell")
    said.add_argument("-V", "--version", nargs=0, action=PrintVersion, help="print the version")
    said.add_argument("-h", "--help", action="help", help="print this help")
    return parser


def run(arguments: Sequence[str]) -> int:
    """Run the command; returns the exit status. LinkError when it cannot be done."""
    request = make_parser().parse_args(arguments)
    with json_errors(request.json):
        _check(request)
        if request.debug:
            from linker import log

            log.enable()
        with gc_paused():  # importing the library makes most of the objects
            _do(request)
    return 0


def _check(request: argparse.Namespace) -> None:
    if not request.target and not request.restore and not request.list and not request.profile:
        raise UsageError("nothing to do", expected="--target TARGET, --restore, --list or --profile")
    for first, second in (
        ("restore", "target"),
        ("restore", "list"),
        ("restore", "only"),
        ("restore", "skip"),
        ("restore", "count"),
        ("list", "count"),
        ("restore", "anyway"),
        ("list", "anyway"),
        *(("profile", other) for other in PROFILE_EXCLUDES),
        ("in_place", "output"),
        ("list", "in_place"),
        ("list", "output"),
        ("list", "verbose"),
        ("restore", "uncovered"),
        ("list", "uncovered"),
        ("sign_key", "strip_signature"),
    ):
        if getattr(request, first) and getattr(request, second):
            raise UsageError(f"--{first} and --{second} contradict each other".replace("_", "-"))

    if bool(request.sign_key) != bool(request.sign_cert):
        raise UsageError("--sign-key and --sign-cert belong together")
    if request.sign_hash and not request.sign_key:
        raise UsageError("--sign-hash says how to sign, but nothing is signed", expected="--sign-key and --sign-cert")
    if (request.kernel or request.sign_key or request.strip_signature) and (request.restore or request.list):
        raise UsageError("--kernel and signatures are for binding a module", expected="--target TARGET")


def _object_options(request: argparse.Namespace) -> ObjectOptions | None:
    """What is asked of kernel modules; None when nothing is."""
    from pathlib import Path

    from linker.objects.options import ObjectOptions, Signing

    signing = None
    if request.sign_key:
        signing = Signing(Path(request.sign_key), Path(request.sign_cert), request.sign_hash or "sha256")
    options = ObjectOptions(Path(request.kernel) if request.kernel else None, signing, request.strip_signature)
    return None if options == ObjectOptions() else options


def _do(request: argparse.Namespace) -> None:
    choice = _choose(request)
    if request.list:
        _list(request)
        return
    if request.profile:
        _profile(request)
        return
    from linker.bind.link import link, restore

    where = {"output": request.output, "in_place": request.in_place, "dry_run": request.dry_run}
    details = request.verbose

    def announce(report: LinkReport) -> None:
        if not request.quiet:
            _say_report(report, choice, request.json)

    if request.restore:
        restore(request.image, **where, details=details, announce=announce)
    else:
        which = {name: getattr(request, name) for name in ("only", "skip", "count", "anyway", "uncovered")}
        options = _object_options(request)
        link(request.image, request.target, **where, **which, details=details, options=options, announce=announce)


def _choose(request: argparse.Namespace) -> Choice | None:
    """Put a target in the place of `auto`; what it is and why."""
    if request.target != AUTO:
        return None
    from pathlib import Path

    from linker.commands.config import read_config
    from linker.commands.running_on import target_here
    from linker.image.file import read_machine

    choice = target_here(read_config(request.config and Path(request.config)), read_machine(Path(request.image)))
    request.target = choice.target
    return choice


def _say_report(report: LinkReport, choice: Choice | None, as_json: bool) -> None:
    from linker.bind.report import format_report

    if as_json:
        say_json(report.to_json() | ({} if choice is None else {AUTO: choice.to_json()}))
        return
    said = [] if choice is None else [f"target auto is {choice}"]
    say([*said, *format_report(report)])


def _list(request: argparse.Namespace) -> None:
    from linker.bind.listing import format_listing, list_image

    rows, unknown = list_image(request.image, request.target, only=request.only, skip=request.skip)
    if request.json:
        say_json([row.to_json() for row in rows])
    else:
        say(format_listing(rows))
    for name in unknown:
        warn(PROGRAM, f"warning: table {name} is of no known kind: its records are not listed")


def _profile(request: argparse.Namespace) -> None:
    from linker.count.profile import format_profile, read_profile

    profile = read_profile(request.image, request.profile)
    if request.json:
        say_json(profile.to_json())
    else:
        say(format_profile(profile))


main = partial(run_command, PROGRAM, run)

if __name__ == "__main__":
    sys.exit(main())
