"""The ia64 codec: a site is a bundle with one sensitive instruction, and bundles of no-operations behind it.

    { .mfi; (p6) ssm 0x4000; nop.f 0; nop.i 0 }        the instruction's bundle
    { .mfi; nop.m 0; nop.f 0; nop.i 0 }                padding
    { .mfi; nop.m 0; nop.f 0; nop.i 0 ;; }             its last bundle ends the group

    { .mmi; itc.d r18 ;; nop.m 0; nop.i 0 ;; }         an instruction that must be the last of its group

Nothing but no-operations shares the group with the instruction: a stop is in front of the site and one ends it.
"""

from __future__ import annotations

from functools import cache

from linker.errors import LinkError
from linker.sites.codec import Decoded, Instruction
from linker.sites.ia64.bundles import BUNDLE_LEN, Bundle, Template, join, split
from linker.sites.ia64.classes import LAST_IN_GROUP
from linker.sites.ia64.classes import NUMBER_OF as CLASS_NUMBER_OF
from linker.sites.ia64.instructions import Operation, decode, encode
from linker.sites.ia64.operands import FIELDS, OperandKind
from linker.sites.ia64.relocations import IA64_OBJECT_RELOCATIONS, IA64_RELOCATIONS

NOP = {
    "M": encode("nop.m {imm21}", imm21=0),
    "I": encode("nop.i {imm21}", imm21=0),
    "F": encode("nop.f {imm21}", imm21=0),
    "B": encode("nop.b {imm21}", imm21=0),
    "X": encode("nop.x {imm62}", imm62=0),
}
END_STOP = (2,)


def bundle(units: str, *slots: int, stop: bool, stop_behind_first: bool = False) -> bytes:
    """16 bytes: a template by its units and stops (at the end, behind slot 0), and what is in its slots."""
    stops = ((0,) if stop_behind_first else ()) + (END_STOP if stop else ())
    return join(Bundle(Template(units, stops), slots))


# Two MFI bundles issue together, whatever the core (docs/ia64.md), so padding costs half a cycle a bundle at most.
PADDING = bundle("MFI", NOP["M"], NOP["F"], NOP["I"], stop=False)
LAST_PADDING = bundle("MFI", NOP["M"], NOP["F"], NOP["I"], stop=True)


@cache
def _padding(length: int) -> bytes:
    return PADDING * (length // BUNDLE_LEN - 1) + LAST_PADDING if length else b""


class Ia64Codec:
    """See `linker.sites.codec.Codec`."""

    name = "ia64"
    machine = 50
    word_len = 8
    site_align = BUNDLE_LEN
    undo_len = 32
    relocations = IA64_RELOCATIONS
    object_relocations = IA64_OBJECT_RELOCATIONS

    def decode(self, code: bytes, va: int) -> Instruction:
        """Decode the sensitive instruction in the first bundle of `code`; LinkError when it is not alone there."""
        if va % BUNDLE_LEN or len(code) % BUNDLE_LEN or not code:
            raise LinkError(
                "site is not made of bundles",
                found=f"{va:#x}, {len(code)} bytes",
                expected=f"multiples of {BUNDLE_LEN}",
            )
        first = split(code)
        operations = _operations(first)
        others = [operation for operation in operations if operation is None or not operation.is_nop]
        only = others[0] if len(others) == 1 else None
        if only is None or not only.class_name:
            raise LinkError(
                "bundle does not hold one sensitive instruction and no-operations",
                found=f"{_text(first)}, {code[:BUNDLE_LEN].hex(' ')}",
                advice="the annotation table does not belong to this text; link the image again",
            )
        slot = operations.index(only)
        stops = first.template.stops
        must_end = (slot,) if only.class_name in LAST_IN_GROUP else ()
        if stops not in (must_end, must_end + END_STOP) or (len(code) == BUNDLE_LEN and END_STOP[0] not in stops):
            raise LinkError(
                f"'{only.text}' is not alone in its instruction group", found=_text(first), expected="a stop at its end"
            )
        registers = [
            v for n, v in only.operands.items() if FIELDS[n].kind not in (OperandKind.UNSIGNED, OperandKind.SIGNED)
        ]
        immediates = [
            v for n, v in only.operands.items() if FIELDS[n].kind in (OperandKind.UNSIGNED, OperandKind.SIGNED)
        ]
        return Instruction(
            class_number=CLASS_NUMBER_OF[only.class_name],
            class_name=only.class_name,
            code=code[:BUNDLE_LEN],
            text=only.text,
            width_bits=0,
            registers=tuple(registers),
            immediate=immediates[0] if immediates else None,
            predicate=only.predicate,
            slot=slot,
        )

    def decode_memory(self, code: bytes, va: int, class_number: int) -> Instruction:
        """LinkError: the original afterburner knew x86 only."""
        raise LinkError("memory operations are not annotated on ia64", found=code.hex(" "))

    def disassemble(self, code: bytes, va: int) -> tuple[Decoded, ...]:
        """Decode all bundles of `code`; LinkError when a slot holds what the tables do not have."""
        decoded = []
        for offset in range(0, len(code), BUNDLE_LEN):
            one = split(code[offset:])
            operations = _operations(one)
            if None in operations:
                found = f"{_text(one)}, {code[offset : offset + BUNDLE_LEN].hex(' ')}"
                raise LinkError("bundle does not decode", where=f"{va + offset:#x}", found=found)
            known = [operation for operation in operations if operation is not None]
            references = tuple((0, value) for operation in known for value in _references(operation, va + offset))
            decoded.append(Decoded(offset, BUNDLE_LEN, all(operation.is_nop for operation in known), references))
        return tuple(decoded)

    def text(self, code: bytes, va: int) -> str:
        """All bundles of `code` as GNU as reads them, separated by "; ", `...` for what the tables do not have."""
        return "; ".join(_text(split(code[offset:])) for offset in range(0, len(code), BUNDLE_LEN))

    def is_padding(self, code: bytes) -> bool:
        """Whether `code` is bundles of no-operations of which the last ends the group."""
        return len(code) % BUNDLE_LEN == 0 and code == _padding(len(code))

    def padding(self, length: int) -> bytes:
        """Bundles of no-operations as the afterburner writes them; `length` is a multiple of 16."""
        return _padding(length)

    def nops(self, length: int) -> bytes:
        """The same: there are no cheaper ones."""
        return _padding(length)

    def trap_fill(self, length: int) -> bytes:
        """`break 0` in every slot, which is all zero bits."""
        return bytes(length)


def _operations(one: Bundle) -> list[Operation | None]:
    return [decode(unit, word) for unit, word in zip(one.units, one.slots, strict=True)]


def _references(operation: Operation, va: int) -> list[int]:
    """What an immediate of 64 bits says, where a branch leads."""
    values = []
    for name, value in operation.operands.items():
        if name == "imm64":
            values.append(value)
        elif FIELDS[name].kind is OperandKind.TARGET:
            values.append((va + value) % (1 << 64))
    return values


def _text(one: Bundle) -> str:
    words = []
    for slot, operation in enumerate(_operations(one)):
        is_last = slot == len(one.slots) - 1
        stops = 2 in one.template.stops if is_last else slot in one.template.stops
        words.append(("..." if operation is None else operation.text) + (" ;;" if stops else ""))
    return f"{{ .{one.template.units.lower()}; {'; '.join(words)} }}".replace(";;;", ";;")


IA64 = Ia64Codec()
