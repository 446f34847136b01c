"""`previrt-verify IMAGE`: the proof as a command.

The library is imported when the arguments are known to be good, so that `--help` and mistakes answer at once.
"""

from __future__ import annotations

import sys
from functools import partial

from linker.commands.entry import run_command
from linker.commands.options import Parser, PrintVersion
from linker.commands.say import json_errors, say, say_json, warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

PROGRAM = "previrt-verify"
EXIT_NOT_PROVEN, EXIT_OUTSIDE = 1, 3


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = Parser(
        prog=PROGRAM,
        usage="%(prog)s [option(s)] IMAGE",
        description="Prove that an image is bound well: bytes, branches, the interface module, and what sites do.",
        epilog="Exit status: 0 proven, 1 not proven (or the image cannot be read), 2 wrong usage, 3 the sites are "
        "proven, but sensitive instructions are outside sites.",
        add_help=False,
    )
    parser.add_argument("image", metavar="IMAGE", help="the ELF image, bound by previrt-link")
    how = parser.add_argument_group("how")
    how.add_argument("--original", metavar="FILE", help="compare what restoring gives with this annotated image")
    how.add_argument("--no-run", action="store_true", help="run nothing in the emulator (needs no unicorn)")
    how.add_argument(
        "--exempt",
        metavar="WORD",
        action="append",
        default=[],
        help="a symbol, section, class or address outside sites that needs none, patterns too; repeatable",
    )
    said = parser.add_argument_group("what is said")
    said.add_argument("--json", action="store_true", help="print JSON")
    said.add_argument("-v", "--verbose", action="store_true", help="print all failures, not the first ones only")
    said.add_argument("-q", "--quiet", action="store_true", help="print nothing but errors; the exit status tells")
    said.add_argument("--debug", action="store_true", help="log each phase to the standard error output")
    said.add_argument("-V", "--version", nargs=0, action=PrintVersion, help="print the version")
    said.add_argument("-h", "--help", action="help", help="print this help")
    return parser


def run(arguments: Sequence[str]) -> int:
    """Run the command; returns the exit status. LinkError when the image cannot be judged."""
    request = make_parser().parse_args(arguments)
    if request.debug:
        from linker import log

        log.enable()
    from linker.verification.prove import prove

    with json_errors(request.json):
        proof = prove(request.image, original=request.original, run=not request.no_run, exempt=request.exempt)
    if request.json:
        say_json(proof.to_json())
    elif not request.quiet:
        from linker.verification.proof import format_proof

        say(format_proof(proof, all_failures=request.verbose))
    if not proof.is_proven:
        first = proof.failures[0]
        warn(PROGRAM, f"{request.image}: {len(proof.failures)} failures; the first is {first}")
        return EXIT_NOT_PROVEN
    if not proof.is_complete:
        first_outside = proof.coverage.uncovered[0]
        warn(PROGRAM, f"{request.image}: {proof.verdict}; the first is {first_outside}")
        return EXIT_OUTSIDE
    return 0


main = partial(run_command, PROGRAM, run)

if __name__ == "__main__":
    sys.exit(main())
