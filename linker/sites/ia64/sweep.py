"""Sensitive instructions in any ia64 code. The tables of all instructions (`isa`) decode, the class table decides.

    { .mii; mov r2=r3; nop.i 0; nop.i 0 }       nothing
    { .mfb; nop.m 0; nop.f 0; rfi ;; }          slot 2: rfi

Bits that the manual says are ignored may have any value here, while sites have them zero, as assemblers write them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from linker.quick.tuples import NamedTuple
from linker.sites.codec import Found
from linker.sites.ia64.bundles import BUNDLE_LEN
from linker.sites.ia64.instructions import Operation
from linker.sites.ia64.isa.decoder import TEMPLATES, decode_bundle, decode_slot, slot_words
from linker.sites.ia64.isa.disassembler import instruction_text
from linker.sites.ia64.isa.fields import L_SLOT
from linker.sites.ia64.opcodes import FORMATS, OPCODES
from linker.sites.ia64.operands import FIELDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from linker.sites.ia64.opcodes import Opcode

TEMPLATE_MASK, MAJOR_BIT, MAJOR_MASK = 31, 37, 15
FILLER = bytes(BUNDLE_LEN)  # between functions; three `break 0`, as the reserve's text is filled


class _Sensitive(NamedTuple):
    """An instruction of a class: what its opcode fields hold."""

    mask: int
    value: int
    opcode: Opcode


def _sensitive_by_unit() -> dict[str, tuple[_Sensitive, ...]]:
    found: dict[str, list[_Sensitive]] = {unit: [] for unit in "MIFBX"}
    for opcode in OPCODES:
        if opcode.class_name:
            layout = FORMATS[opcode.format]
            mask = value = 0
            for (first, bits), part in zip(layout.opcode, opcode.values, strict=True):
                mask |= (1 << bits) - 1 << first
                value |= part << first
            for unit in layout.units:
                found[unit].append(_Sensitive(mask, value, opcode))
    return {unit: tuple(rows) for unit, rows in found.items()}


SENSITIVE = _sensitive_by_unit()
# Of most slots the four highest bits show that they hold nothing sensitive.
MAJORS = {unit: frozenset(row.value >> MAJOR_BIT & MAJOR_MASK for row in rows) for unit, rows in SENSITIVE.items()}


@lru_cache(maxsize=1 << 14)
def _class_of(unit: str, word: int) -> str:
    for mask, value, opcode in SENSITIVE[unit]:
        if word & mask == value and decode_slot(unit, word) is not None:
            operands = {name: FIELDS[name].read(word) for name in FORMATS[opcode.format].operands}
            return Operation(opcode, 0, operands).class_name
    return ""


class Ia64Sweep:
    """See `linker.sites.codec.Sweep`."""

    lookahead_len = 0
    self_trapping: frozenset[str] = frozenset()

    def sensitive(self, code: bytes, va: int, length: int) -> Iterator[Found]:
        """Slots with an instruction of a class; bundles of zeros are filler."""
        for off in range(-va % BUNDLE_LEN, min(length, len(code) - BUNDLE_LEN + 1), BUNDLE_LEN):
            held = code[off : off + BUNDLE_LEN]
            number = held[0] & TEMPLATE_MASK
            if number not in TEMPLATES or held == FILLER:
                continue
            units = TEMPLATES[number][0]
            words: tuple[int, ...] = slot_words(int.from_bytes(held, "little"))
            if units == "MLX":
                units, words = "MX", (words[0], words[2] | words[1] << L_SLOT)
            for slot, (unit, word) in enumerate(zip(units, words, strict=True)):
                if word >> MAJOR_BIT & MAJOR_MASK not in MAJORS[unit]:
                    continue
                name = _class_of(unit, word)
                if name:
                    yield Found(va + off + slot, name, held)

    def text(self, found: Found) -> str:
        """The spelling of the GNU disassembler."""
        slot = found.va % BUNDLE_LEN
        bundle = decode_bundle(int.from_bytes(found.code, "little"))
        instruction = None if bundle is None else bundle.slots[2 if slot and bundle.units == "MLX" else slot]
        return "(bad)" if instruction is None else instruction_text(instruction, found.va - slot)

    def entered_early(self, read: Callable[[int], bytes], va: int) -> list[tuple[int, int]]:
        """None: there is no other mode."""
        del read, va
        return []


IA64 = Ia64Sweep()
