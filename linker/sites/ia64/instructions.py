"""Encoding and decoding of single instructions, 41 bits each (82 in MLX), by the tables in `opcodes` and `operands`."""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING

from linker.errors import LinkError
from linker.quick.tuples import NamedTuple
from linker.sites.ia64 import registers
from linker.sites.ia64.bundles import SLOT_BITS
from linker.sites.ia64.opcodes import (
    FORMATS,
    INTERVAL_COUNTERS,
    KERNEL_REGISTERS,
    OPCODES,
    UNPREDICATED,
    Opcode,
)
from linker.sites.ia64.operands import COMPLETERS, FIELDS, OperandKind

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMES = {OperandKind.CONTROL: ("cr", registers.CONTROL), OperandKind.APPLICATION: ("ar", registers.APPLICATION)}


class Operation(NamedTuple):
    """One instruction decoded. `operands` are in the order of the format, the qualifying predicate apart."""

    opcode: Opcode
    predicate: int
    operands: Mapping[str, int]

    @property
    def class_name(self) -> str:
        """The operation class; empty when the instruction is not sensitive."""
        name = self.opcode.class_name
        if name != "ar":
            return name
        direction = "from" if "r1" in self.operands else "to"
        if self.operands["ar3"] in KERNEL_REGISTERS:
            return f"mov_{direction}_kr"
        return f"mov_{direction}_itc" if self.operands["ar3"] in INTERVAL_COUNTERS else ""

    @property
    def is_nop(self) -> bool:
        """Whether it is a no-operation with immediate zero, as assemblers fill slots."""
        return self.opcode.assembly.startswith("nop.") and not self.predicate and not any(self.operands.values())

    @property
    def text(self) -> str:
        """Assembly that GNU as reads back to the same bits; branch targets are relative to the bundle."""
        words = {name: _operand_text(name, value) for name, value in self.operands.items()}
        prefix = f"(p{self.predicate}) " if self.predicate else ""
        return prefix + self.opcode.assembly.format(**words)


def _operand_text(name: str, value: int) -> str:
    kind = FIELDS[name].kind
    if kind is OperandKind.COMPLETER:
        return COMPLETERS[name][value]
    if kind in NAMES:
        prefix, names = NAMES[kind]
        return f"{prefix}.{names[value]}" if value in names else f"{prefix}{value}"
    return str(kind.value).format(value)


def _fixed(opcode: Opcode) -> tuple[int, int]:
    """The bits an opcode fixes, and their values. Ignored bits count as fixed at zero."""
    layout = FORMATS[opcode.format]
    length = 2 * SLOT_BITS if layout.units == "X" else SLOT_BITS
    mask = (1 << length) - 1
    for name in layout.operands:
        mask &= ~FIELDS[name].mask
    if opcode.format not in UNPREDICATED:
        mask &= ~FIELDS["qp"].mask
    value = 0
    for (first, bits), part in zip(layout.opcode, opcode.values, strict=True):
        if part >> bits:
            raise ValueError(f"'{opcode.assembly}': {part:#x} does not fit in {bits} bits")
        value |= part << first
    if value & ~mask:
        raise ValueError(f"'{opcode.assembly}': opcode and operand fields overlap")
    return mask, value


def _decoding_tables() -> dict[str, dict[int, dict[int, Opcode]]]:
    """Unit -> fixed bits -> their values -> opcode."""
    tables: defaultdict[str, defaultdict[int, dict[int, Opcode]]] = defaultdict(lambda: defaultdict(dict))
    for opcode in OPCODES:
        mask, value = _fixed(opcode)
        for unit in FORMATS[opcode.format].units:
            if value in tables[unit][mask]:
                raise ValueError(f"'{opcode.assembly}' and '{tables[unit][mask][value].assembly}' are one")
            tables[unit][mask][value] = opcode
    return {unit: dict(by_mask) for unit, by_mask in tables.items()}


DECODING = _decoding_tables()
BY_ASSEMBLY = {opcode.assembly: opcode for opcode in OPCODES}


@lru_cache(maxsize=1 << 12)  # most slots of sites are the same few no-operations
def decode(unit: str, word: int) -> Operation | None:
    """The instruction in a slot of `unit`; None when the tables do not have it."""
    for mask, by_value in DECODING[unit].items():
        opcode = by_value.get(word & mask)
        if opcode is not None:
            predicate = 0 if opcode.format in UNPREDICATED else FIELDS["qp"].read(word)
            operands = {name: FIELDS[name].read(word) for name in FORMATS[opcode.format].operands}
            return Operation(opcode, predicate, operands)
    return None


def encode(assembly: str, predicate: int = 0, **operands: int) -> int:
    """The bits of an instruction of `OPCODES`; hints left out are zero. LinkError when an operand does not fit."""
    opcode = BY_ASSEMBLY[assembly]
    names = FORMATS[opcode.format].operands
    hints = {name: 0 for name in names if FIELDS[name].kind is OperandKind.COMPLETER}
    given = hints | operands
    if given.keys() != set(names):
        raise ValueError(f"'{assembly}' has the operands {', '.join(names)}, not {', '.join(operands)}")
    if predicate and opcode.format in UNPREDICATED:
        raise LinkError(f"'{assembly}' takes no predicate", found=f"p{predicate}", expected="p0")
    _, word = _fixed(opcode)
    word |= FIELDS["qp"].write("qp", predicate)
    for name, value in given.items():
        word |= FIELDS[name].write(name, value)
    return word
