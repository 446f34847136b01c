"""Every sensitive instruction of an ia64 kernel image as objdump reads it.

What is sensitive is said here a second time and in objdump's words, so that a gap in the afterburner's tables shows.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SENSITIVE = re.compile(
    r"(?:[sr]sm|rfi|cover|epc|bsw\.[01]|vmsw\.[01]|it[cr]\.[di]|ptc\.(?:l|g|ga|e)|ptr\.[di]|tpa|tak|thash|ttag"
    r"|fc(?:\.i)?|probe\.\S+|srlz\.[di]|break\.\w)(?: |$)"
    r"|mov(?:\.m)? (?:\w+=)?(?:psr(?:\.l)?|cr\.?\w+|(?:rr|pkr|[id]br|pmc|pmd|cpuid)\[\w+\]"
    r"|ar\.(?:k[0-7]|itc|ruc))(?:=|$)"
)
_BUNDLE = re.compile(r" *([0-9a-f]+):\t(?:[0-9a-f]{2} ){6}\t\[(\w{3})\] +(.*)")
_SLOT = re.compile(r" *[0-9a-f]+:\t(?:[0-9a-f]{2} ){4,6} *\t +(.*)")
_SYMBOL = re.compile(r"[0-9a-f]{16} <(.*)>:$")
_PREDICATE = re.compile(r"\(p(\d+)\) +")


@dataclass(frozen=True)
class Slot:
    """One instruction: `predicate` 0 is always true; `stop` says that its group ends behind it."""

    predicate: int
    text: str
    stop: bool

    @property
    def is_nop(self) -> bool:
        return self.predicate == 0 and re.fullmatch(r"nop\.[mifb] 0x0", self.text) is not None

    @property
    def is_sensitive(self) -> bool:
        return _SENSITIVE.match(self.text) is not None


@dataclass(frozen=True)
class Bundle:
    """One bundle and the section and symbol it follows."""

    va: int
    template: str
    slots: tuple[Slot, ...]
    section: str
    symbol: str


def _slot(text: str) -> Slot:
    words = text.split("//", maxsplit=1)[0].strip()
    stop = words.endswith(";;")
    words = words.removesuffix(";;").strip()
    predicate = _PREDICATE.match(words)
    if predicate is None:
        return Slot(0, words, stop)
    return Slot(int(predicate[1]), words[predicate.end() :], stop)


def bundles(path: Path, *options: str) -> Iterator[Bundle]:
    """All bundles of the executable sections (objdump passes over runs of zeros), or what `options` of objdump name."""
    command = ["ia64-linux-gnu-objdump", "-d", *options, str(path)]
    section = symbol = ""
    va, template, slots = 0, "", list[Slot]()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:
            begin = _BUNDLE.match(line)
            other = None if begin else _SLOT.match(line)
            if begin is None and other is not None:
                slots.append(_slot(other[1]))
                continue
            if slots:
                yield Bundle(va, template, tuple(slots), section, symbol)
                slots = []
            if begin is not None:
                va, template, slots = int(begin[1], 16), begin[2], [_slot(begin[3])]
            elif named := _SYMBOL.match(line):
                symbol = named[1]
            elif line.startswith("Disassembly of section "):
                section = line.split()[-1].removesuffix(":")
        if slots:
            yield Bundle(va, template, tuple(slots), section, symbol)
    assert running.returncode == 0
