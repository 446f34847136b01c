"""What follows from the rows of `classes.py`: words, and instructions written as bytes. Imports nothing but the rows.

    0f 01 /2 m      0f 01 15 00 00 00 00    lgdt 0(%rip)
    66 0f 38 82 /r m                        invpcid; the prefix must be there
    np 0f 01 ca                             clac; with f2 in front it is something else

Source of the encodings: Intel SDM vol. 2, the entry of each mnemonic; how long an instruction is: vol. 2, 2.1.
"""

from __future__ import annotations

from linker.sites.x86_64.classes import CLASSES, NUMBER_OF

TYPE_CHECKING = False  # `typing` is not worth its start-up time here
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from linker.sites.x86_64.classes import Row

OPERAND_SIZE, REPNE, REP = 0x66, 0xF2, 0xF3
MANDATORY = {"66": OPERAND_SIZE, "f3": REP}
LEGACY_PREFIXES = frozenset((OPERAND_SIZE, REPNE, REP, 0x67, 0xF0, 0x2E, 0x36, 0x3E, 0x26, 0x64, 0x65))
REX = range(0x40, 0x50)
IMMEDIATE_LEN = {"ib": 1, "iw": 2, "iz": 6}
TWO_BYTES = 0x0F

# Words that are sensitive with some operands only: word of `Row.operand` -> its spellings.
OPERAND_WORDS = {
    "mov": ("mov", "movw", "movl", "movq"),
    "push": ("push", "pushw", "pushl", "pushq"),
    "pop": ("pop", "popw", "popl", "popq"),
    "jmp": ("jmp",),
    "call": ("call",),
    "int": ("int",),
}


def words_of(row: Row) -> list[str]:
    """Every spelling of the row's mnemonics, lower case."""
    spelled = []
    for word in row.words.split():
        stem, _, suffixes = word.rstrip("]").partition("[")
        spelled += [stem + suffix for suffix in ("", *suffixes)]
    return spelled


def by_operand(word: str) -> dict[tuple[str, str], int]:
    """(position, kind) of an operand that decides -> class number, for one word of `OPERAND_WORDS`."""
    rows = ((row.operand.split(), row.number) for row in CLASSES if row.operand)
    return {(position, kind): number for (mnemonic, position, kind), number in rows if mnemonic == word}


class Encoding:
    """One opcode of a row.

    prefix     0x66 or 0xf3: must be there; 0: none of 66, f2, f3 may; None: they do not matter
    opcode     its bytes; all of ModRM as well, where the row has that
    reg        the reg field of the ModRM byte that follows, -1 any, None: there is none
    form       "m" memory alone, "r" a register alone, "x" a register whatever the mod field says, "" either
    tail_len   bytes of immediates behind it
    only_32    not in 64-bit code
    """

    __slots__ = ("form", "number", "only_32", "opcode", "prefix", "reg", "tail_len")

    def __init__(self, number: int, text: str) -> None:
        """`text` as in `Row.encodings`."""
        self.number = number
        self.only_32 = text.startswith("32:")
        self.prefix: int | None = None
        self.reg: int | None = None
        self.form, self.tail_len = "", 0
        values = []
        for n, word in enumerate(text.removeprefix("32:").split()):
            if word == "np":
                self.prefix = 0
            elif n == 0 and word in MANDATORY and " " in text:
                self.prefix = MANDATORY[word]
            elif word.startswith("/"):
                self.reg = -1 if word == "/r" else int(word[1:])
            elif word in {"m", "r", "x"}:
                self.form = word
            elif word in IMMEDIATE_LEN:
                self.tail_len = IMMEDIATE_LEN[word]
            else:
                values.append(int(word, 16))
        self.opcode = bytes(values)

    def takes(self, modrm: int) -> bool:
        """Whether a ModRM byte is one of this encoding's."""
        if self.reg not in (-1, modrm >> 3 & 7):
            return False
        return self.form in {"", "x"} or (self.form == "r") == (modrm >= 0xC0)

    def operand_len(self, values: Sequence[int]) -> int:
        """Bytes of ModRM, SIB and displacement at the start of `values`, with 64-bit or 32-bit addressing."""
        mode, rm = values[0] >> 6, values[0] & 7
        if mode == 3 or self.form == "x":
            return 1
        has_sib = rm == 4
        length = 2 if has_sib else 1
        base = values[1] & 7 if has_sib and len(values) > 1 else rm
        if mode == 1:
            return length + 1
        return length + 4 if mode == 2 or base == 5 else length

    def accepts(self, prefixes: Sequence[int]) -> bool:
        """Whether these prefixes leave the opcode what it is."""
        if self.prefix is None:
            return True
        if self.prefix:
            return self.prefix in prefixes
        return not (OPERAND_SIZE in prefixes or REP in prefixes or REPNE in prefixes)


def encodings() -> Iterator[Encoding]:
    """Every opcode of every class."""
    for row in CLASSES:
        for text in row.encodings.split(", "):
            yield Encoding(row.number, text)


def prefix_len(values: Sequence[int]) -> int:
    """How many of the first values are prefixes of 64-bit code; one after REX takes its effect, not its place."""
    at = 0
    while at < len(values) and (values[at] in LEGACY_PREFIXES or values[at] in REX):
        at += 1
    return at


_BY_OPCODE: dict[bytes, list[Encoding]] = {}


def by_bytes(values: Sequence[int]) -> int:
    """Class number of one whole instruction of 64-bit code written as bytes; 0 when they are no sensitive one.

    An opcode of one byte counts behind a prefix only: a lone `.byte 0xfa` is data more often than it is `cli`.
    """
    if not values or (values[0] != TWO_BYTES and not prefix_len(values)):
        return 0
    return by_encoding(values)


def by_encoding(values: Sequence[int]) -> int:
    """Class number of one whole instruction of 64-bit code; 0 when the bytes are no sensitive one, or not one alone."""
    if not _BY_OPCODE:
        for encoding in encodings():
            if not encoding.only_32:
                _BY_OPCODE.setdefault(encoding.opcode, []).append(encoding)
    at = prefix_len(values)
    prefixes, rest = values[:at], bytes(values[at:])
    for opcode_len in (3, 2, 1):
        for encoding in _BY_OPCODE.get(rest[:opcode_len], ()):
            behind = rest[opcode_len:]
            length = encoding.tail_len
            if encoding.reg is not None:
                if not behind or not encoding.takes(behind[0]):
                    continue
                length += encoding.operand_len(behind)
            if len(behind) == length and encoding.accepts(prefixes):
                return encoding.number
    return 0


def is_prefixes(values: Sequence[int]) -> bool:
    """Whether the values are nothing but prefixes, for the instruction behind them."""
    return bool(values) and prefix_len(values) == len(values)


BY_WORD = {word: row.number for row in CLASSES for word in words_of(row)}
FAR = {word: by_operand(word)["-", "far"] for word in ("jmp", "call")}
INT3 = NUMBER_OF["int3"]
