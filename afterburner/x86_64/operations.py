"""Which statements are sensitive: mnemonics, operands and data directives mapped to operation classes.

All of it follows from the rows of `linker/sites/x86_64/classes.py`.
"""

from __future__ import annotations

import re

from linker.sites.x86_64.classes import CLASSES, NUMBER_OF, REGISTERS
from linker.sites.x86_64.spellings import BY_WORD, FAR, OPERAND_WORDS, by_operand

ROOM_OF = {row.number: row.room_len for row in CLASSES}

# Mnemonics that are sensitive whatever their operands; lower case, every operand-size suffix spelled out.
BY_MNEMONIC = {word.encode(): number for word, number in BY_WORD.items()}

# Mnemonics sensitive with some operands only.
MOV, PUSH, POP = (frozenset(word.encode() for word in OPERAND_WORDS[name]) for name in ("mov", "push", "pop"))
FAR_BRANCH = {word.encode(): number for word, number in FAR.items()}
_BY_OPERAND = {
    spelling.encode(): by_operand(word) for word in ("mov", "push", "pop") for spelling in OPERAND_WORDS[word]
}

# Prefixes written as words of their own in front of an instruction, or as a statement of their own before it.
PREFIXES = frozenset(
    b"rep repe repz repne repnz lock data16 data32 addr16 addr32 addr64 cs ds es fs gs ss bnd notrack "
    b"xacquire xrelease rex64 rexz rex64z rexy rex64y rexyz rex64yz rexx rex64x rexxz rex64xz rexxy rex64xy rexxyz "
    b"rex64xyz rex rex.w rex.r rex.x rex.b rex.rx rex.rb rex.xb rex.rxb rex.wr rex.wx rex.wb rex.wrx rex.wrb rex.wxb "
    b"rex.wrxb".split()
)

# The stack may belong to someone else, or be gone, around these: docs/formats.md, `.afterburn.info` flags bit 0.
NO_STACK = frozenset(row.number for row in CLASSES if row.no_stack)

# Classes whose padding stands in front of the instruction, and how long the instruction is: flags bit 1.
PADDED_IN_FRONT = {row.number: row.front_len for row in CLASSES if row.front_len}

# A register operand that stands alone: `%gs:8` is a memory operand and its segment is not read by the guest.
_SPECIAL = rb"(?:(?P<cr>cr)|(?P<dr>d[rb]))(?:\d|\\)|(?P<seg>[cdefgs]s)(?![\w:\\]|[ \t]*:)"
_PREFIXED = rb"(?i)(?:^|[\s,])%[ \t]?(?:" + _SPECIAL + rb")"
_BARE = rb"(?i)(?:^|[\s,])%?(?:" + _SPECIAL + rb")"
_FAR_POINTER = rb"(?i)(?:far|[ft]word)\b"
_BREAKPOINT = rb"(?i)\$?[ \t]*(?:3|0x0*3)$"

# Bytes of one value of a data directive.
DATA = {
    b".byte": 1,
    **dict.fromkeys((b".word", b".short", b".value", b".hword", b".2byte"), 2),
    **dict.fromkeys((b".long", b".int", b".4byte"), 4),
    **dict.fromkeys((b".quad", b".8byte"), 8),
}
_NUMBER = rb"(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[0-7]*|[1-9]\d*)$"
LONGEST_LEN = 15  # an instruction


def by_operands(mnemonic: bytes, operands: bytes, intel: bool, bare_registers: bool) -> int:
    """Class number of `mov`, `push`, `pop`, `jmp`, `call` and `int` as their operands decide; 0: not sensitive.

    `mnemonic` is lower case; `intel`: destination first; `bare_registers`: register names need no `%`.
    """
    if mnemonic in FAR_BRANCH:
        return FAR_BRANCH[mnemonic] if intel and re.match(_FAR_POINTER, operands) else 0
    if mnemonic == b"int":
        return NUMBER_OF["int3" if re.match(_BREAKPOINT, operands) else "int"]
    found = re.search(_BARE if bare_registers else _PREFIXED, operands)
    if found is None:
        return 0
    kind = next(kind for kind in REGISTERS if found[kind])
    first = b"," not in operands[: found.start() + 1]
    position = "dst" if mnemonic not in MOV or first == intel else "src"
    return _BY_OPERAND[mnemonic].get((position, kind), 0)


def values_of(directive: bytes, operands: bytes) -> list[int]:
    """The bytes that a data directive gives; none where a value is no number, or where they are no instruction."""
    size = DATA[directive]
    texts = [text.strip() for text in operands.split(b",")]
    if len(texts) * size > LONGEST_LEN or not all(re.match(_NUMBER, text) for text in texts):
        return []
    values = bytearray()
    for text in texts:
        is_octal = len(text) > 1 and text.isdigit() and text.startswith(b"0")
        number = int(text, 8 if is_octal else 0)
        values += (number & (1 << 8 * size) - 1).to_bytes(size, "little")
    return list(values)
