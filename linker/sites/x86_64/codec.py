"""The x86 codec: iced-x86 decodes, this file says it in the linker's words. One class, two widths."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linker.errors import LinkError
from linker.sites.codec import Decoded, Instruction, MemoryOperand
from linker.sites.l4ka import BIT, MEMORY_ACCESS_OF, MEMORY_NAME_OF, READ, WRITE
from linker.sites.x86_64.classes import NUMBER_OF
from linker.sites.x86_64.iced import (
    Decoder,
    DecoderError,
    Formatter,
    FormatterSyntax,
    MemorySizeExt,
    Mnemonic,
    OpKind,
    Reg,
    Register,
)
from linker.sites.x86_64.mnemonics import (
    BY_MNEMONIC,
    BY_OPERAND,
    FAR_CALL,
    FAR_JUMP,
    MEMORY_MNEMONICS,
    MEMORY_OPERATIONS,
    WIDTH_16,
    WIDTH_BY_OPERAND_SIZE,
    WIDTH_BY_REGISTER,
)
from linker.sites.x86_64.nops import nops
from linker.sites.x86_64.relocations import (
    I386_OBJECT_RELOCATIONS,
    I386_RELOCATIONS,
    X86_64_OBJECT_RELOCATIONS,
    X86_64_RELOCATIONS,
)

if TYPE_CHECKING:
    from iced_x86 import ConstantOffsets
    from iced_x86 import Instruction as IcedInstruction
    from iced_x86._iced_x86_py import OpKind as OpKindValue
    from iced_x86._iced_x86_py import Register as RegisterValue

    from linker.sites.codec import ObjectRelocations, Relocations

KNOWN_LIMIT = 1 << 14
NOP = b"\x90"
INT3 = b"\xcc"
SEGMENT_BASE = Register.ES
# Implicit operands of string instructions: operand kind -> (base register's encoding number, address bits).
STRING_OPERANDS = {
    OpKind.MEMORY_SEG_SI: (6, 16),
    OpKind.MEMORY_SEG_ESI: (6, 32),
    OpKind.MEMORY_SEG_RSI: (6, 64),
    OpKind.MEMORY_ESDI: (7, 16),
    OpKind.MEMORY_ESEDI: (7, 32),
    OpKind.MEMORY_ESRDI: (7, 64),
}
DESTINATION_STRINGS = frozenset({OpKind.MEMORY_ESDI, OpKind.MEMORY_ESEDI, OpKind.MEMORY_ESRDI})
ANY_IMMEDIATE = range(OpKind.IMMEDIATE8, OpKind.IMMEDIATE32TO64 + 1)
IMMEDIATES = frozenset({OpKind.IMMEDIATE8, OpKind.IMMEDIATE16})
PORT_CLASSES = frozenset({"in", "out"})
STRING_CLASSES = frozenset({"ins", "outs"})
FAR_TRANSFERS = frozenset({FAR_JUMP, FAR_CALL})
SELECTOR_BITS = 16


class X86Codec:
    """x86 at 64 or 32 bits; see `linker.sites.codec.Codec`."""

    def __init__(
        self, name: str, machine: int, bits: int, relocations: Relocations, object_relocations: ObjectRelocations
    ) -> None:
        self.name = name
        self.machine = machine
        self.word_len = bits // 8
        self.site_align = 1
        self.undo_len = 16  # a length byte and up to 15 bytes, the longest instruction there is
        self.relocations = relocations
        self.object_relocations = object_relocations
        self._bits = bits
        self._formatter = Formatter(FormatterSyntax.GAS)
        # What was decoded before and does not depend on where it stands: kernels repeat a few hundred byte strings.
        self._instructions: dict[bytes, Instruction] = {}
        self._sequences: dict[bytes, tuple[Decoded, ...]] = {}

    def decode(self, code: bytes, va: int) -> Instruction:
        """Decode the sensitive instruction at the start of `code`; LinkError otherwise."""
        known = self._instructions.get(code)
        if known is not None:
            return known
        instruction = self._decode(code, va)
        if not instruction.ip_relative and len(self._instructions) < KNOWN_LIMIT:
            self._instructions[code] = instruction
        return instruction

    def _decode(self, code: bytes, va: int) -> Instruction:
        decoder = Decoder(self._bits, code, ip=va)
        iced = decoder.decode()
        if decoder.last_error == DecoderError.NO_MORE_BYTES:
            raise LinkError("site is too short for its instruction", found=f"{len(code)} bytes, {_hex(code)}")
        name = None if iced.is_invalid else _class_of(iced)
        if name is None:
            text = "no instruction" if iced.is_invalid else f"'{self._formatter.format(iced)}'"
            raise LinkError(
                "instruction is not sensitive",
                found=f"{text}, {_hex(code[: iced.len or 1])}",
                advice="the annotation table does not belong to this text; link the image again",
            )
        registers: list[RegisterValue] = []
        memory = immediate = None
        for n in range(iced.op_count):
            kind = iced.op_kind(n)
            if kind == OpKind.REGISTER:
                registers.append(iced.op_register(n))
            elif kind == OpKind.MEMORY:
                memory = self._memory(iced)
            elif kind in STRING_OPERANDS:
                memory = _string_memory(iced, kind)
            elif kind in IMMEDIATES:
                immediate = iced.immediate(n)
        return Instruction(
            class_number=NUMBER_OF[name],
            class_name=name,
            code=code[: iced.len],
            text=self._formatter.format(iced),
            width_bits=_width_bits(iced, name, registers, memory),
            registers=tuple(map(Reg.number, registers)),
            memory=memory,
            immediate=immediate,
            repeat=name in STRING_CLASSES and (iced.has_rep_prefix or iced.has_repne_prefix),
            ip_relative=iced.is_ip_rel_memory_operand,
        )

    def decode_memory(self, code: bytes, va: int, class_number: int) -> Instruction:
        """Decode the memory operation at the start of `code`; LinkError otherwise.

        89 02            mov %eax,(%rdx)           pte_set
        f0 0f b3 02      lock btr %eax,(%rdx)      pte_test_clear
        19 c0            sbb %eax,%eax             its result, part of the operation
        """
        decoder = Decoder(self._bits, code, ip=va)
        iced = decoder.decode()
        name, access = MEMORY_NAME_OF[class_number], MEMORY_ACCESS_OF[class_number]
        if iced.is_invalid or not _accesses(iced, access):
            text = "no instruction" if iced.is_invalid else f"'{self._formatter.format(iced)}'"
            raise LinkError(
                f"instruction is no memory operation of .afterburn.{name}",
                found=f"{text}, {_hex(code[: iced.len or 1])}",
                expected=f"a {access}: {', '.join(sorted(MEMORY_OPERATIONS[access]))}",
            )
        length, text = iced.len, self._formatter.format(iced)
        result = decoder.decode() if access == BIT and decoder.can_decode else None
        if result is not None and result.mnemonic == Mnemonic.SBB and result.op0_register == result.op1_register:
            length += result.len
            text += f"; {self._formatter.format(result)}"
        return Instruction(
            class_number=class_number,
            class_name=name,
            code=code[:length],
            text=text,
            width_bits=MemorySizeExt.size(iced.memory_size) * 8,
            memory=self._memory(iced),
            ip_relative=iced.is_ip_rel_memory_operand,
        )

    def _memory(self, iced: IcedInstruction) -> MemoryOperand:
        base, index = iced.memory_base, iced.memory_index
        relative = iced.is_ip_rel_memory_operand
        sized = base if base != Register.NONE else index
        return MemoryOperand(
            base=None if relative or base == Register.NONE else Reg.number(base),
            index=None if index == Register.NONE else Reg.number(index),
            scale=iced.memory_index_scale,
            displacement=_signed(iced.memory_displacement, relative),
            segment=iced.memory_segment - SEGMENT_BASE,
            address_bits=Reg.size(sized) * 8 if sized != Register.NONE else self._bits,
        )

    def disassemble(self, code: bytes, va: int) -> tuple[Decoded, ...]:
        """Decode all of `code`; LinkError when a byte of it belongs to no instruction."""
        known = self._sequences.get(code)
        if known is not None:
            return known
        decoder = Decoder(self._bits, code, ip=va)
        decoded = []
        moves = False  # whether the same bytes mean something else elsewhere
        behind = 0
        for iced in decoder:
            offset, behind = behind, behind + iced.len  # not by address: it starts again at 0 behind the last one
            if iced.is_invalid:
                raise LinkError("bytes do not decode", where=f"{iced.ip:#x}", found=_hex(code[offset:]))
            is_nop = iced.mnemonic == Mnemonic.NOP
            references = () if is_nop else _references(iced, decoder.get_constant_offsets(iced))
            decoded.append(Decoded(offset, iced.len, is_nop, references))
            moves = moves or bool(references)
        if not moves and len(self._sequences) < KNOWN_LIMIT:
            self._sequences[code] = tuple(decoded)
        return tuple(decoded)

    def text(self, code: bytes, va: int) -> str:
        """All of `code` in AT&T syntax, instructions separated by "; "."""
        return "; ".join(self._formatter.format(iced) for iced in Decoder(self._bits, code, ip=va))

    def is_padding(self, code: bytes) -> bool:
        """Whether `code` is single-byte no-operations, or the longest ones that fit (an image bound to bare)."""
        length = len(code)
        return code in (NOP * length, nops(length))

    def padding(self, length: int) -> bytes:
        """Single-byte no-operations, as the afterburner leaves them."""
        return NOP * length

    def nops(self, length: int) -> bytes:
        """The longest recommended no-operations that make up `length` bytes."""
        return nops(length)

    def trap_fill(self, length: int) -> bytes:
        """`int3`, as the reserve's text is filled."""
        return INT3 * length


def _accesses(iced: IcedInstruction, access: str) -> bool:
    """Whether the instruction does to memory what the sub-section says. Of `mov` the memory operand's place decides."""
    kinds = [iced.op_kind(n) for n in range(iced.op_count)]
    if OpKind.MEMORY not in kinds:
        return False
    return iced.mnemonic in MEMORY_MNEMONICS[access] and (
        iced.mnemonic != Mnemonic.MOV or access not in (READ, WRITE) or (kinds[0] == OpKind.MEMORY) == (access == WRITE)
    )


def _class_of(iced: IcedInstruction) -> str | None:
    mnemonic = iced.mnemonic
    if mnemonic in BY_MNEMONIC:
        return BY_MNEMONIC[mnemonic]
    if mnemonic in BY_OPERAND:
        registers = [iced.op_register(n) for n in range(iced.op_count)]
        return next((name for n, which, name in BY_OPERAND[mnemonic] if registers[n] in which), None)
    if iced.is_jmp_far or iced.is_jmp_far_indirect:
        return FAR_JUMP
    return FAR_CALL if iced.is_call_far or iced.is_call_far_indirect else None


def _string_memory(iced: IcedInstruction, kind: OpKindValue) -> MemoryOperand:
    base, bits = STRING_OPERANDS[kind]
    segment = Register.ES if kind in DESTINATION_STRINGS else iced.memory_segment
    return MemoryOperand(base, None, 1, 0, segment - SEGMENT_BASE, bits)


def _width_bits(iced: IcedInstruction, name: str, registers: list[RegisterValue], memory: MemoryOperand | None) -> int:
    if name in WIDTH_16:
        return 16
    if name in WIDTH_BY_OPERAND_SIZE:
        return iced.op_code().operand_size or 32
    if memory is None and name in FAR_TRANSFERS:  # the far pointer is in the instruction
        return int(iced.op_code().operand_size or 32) + SELECTOR_BITS
    if memory is not None and name not in WIDTH_BY_REGISTER:
        return MemorySizeExt.size(iced.memory_size) * 8
    for register in registers:
        if Reg.is_gpr(register) and not (register == Register.DX and name in PORT_CLASSES):
            return Reg.size(register) * 8
    return 0


def _references(iced: IcedInstruction, fields: ConstantOffsets) -> tuple[tuple[int, int], ...]:
    references = []
    if iced.near_branch_target:
        references.append((fields.immediate_offset, iced.near_branch_target))
    elif fields.has_immediate:
        operand = next((n for n in range(iced.op_count) if iced.op_kind(n) in ANY_IMMEDIATE), None)
        if operand is not None:
            references.append((fields.immediate_offset, iced.immediate(operand)))
    if fields.has_displacement:
        references.append((fields.displacement_offset, iced.memory_displacement))
    return tuple(references)


def _signed(displacement: int, absolute: bool) -> int:
    return displacement - (1 << 64) if displacement >> 63 and not absolute else displacement


def _hex(code: bytes) -> str:
    return code.hex(" ") or "nothing"


X86_64 = X86Codec("x86_64", 62, 64, X86_64_RELOCATIONS, X86_64_OBJECT_RELOCATIONS)
I386 = X86Codec("i386", 3, 32, I386_RELOCATIONS, I386_OBJECT_RELOCATIONS)
