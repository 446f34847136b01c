"""`previrt-inspect IMAGE [OTHER]`: look inside an image, or compare two. Nothing is changed.

What does the work is imported when the arguments are known to be good.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial

from linker.commands.entry import run_command
from linker.commands.options import SHELLS, Parser, PrintCompletion, PrintVersion
from linker.commands.say import json_errors, say, say_json
from linker.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from linker.bind.examine import Examination

PROGRAM = "previrt-inspect"
DEFAULT_TOP = 10


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = Parser(
        prog=PROGRAM,
        usage="%(prog)s [option(s)] IMAGE [OTHER]",
        description="Look inside an annotated or bound kernel image, or compare two images of one guest.",
        epilog="Exit status: 0 done, also when the two images differ, 1 an image cannot be read, 2 wrong usage.",
        add_help=False,
    )
    parser.add_argument("image", metavar="IMAGE", help="the ELF image, annotated or bound")
    parser.add_argument("other", metavar="OTHER", nargs="?", help="another one of the same guest, to compare with")
    what = parser.add_argument_group("what to show, in place of what the image is and its sites in tables")
    what.add_argument(
        "-f", "--function", metavar="SYMBOL", help="a function's code, original and bound; or that around an address"
    )
    what.add_argument(
        "--uncovered", action="store_true", help="the sensitive instructions outside sites, which run native everywhere"
    )
    what.add_argument("--html", metavar="FILE", help="write a map of the image's text, a page for a browser, to FILE")
    said = parser.add_argument_group("how")
    said.add_argument(
        "--exempt",
        metavar="WORD",
        action="append",
        default=[],
        help="with --uncovered: a symbol, section, class or address that needs no site, patterns too; repeatable",
    )
    said.add_argument(
        "-t",
        "--target",
        metavar="TARGET",
        action="append",
        default=[],
        help="what the sites' room is held against; repeatable (default: all targets of the architecture)",
    )
    said.add_argument(
        "-n", "--top", metavar="N", type=_count, help=f"how many functions to list (default: {DEFAULT_TOP})"
    )
    said.add_argument("--json", action="store_true", help="print JSON")
    said.add_argument(
        "-v", "--verbose", action="store_true", help="all functions; bytes of the code; each site that differs"
    )
    said.add_argument("-q", "--quiet", action="store_true", help="print the first line only")
    said.add_argument("--debug", action="store_true", help="log what is done to the standard error output")
    said.add_argument("--print-completion", choices=SHELLS, action=PrintCompletion, help="print completion for a shell")
    said.add_argument("-V", "--version", nargs=0, action=PrintVersion, help="print the version")
    said.add_argument("-h", "--help", action="help", help="print this help")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of functions")
    return int(text)


def run(arguments: Sequence[str]) -> int:
    """Run the command; returns the exit status. LinkError when it cannot be done."""
    request = make_parser().parse_args(arguments)
    with json_errors(request.json):
        _check(request)
        if request.debug:
            from linker import log

            log.enable()
        _do(request)
    return 0


def _check(request: argparse.Namespace) -> None:
    for first, second in (
        ("other", "function"),
        ("other", "html"),
        ("other", "target"),
        ("other", "top"),
        ("other", "uncovered"),
        ("function", "uncovered"),
        ("uncovered", "html"),
        ("uncovered", "target"),
        ("uncovered", "top"),
        ("function", "html"),
        ("function", "target"),
        ("function", "top"),
        ("html", "target"),
        ("html", "top"),
        ("quiet", "verbose"),
        ("quiet", "json"),
    ):
        if getattr(request, first) and getattr(request, second):
            one = "a second image" if first == "other" else f"--{first}"
            raise UsageError(f"{one} and --{second} contradict each other")
    if request.exempt and not request.uncovered:
        raise UsageError("--exempt says what --uncovered leaves out", expected="--uncovered")


def _do(request: argparse.Namespace) -> None:
    if request.uncovered:
        _uncovered(request)
        return
    from linker.bind.examine import examined
    from linker.image.places import speaking

    with examined(request.image) as examination, speaking(examination.table.image):
        if request.other:
            _compare(request, examination)
        elif request.function:
            _function(request, examination)
        elif request.html:
            _html(request, examination)
        else:
            _summary(request, examination)


def _uncovered(request: argparse.Namespace) -> None:
    from linker.bind.uncovered import look_at
    from linker.inspection.uncovered import format_uncovered

    looked = look_at(request.image, request.exempt)
    if request.json:
        say_json(looked.to_json())
    else:
        _print(request, format_uncovered(looked, every_one=request.verbose))


def _compare(request: argparse.Namespace, examination: Examination) -> None:
    from linker.bind.examine import examined
    from linker.inspection.compare import compare
    from linker.inspection.tables import format_comparison

    with examined(request.other) as other:
        comparison = compare(examination, other, examination.symbols())
    if request.json:
        say_json(comparison.to_json())
    else:
        _print(request, format_comparison(comparison, every_site=request.verbose))


def _function(request: argparse.Namespace, examination: Examination) -> None:
    from linker.inspection.functions import find_function, take_apart
    from linker.inspection.tables import format_function

    symbols = examination.symbols()
    function = take_apart(examination, symbols, find_function(examination, symbols, request.function))
    if request.json:
        say_json(function.to_json())
    else:
        _print(request, format_function(function, examination.target, with_code=request.verbose))


def _html(request: argparse.Namespace, examination: Examination) -> None:
    import os
    from pathlib import Path

    from linker.bind.output import Destination, output_path
    from linker.image.write import write_whole
    from linker.inspection.page import make_page

    wanted = Destination(Path(request.html), in_place=False, dry_run=False, details=False)
    output = output_path(examination.path, wanted)
    page = make_page(examination).encode()
    os.umask(mask := os.umask(0))
    write_whole(output, page, 0o666 & ~mask)
    if request.json:
        say_json({"html": str(output), "bytes": len(page), "sites": len(examination.sites)})
    elif not request.quiet:
        say([f"{examination.path}: {len(examination.sites)} sites -> {output}"])


def _summary(request: argparse.Namespace, examination: Examination) -> None:
    from linker.inspection.facts import facts_of
    from linker.inspection.names import SiteNames
    from linker.inspection.room import room_against_need, supported_targets
    from linker.inspection.tables import format_classes, format_facts, format_places, format_room
    from linker.inspection.tally import by_class, by_function, by_section, functions

    symbols = examination.symbols()
    facts = facts_of(examination, SiteNames(examination, symbols))
    if request.quiet:
        _print(request, format_facts(facts))
        return
    wanted = list(dict.fromkeys(request.target)) or supported_targets(facts.architecture)
    rooms = room_against_need(examination, wanted)
    classes, sections = by_class(examination), by_section(examination)
    padded = by_function(examination, functions(examination.table.image, symbols))
    if request.top is not None or not request.verbose:
        padded = padded[: DEFAULT_TOP if request.top is None else request.top]
    if request.json:
        tallies = {"classes": classes, "sections": sections, "functions": padded}
        lists: dict[str, object] = {name: [row.to_json() for row in rows] for name, rows in tallies.items()}
        say_json({**facts.to_json(), **lists, "room": [room.to_json() for room in rooms]})
        return
    _print(request, format_facts(facts))
    if facts.sites:
        for lines in (
            format_classes(classes),
            format_room(rooms, wanted),
            format_places("section", sections),
            format_places("function", padded),
        ):
            _print(request, ["", *lines])


def _print(request: argparse.Namespace, lines: Sequence[str]) -> None:
    say(lines[:1] if request.quiet else lines)


main = partial(run_command, PROGRAM, run)

if __name__ == "__main__":
    sys.exit(main())
