"""The map of an image's text as one page for a browser, with nothing to fetch (`--html`).

The page itself stands in `map/`. Names out of the image are data there, never markup: they go into a block of JSON, in
which `<` is escaped, and the page's script puts them on the screen as text. Its content security policy names that
script by its hash, so that no other would run.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from linker.bind.examine import SiteState
from linker.errors import printable
from linker.image.places import Places
from linker.inspection.facts import facts_of
from linker.inspection.names import SiteNames
from linker.inspection.pieces import pieces
from linker.registry import disassembler_for
from linker.table.sources import Sources

if TYPE_CHECKING:
    from linker.bind.examine import Examination, ExaminedSite
    from linker.inspection.facts import Facts
    from linker.inspection.pieces import Piece

HERE = Path(__file__).parent / "map"
# One behind the other they are the page's script; what is read when it starts stands in the first and the last.
SCRIPTS = ("data.js", "geometry.js", "drawing.js", "strip.js", "choosing.js", "filters.js", "input.js")


class _Strings:
    """Each string once; the rest are numbers."""

    def __init__(self) -> None:
        self.all: dict[str, int] = {}

    def number(self, text: str) -> int:
        """Its place in the page's list."""
        return self.all.setdefault(text, len(self.all))


def make_page(examination: Examination) -> str:
    """The whole page."""
    style = (HERE / "page.css").read_text()
    script = "\n".join((HERE / name).read_text() for name in SCRIPTS)
    return Template((HERE / "page.html").read_text()).substitute(
        TITLE=html.escape(printable(f"{examination.path.name}: map")),
        STYLE=style,
        STYLE_HASH=_hash(style),
        SCRIPT=script,
        SCRIPT_HASH=_hash(script),
        DATA=json.dumps(page_data(examination), separators=(",", ":")).replace("<", "\\u003c"),
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def page_data(examination: Examination) -> dict[str, object]:
    """What the page's script reads; addresses as text, because its numbers have 53 bits."""
    symbols = examination.symbols()
    names = SiteNames(examination, symbols)
    facts = facts_of(examination, names)
    shown = pieces(examination, symbols, facts)
    strings = _Strings()
    places = Places(examination.table.image)
    rows = [
        [
            piece.name,
            hex(places.split(piece.va)[1]),
            piece.len,
            [[s.start_va - piece.va, s.end_va - s.start_va, strings.number(s.name)] for s in piece.spans],
            piece.left_out_len,
            f"{piece.name}+" if examination.table.image.is_object else "",
        ]
        for piece in shown
    ]
    sites = _sites(examination, shown, names, strings)
    return {
        "name": examination.path.name,
        "facts": _facts(facts),
        "made": f"{facts.format}, annotated by {facts.producer}" if facts.producer else facts.format,
        "sections": rows,
        "sites": sites,
        "strings": list(strings.all),
    }


def _facts(facts: Facts) -> list[str]:
    bound = f"bound to {facts.target}" if facts.target else "annotated, not bound"
    abi = f" (module ABI {facts.module_abi})" if facts.module_abi else ""
    used = ", ".join(f"{part.used_len:,} of {part.len:,}" for part in facts.reserve if part.part == "text")
    padding = f"{facts.sites:,} sites, {facts.room_len - facts.code_len:,} bytes of padding"
    return [facts.architecture, bound + abi, padding, *([f"reserve {used} bytes used"] if used else [])]


def _sites(examination: Examination, shown: list[Piece], names: SiteNames, strings: _Strings) -> list[list[int]]:
    """A row of numbers each, in the order that the script names its fields."""
    disassembler = disassembler_for(examination.table.image.machine)
    places = Places(examination.table.image)
    sources = Sources(examination.table.image, examination.expected, examination.table.annotations)

    def present_text(site: ExaminedSite) -> str:
        lines = disassembler.lines(site.present, site.start_va)
        return (
            "; ".join(places.say(line.text.split("] ")[-1].strip()) for line in lines if not line.is_nop)
            or "no-operations"
        )

    rows, at = [], 0
    for site in examination.sites:
        while at + 1 < len(shown) and shown[at + 1].va <= site.start_va:
            at += 1
        changed = site.present != site.original
        words = (
            site.instruction.class_name,
            site.form if site.state is SiteState.BOUND else site.state.value,
            places.say(site.instruction.text),
            site.instruction.code.hex(" "),
            present_text(site) if changed else "",
            site.present.hex(" ") if changed else "",
            names.at(site.start_va),
            sources.at(site.position),
            site.reason,
        )
        rows.append([at, site.start_va - shown[at].va, len(site.present), *map(strings.number, words)])
    return rows
