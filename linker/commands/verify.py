"""`previrt-verify IMAGE`: the proof as a command.

The library is imported when the arguments are known to be good, so that `--help` and mistakes answer at once.
"""

from __future__ import annotations

import argparse
import signal
import sys
from typing import TYPE_CHECKING

from linker.commands.options import PrintVersion
from linker.errors import LinkError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAM = "previrt-verify"
EXIT_NOT_PROVEN, EXIT_USAGE, EXIT_OUTSIDE, EXIT_TERMINATED = 1, 2, 3, 143


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        usage="%(prog)s [option(s)] IMAGE",
        description="Prove that an image is bound well: bytes, branches, the interface module, and what sites do.",
        epilog="Exit status: 0 proven, 1 not proven (or the image cannot be read), 2 wrong usage, 3 the sites are "
        "proven, but sensitive instructions are outside sites.",
        allow_abbrev=False,
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_TERMINATED))
    request = make_parser().parse_args(arguments)
    if request.debug:
        from linker import log

        log.enable()
    from linker.verification.prove import prove

    try:
        proof = prove(request.image, original=request.original, run=not request.no_run, exempt=request.exempt)
    except LinkError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        if request.json:
            _print_json({"error": error.to_json()})
        return EXIT_USAGE if isinstance(error, UsageError) else EXIT_NOT_PROVEN
    except KeyboardInterrupt:
        return 130
    if request.json:
        _print_json(proof.to_json())
    elif not request.quiet:
        from linker.verification.proof import format_proof

        print(format_proof(proof, all_failures=request.verbose))
    if not proof.is_proven:
        first = proof.failures[0]
        print(f"{PROGRAM}: {request.image}: {len(proof.failures)} failures; the first is {first}", file=sys.stderr)
        return EXIT_NOT_PROVEN
    if not proof.is_complete:
        first_outside = proof.coverage.uncovered[0]
        print(f"{PROGRAM}: {request.image}: {proof.verdict}; the first is {first_outside}", file=sys.stderr)
        return EXIT_OUTSIDE
    return 0


def _print_json(value: object) -> None:
    import json

    print(json.dumps(value, indent=2))


if __name__ == "__main__":
    sys.exit(main())
