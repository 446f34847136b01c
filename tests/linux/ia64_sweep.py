"""ia64 code as objdump reads it: every sensitive instruction of a kernel image, and the bundles of chosen places.

What is sensitive is said here a second time and in objdump's words, so that a gap in the afterburner's tables shows.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

OBJDUMP = "ia64-linux-gnu-objdump"
BUNDLE_LEN = 16
SENSITIVE = (
    r"(?:[sr]sm|rfi|cover|epc|bsw\.[01]|vmsw\.[01]|it[cr]\.[di]|ptc\.(?:l|g|ga|e)|ptr\.[di]|tpa|tak|thash|ttag"
    r"|fc(?:\.i)?|probe\.\S+|srlz\.[di]|break\.\w)(?=[ ;\n]|$)"
    r"|mov(?:\.m)? (?:\w+=)?(?:psr(?:\.l)?|cr\.?\w+|(?:rr|pkr|[id]br|pmc|pmd|cpuid)\[\w+\]"
    r"|ar\.(?:k[0-7]|itc|ruc))(?=[=;\n]|$)"
)
_FOUND = re.compile(rf" *([0-9a-f]+):\t[^\t]*\t(?:\[\w+\])? *(?:\(p\d+\) )?({SENSITIVE})")
_BUNDLE = re.compile(r" *([0-9a-f]+):\t[^\t]*\t\[(\w{3})\] +(.*)")
_SLOT = re.compile(r" *[0-9a-f]+:\t[^\t]*\t +(.*)")
_PREDICATE = re.compile(r"\(p(\d+)\) +")
_TARGET = re.compile(r"(.*?[ =])0x([0-9a-f]+)")


@dataclass(frozen=True)
class Found:
    """One sensitive instruction: the address of its bundle, its mnemonic and first operands, where it stands."""

    va: int
    text: str
    section: str
    symbol: str


def sensitive_instructions(path: Path) -> Iterator[Found]:
    """Sweep all executable sections of the image; objdump passes over runs of zeros."""
    section = symbol = ""
    with subprocess.Popen([OBJDUMP, "-d", path], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if line.endswith(">:\n"):
                symbol = line[18:-3]
            elif line.startswith("Disassembly of section "):
                section = line.split()[-1].removesuffix(":")
            elif found := _FOUND.match(line):
                yield Found(int(found[1], 16) & -BUNDLE_LEN, found[2], section, symbol)
    assert running.returncode == 0


@dataclass(frozen=True)
class Slot:
    """One instruction: `predicate` 0 is always true; `stop` says that its group ends behind it.

    `text` is without the target of an ip-relative branch, which `target` holds.
    """

    predicate: int
    text: str
    stop: bool
    target: int | None = None

    @property
    def is_nop(self) -> bool:
        return self.predicate == 0 and re.fullmatch(r"nop\.[mifb] 0x0", self.text) is not None

    @property
    def is_sensitive(self) -> bool:
        return re.match(SENSITIVE, self.text) is not None


@dataclass(frozen=True)
class Bundle:
    """A template's name and its slots, in MLX two."""

    template: str
    slots: tuple[Slot, ...]


def _slot(text: str, moved_by: int) -> Slot:
    words = text.split("//", maxsplit=1)[0].strip()
    stop = words.endswith(";;")
    words = words.removesuffix(";;").strip()
    predicate = _PREDICATE.match(words)
    number = 0 if predicate is None else int(predicate[1])
    words = words if predicate is None else words[predicate.end() :]
    branch = _TARGET.fullmatch(words) if words.startswith(("br.", "brl.")) else None
    if branch is None:
        return Slot(number, words, stop)
    return Slot(number, branch[1].strip(), stop, (int(branch[2], 16) + moved_by) % (1 << 64))


def disassemble(places: Sequence[tuple[int, bytes]]) -> list[tuple[Bundle, ...]]:
    """The bundles of pieces of code, each given with its address."""
    if not places:
        return []
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "code"
        path.write_bytes(b"".join(code for _, code in places))
        command: list[str | Path] = [OBJDUMP, "-D", "-z", "-b", "binary", "-m", "ia64", path]
        listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: list[Bundle] = []
    moves = [va - off for va, off, count in _offsets(places) for _ in range(count)]
    for line in listing.splitlines():
        if begin := _BUNDLE.match(line):
            found.append(Bundle(begin[2], (_slot(begin[3], moves[len(found)]),)))
        elif (other := _SLOT.match(line)) and other[1]:
            bundle = found[-1]
            found[-1] = Bundle(bundle.template, (*bundle.slots, _slot(other[1], moves[len(found) - 1])))
    assert len(found) == len(moves)
    rows = iter(found)
    return [tuple(next(rows) for _ in range(count)) for _, _, count in _offsets(places)]


def _offsets(places: Sequence[tuple[int, bytes]]) -> Iterator[tuple[int, int, int]]:
    """(address, offset in the file, number of bundles) of each piece."""
    off = 0
    for va, code in places:
        yield va, off, len(code) // BUNDLE_LEN
        off += len(code)
