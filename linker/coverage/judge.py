"""Whether a sensitive instruction that was found has a reason to be outside sites, and where it is, by symbol."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from linker.coverage.patched import REPLACEMENTS
from linker.image.places import Places
from linker.quick.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linker.coverage.areas import Area
    from linker.coverage.early import Early
    from linker.coverage.patched import KernelPatch
    from linker.image.read import Image
    from linker.image.symbols import Symbols
    from linker.sites.codec import Found, Sweep

SELF_TRAPPING = "traps by itself on every target"
BY_ALTERNATIVES = "kept for alternatives, which write it over code at run time"
KEPT = 10_000  # rows; a kernel nobody annotated has some thousand
NEAR = 64  # entries of alternatives before a place that may still reach it


class Uncovered(NamedTuple):
    """A sensitive instruction outside sites. In an object `va` is an offset in `section`.

    class_name  empty for a privileged instruction of no class
    why         why it needs no site; empty where there is no reason
    remark      what else is to be known of it: what it is written over, why its section counts as code
    """

    section: str
    va: int
    symbol: str
    instruction: str
    class_name: str
    why: str = ""
    remark: str = ""

    def __str__(self) -> str:
        return f"'{self.instruction}' at {self.symbol}"


class Reasons(NamedTuple):
    """What is known of an image: code of an earlier mode, places written over, words of the user."""

    early: Sequence[Early]
    written: Sequence[KernelPatch]
    exempt: Sequence[str]


class Judge:
    """Says of what was found where it is, and whether it has a reason to be outside sites."""

    def __init__(self, image: Image, symbols: Symbols, sweep: Sweep, reasons: Reasons) -> None:
        self._symbols, self._sweep = symbols, sweep
        self._early, self._exempt = reasons.early, reasons.exempt
        self._places = Places(image)
        self._replacements = sorted((one for one in reasons.written if one.with_va), key=lambda one: one.with_va)
        self._firsts: dict[int, int] = {}
        self.used: set[str] = set()
        self.uncovered: list[Uncovered] = []
        self.exempt: list[Uncovered] = []
        self.outside = 0
        self.reasons: Counter[str] = Counter()

    def judge(self, area: Area, one: Found) -> None:
        """Count it, and keep a row of it."""
        if one.class_name in self._sweep.self_trapping:
            self.reasons[SELF_TRAPPING] += 1
            return
        symbol = self._symbols.at(one.va)
        if area.name == REPLACEMENTS or one.va < self._first_symbol(area):  # the last one is another section's
            symbol = f"{area.name}+{one.va - area.va:#x}"
        why = self._why(area, one, symbol)
        rows = self.exempt if why else self.uncovered
        if why:
            self.reasons[why] += 1
        else:
            self.outside += 1
        if len(rows) < KEPT:
            remark = self._written(one.va) if why == BY_ALTERNATIVES else area.remark
            text = self._places.say(self._sweep.text(one))
            rows.append(Uncovered(area.name, self._places.split(one.va)[1], symbol, text, one.class_name, why, remark))

    def _first_symbol(self, area: Area) -> int:
        if area.va not in self._firsts:
            self._firsts[area.va] = min(self._symbols.starts(area.va, area.end_va), default=area.end_va)
        return self._firsts[area.va]

    def _why(self, area: Area, one: Found, symbol: str) -> str:
        if area.name == REPLACEMENTS:
            return BY_ALTERNATIVES
        for early in self._early:
            if early.holds(one.va):
                return f"in the mode that {early.loader} enters in, before a target's module runs"
        named = {area.name, symbol, symbol.rpartition("+")[0], one.class_name, self._places.name(one.va)} - {""}
        words = [
            word
            for word in self._exempt
            if any(fnmatchcase(name, word) for name in named) or self._places.address(word) == one.va
        ]
        self.used.update(words)
        return f"the user says so: {words[0]}" if words else ""

    def _written(self, va: int) -> str:
        """Where alternatives write an instruction that is kept for them."""
        last = bisect_right(self._replacements, va, key=lambda one: one.with_va)
        over = [one.va for one in self._replacements[max(0, last - NEAR) : last] if va < one.with_end_va]
        names = [self._symbols.at(place) or f"{place:#x}" for place in over]
        return f"over {names[-1]}" + (f" and {len(names) - 1} more" if len(names) > 1 else "") if names else ""
