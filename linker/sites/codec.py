"""What an architecture's codec gives the rest of the linker. To add an architecture, add a folder with these.

linker/sites/<arch>/__init__.py   CODEC: "module.path:attribute" of a Codec
linker/sites/<arch>/classes.py    the operation classes (data, shared with the afterburner)
linker/sites/<arch>/...           decoding by a well-kept decoder, NOP tables, encoding of what patches need
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Memory:
    """A memory operand. Registers are encoding numbers (0 rax .. 15 r15), None where absent.

    `displacement` is signed; for a RIP-relative operand it is the absolute address and `base` is None.
    `segment`: 0 es, 1 cs, 2 ss, 3 ds, 4 fs, 5 gs, only where a prefix or the default matters to the address.
    """

    base: int | None
    index: int | None
    scale: int
    displacement: int
    segment: int
    address_bits: int = 64


@dataclass(frozen=True, slots=True)
class Instruction:
    """One decoded sensitive instruction, independent of where it stands (RIP-relative operands made absolute).

    `registers`: the register operands in Intel order as encoding numbers (general, control, debug or segment as the
    class says). `width_bits`: operand size of the data moved. `immediate`: imm8 of in/out/int/lret, else None.
    """

    class_number: int
    class_name: str
    code: bytes
    text: str
    width_bits: int
    registers: tuple[int, ...] = ()
    memory: Memory | None = None
    immediate: int | None = None
    repeat: bool = False
    ip_relative: bool = False

    @property
    def length(self) -> int:
        return len(self.code)


class Codec(Protocol):
    """Instructions and fillers of one architecture."""

    name: str
    machine: int  # ELF e_machine
    record_len: int  # bytes of a record in `.afterburn`

    def decode(self, code: bytes, va: int) -> Instruction:
        """Decode the instruction at the start of `code`; LinkError when it is not a sensitive one."""

    def is_padding(self, code: bytes) -> bool:
        """Whether `code` is nothing but the single-byte filler the afterburner writes."""

    def padding(self, length: int) -> bytes:
        """The filler the afterburner writes."""

    def nops(self, length: int) -> bytes:
        """The fastest no-operations of `length` bytes in all."""
