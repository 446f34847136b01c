"""Assembly text to bundles, for the stubs and inline forms of bindings.

    movl r14=0xf500000000000001 ;;      { .mlx; nop.m 0; movl r14=... ;; }
    st1 [r14]=r14 ;;                    { .mfi; st1 [r14]=r14; nop.f 0; nop.i 0 ;; }

One instruction a line, spelled as in `opcodes`, after an optional slot `{0}` that it must stand in and an optional
qualifying predicate; ` ;;` ends a group. Instructions keep their order; a stop more than was asked for may appear.
There are no labels: what a stub does not execute it predicates.
"""

from __future__ import annotations

import re
from functools import cache

from linker.quick.tuples import NamedTuple
from linker.sites.ia64.bundles import TEMPLATES, Bundle, Template, join
from linker.sites.ia64.codec import NOP
from linker.sites.ia64.instructions import NAMES, encode
from linker.sites.ia64.opcodes import FORMATS, OPCODES, Opcode
from linker.sites.ia64.operands import COMPLETERS, FIELDS, OperandKind

_LINE = re.compile(r"(?:\{(?P<slot>[012])\})?\s*(?:\(p(?P<predicate>\d+)\)\s*)?(?P<body>[^;]*?)\s*(?P<stop>;;)?$")
_NUMBER = r"(?P<{}>-?(?:0x[0-9a-f]+|\d+))"
_SYMBOL = r"(?P<{}>-?(?:0x[0-9a-f]+|\d+)|[A-Za-z_$][\w.$]*)"
_SYMBOLIC = frozenset({"imm64", "target64"})

# Spellings that assemblers offer for other instructions (SDM vol. 3, pseudo-ops).
_PSEUDO = (
    (re.compile(r"mov (r\d+)=(r\d+)$"), r"adds \1=0,\2"),
    (re.compile(r"mov (r\d+)=(-?(?:0x[0-9a-f]+|\d+))$"), r"addl \1=\2,r0"),
    (re.compile(r"cmp\.ne (p\d+),(p\d+)="), r"cmp.eq \2,\1="),
    (re.compile(r"tbit\.nz (p\d+),(p\d+)="), r"tbit.z \2,\1="),
    (re.compile(r"tnat\.nz (p\d+),(p\d+)="), r"tnat.z \2,\1="),
)


class SymbolHole(NamedTuple):
    """A symbol named in the text: the operand (`imm64` or `target64`) of the bundle at `offset` that it belongs in."""

    offset: int
    operand: str
    symbol: str


class Assembled(NamedTuple):
    """Bundles, and the holes to fill in them."""

    code: bytes
    holes: tuple[SymbolHole, ...]


class _Placed(NamedTuple):
    units: str
    word: int
    stop: bool
    slot: int | None
    symbol: SymbolHole | None


def _operand_pattern(name: str) -> str:
    kind = FIELDS[name].kind
    if kind is OperandKind.COMPLETER:
        words = sorted(COMPLETERS[name], key=len, reverse=True)
        return f"(?P<{name}>{'|'.join(map(re.escape, words))})"
    if kind in NAMES:
        prefix, _ = NAMES[kind]
        return rf"(?P<{name}>{prefix}(?:\.\w+|\d+))"
    if kind in (OperandKind.UNSIGNED, OperandKind.SIGNED, OperandKind.TARGET):
        return (_SYMBOL if name in _SYMBOLIC else _NUMBER).format(name)
    return rf"{str(kind.value)[0]}(?P<{name}>\d+)"


def _pattern(opcode: Opcode) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", opcode.assembly)
    return re.compile("".join(_operand_pattern(p) if n % 2 else re.escape(p) for n, p in enumerate(parts)) + "$")


@cache
def _by_mnemonic() -> dict[str, list[tuple[re.Pattern[str], Opcode]]]:
    found: dict[str, list[tuple[re.Pattern[str], Opcode]]] = {}
    for opcode in OPCODES:
        mnemonic = re.split(r"[ {]", opcode.assembly)[0]
        found.setdefault(mnemonic, []).append((_pattern(opcode), opcode))
    return found


def _match(body: str) -> tuple[Opcode, dict[str, str]]:
    for pattern, replacement in _PSEUDO:
        body = pattern.sub(replacement, body)
    word = body.split(" ")[0]
    # A branch's completers are part of its word: the mnemonic is found by cutting them off.
    while word:
        for pattern, opcode in _by_mnemonic().get(word, ()):
            match = pattern.match(body)
            if match:
                return opcode, match.groupdict()
        word = word.rpartition(".")[0]
    raise ValueError(f"'{body}' is no instruction of the tables")


def _value(name: str, text: str) -> int | str:
    kind = FIELDS[name].kind
    if kind is OperandKind.COMPLETER:
        return COMPLETERS[name].index(text)
    if kind in NAMES:
        prefix, names = NAMES[kind]
        numbers = {f"{prefix}.{word}": number for number, word in names.items()}
        return numbers[text] if text in numbers else int(text.removeprefix(prefix))
    if re.fullmatch(r"-?(?:0x[0-9a-f]+|\d+)", text):
        value = int(text, 0)
        return value % (1 << 64) if name == "imm64" else value
    return text


def _instruction(line: str, predicate: int) -> _Placed:
    match = _LINE.match(line)
    if match is None:
        raise ValueError(f"'{line}' is not one instruction")
    opcode, words = _match(match["body"])
    if match["predicate"] and predicate:
        raise ValueError(f"'{line}' has a predicate of its own, and is to get p{predicate}")
    operands: dict[str, int] = {}
    symbol = None
    for name, text in words.items():
        value = _value(name, text)
        if isinstance(value, str):
            symbol, value = SymbolHole(0, name, value), 0
        operands[name] = value
    word = encode(opcode.assembly, int(match["predicate"] or predicate), **operands)
    slot = int(match["slot"]) if match["slot"] else None
    return _Placed(FORMATS[opcode.format].units, word, bool(match["stop"]), slot, symbol)


def _fill(template: Template, waiting: list[_Placed]) -> list[_Placed | None] | None:
    """What stands in each slot of `template` when as many as possible of the first instructions are put in it.

    None when a group would not end where it must.
    """
    slots: list[_Placed | None] = []
    taken = 0
    for slot, unit in enumerate(template.places):
        one = waiting[taken] if taken < len(waiting) else None
        # After a stop that is still owed nothing but no-operations may follow.
        owed = taken and waiting[taken - 1].stop and not _stops_between(template, slots, slot)
        if one is None or unit not in one.units or one.slot not in (None, slot) or owed:
            slots.append(None)
            continue
        slots.append(one)
        taken += 1
    if taken and waiting[taken - 1].stop and not _stops_between(template, slots, 3):
        return None
    return slots


def _stops_between(template: Template, slots: list[_Placed | None], before: int) -> bool:
    """Whether a stop stands behind the last instruction in `slots` and before slot `before`."""
    last = max(n for n, one in enumerate(slots) if one is not None)
    return any(last <= stop < before for stop in template.stops)


@cache
def assemble(text: str, predicate: int = 0) -> Assembled:
    """The bundles for `text`; `predicate` qualifies every instruction that has none.

    ValueError for a text that is not of the tables: a defect of the binding. LinkError when an operand does not fit.
    """
    waiting = [_instruction(line.strip(), predicate) for line in text.splitlines() if line.strip()]
    code = bytearray()
    holes: list[SymbolHole] = []
    while waiting:
        best: tuple[Template, list[_Placed | None]] | None = None
        most = 0
        for template in TEMPLATES.values():
            slots = _fill(template, waiting)
            count = 0 if slots is None else sum(one is not None for one in slots)
            if slots is not None and count > most:
                best, most = (template, slots), count
        if best is None:
            raise ValueError(f"no bundle takes {waiting[0]}")
        template, slots = best
        filled = zip(template.places, slots, strict=True)
        words = [NOP[unit] if one is None else one.word for unit, one in filled]
        holes += [one.symbol._replace(offset=len(code)) for one in slots if one is not None and one.symbol is not None]
        code += join(Bundle(template, tuple(words)))
        del waiting[:most]
    return Assembled(bytes(code), tuple(holes))
