"""What an architecture's codec gives the rest of the linker. To add an architecture, add a folder with these.

linker/sites/<arch>/__init__.py   MACHINE: the ELF e_machine number; CODEC: "module.path:attribute" of a Codec,
                                  DISASSEMBLER: of a Disassembler, SWEEP: of a Sweep
linker/sites/<arch>/classes.py    the operation classes (data, shared with the afterburner)
linker/sites/<arch>/...           decoding by a well-kept decoder, NOP tables, encoding of what patches need

The records are named tuples, not dataclasses: a command pays for every class definition at each start.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from linker.quick.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from linker.sites.holes import Hole


class MemoryOperand(NamedTuple):
    """A memory operand. Registers are encoding numbers (0 rax .. 15 r15), None where absent.

    `displacement` is signed; for a RIP-relative operand it is the absolute address and `base` is None.
    `segment`: 0 es, 1 cs, 2 ss, 3 ds, 4 fs, 5 gs: the one the access goes through, by prefix or by default.
    String instructions have their implicit operand here (`ins`: es:rdi, `outs`: rsi with its segment).
    """

    base: int | None
    index: int | None  # type: ignore[assignment]  # an operand's index, not tuple.index
    scale: int
    displacement: int
    segment: int
    address_bits: int = 64


class Instruction(NamedTuple):
    """One decoded sensitive instruction, independent of where it stands (RIP-relative operands made absolute).

    `registers`: the register operands in Intel order as encoding numbers (general, control, debug or segment as the
    class says). `width_bits`: operand size of the data moved, for stack and far-transfer instructions of one slot;
    the size of the memory operand where there is one (80 for lgdt in 64-bit code); 0 where nothing is moved.
    `immediate`: imm8 of in/out/int, imm16 of lret, else None. `text` is AT&T syntax.
    ia64: `code` is the whole bundle, `slot` the instruction's place in it (in MLX 1), `predicate` its qualifying
    predicate register (0: always true). `registers` and `immediate` stand as in assembly, destination first;
    `width_bits` is 0; `text` is Intel's syntax as GNU as takes it. `scratch` is what `.afterburn.info` says of free
    registers at the site: a form's code depends on it as on the operands.
    """

    class_number: int
    class_name: str
    code: bytes
    text: str
    width_bits: int
    registers: tuple[int, ...] = ()
    memory: MemoryOperand | None = None
    immediate: int | None = None
    repeat: bool = False
    ip_relative: bool = False
    predicate: int = 0
    slot: int = 0
    scratch: int = 0

    @property
    def length(self) -> int:
        """Bytes of the instruction itself, padding not counted."""
        return len(self.code)


class Decoded(NamedTuple):
    """One instruction of any kind, as the verifier sees it.

    `references`: (offset of the field in the instruction, the address or value the field stands for).
    """

    offset: int
    length: int
    is_nop: bool
    references: tuple[tuple[int, int], ...]


class Relocations(NamedTuple):
    """What the static linker leaves in an interface module, by the psABI's numbers.

    pc_relative  number -> (name, where it is stored): how far a symbol is from the field
    gp_relative  number -> name: how far a symbol of the data part is from the global pointer, itself in the data part
    unmoved      numbers that need nothing when the module moves
    relative     (number, name) of the dynamic relocation that stands for a word holding an address
    """

    pc_relative: Mapping[int, tuple[str, Hole]]
    gp_relative: Mapping[int, str]
    unmoved: frozenset[int]
    relative: tuple[int, str]


class ObjectRelocations(NamedTuple):
    """What a compiler leaves in a relocatable object, by the psABI's numbers.

    none        the number that changes nothing
    address     a word that holds an address: the records of `.afterburn`
    half        32 bits that hold an address: names of files in `.afterburn.info`
    names       number -> (name, bytes it changes from its place on)
    longest     bytes changed by a number that is not in `names`, at most
    place_align of a number that is not in `names`: what its offset says beyond a multiple of this names a slot
    fixups      kind of a fixup (`FixupKind`'s value) -> the number that does the same
    pc_relative numbers of an operand's distance from the end of the field; absolute: of a displacement, with sign
    """

    none: int
    address: int
    half: int
    names: Mapping[int, tuple[str, int]]
    longest: int
    place_align: int = 1
    fixups: Mapping[str, int] = MappingProxyType({})
    pc_relative: frozenset[int] = frozenset()
    absolute: frozenset[int] = frozenset()

    def name(self, number: int) -> str:
        """The relocation's name for a message."""
        return self.names[number][0] if number in self.names else f"relocation type {number}"

    def range(self, number: int, off: int) -> tuple[int, int]:
        """The bytes that a relocation at `off` changes, half-open."""
        if number in self.names:
            return off, off + self.names[number][1]
        off -= off % self.place_align
        return off, off + self.longest


class Codec(Protocol):
    """Instructions and fillers of one architecture."""

    name: str
    machine: int  # ELF e_machine
    word_len: int  # bytes of an address in `.afterburn`; a record is two
    site_align: int  # sites start and end at multiples of this
    undo_len: int  # bytes of `.afterburn.undo` a site: a length byte and the longest instruction
    relocations: Relocations
    object_relocations: ObjectRelocations

    def decode(self, code: bytes, va: int) -> Instruction:
        """Decode the instruction at the start of `code`; LinkError when it is not a sensitive one, or cut off."""

    def decode_memory(self, code: bytes, va: int, class_number: int) -> Instruction:
        """Decode the memory operation at the start of `code`, of a class of `linker.sites.l4ka`; LinkError otherwise.

        `Instruction.code` may be two instructions: a bit test and the `sbb` that fetches its result.
        """

    def disassemble(self, code: bytes, va: int) -> Sequence[Decoded]:
        """Decode all of `code`; LinkError when a byte of it belongs to no instruction."""

    def text(self, code: bytes, va: int) -> str:
        """All of `code` for a person to read, instructions separated by "; "."""

    def is_padding(self, code: bytes) -> bool:
        """Whether `code` is the filler the afterburner writes, or what `nops` makes of it."""

    def padding(self, length: int) -> bytes:
        """The filler the afterburner writes."""

    def nops(self, length: int) -> bytes:
        """The fastest no-operations of `length` bytes in all."""

    def trap_fill(self, length: int) -> bytes:
        """What unused text of the reserve holds: instructions that trap."""


class Line(NamedTuple):
    """A line of a disassembly: `text` for what stands `offset` bytes in; on ia64 the slot is added to the bundle's.

    `code`: the bytes to show beside it; empty where a line before has them. `is_nop`: nothing but a no-operation.
    `target_va`: where a near branch goes, None for everything else.
    """

    offset: int
    code: bytes
    text: str
    is_nop: bool
    target_va: int | None


class Disassembler(Protocol):
    """Any code of an architecture as text, kept apart from the codec, which knows what sites hold."""

    def lines(self, code: bytes, va: int) -> Iterator[Line]:
        """All of `code`, which stands at `va`; bytes that are no instruction are said to be `(bad)`."""


class Found(NamedTuple):
    """A sensitive instruction met in any code. On ia64 `va` is the bundle's address and the slot.

    `class_name` is empty for a privileged instruction of no operation class. `code`: the instruction or its bundle.
    """

    va: int
    class_name: str
    code: bytes


class Sweep(Protocol):
    """Looks for sensitive instructions in any code of an architecture, as a well-kept decoder reads it.

    lookahead_len  bytes that an instruction may reach beyond the place it starts at, at most
    self_trapping  classes that trap by themselves on every target: their sites have no room, only a record
    """

    lookahead_len: int
    self_trapping: frozenset[str]

    def sensitive(self, code: bytes, va: int, length: int) -> Iterator[Found]:
        """Sensitive instructions that start in the first `length` bytes of `code`, read straight on from its start.

        `code` may be up to `lookahead_len` bytes longer, for the last of them. Long runs of filler that traps are
        passed over.
        """

    def text(self, found: Found) -> str:
        """What was found for a person to read, without its label."""

    def entered_early(self, read: Callable[[int], bytes], va: int) -> list[tuple[int, int]]:
        """Half-open ranges of code that runs before the architecture's own mode is on, entered at `va`.

        `read` gives the code at an address, a longest instruction of it or more; empty where there is none.
        """
