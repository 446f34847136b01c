"""What a target is made of. To add one, add a folder here; this file says how.

    linker/hypervisors/<target>/__init__.py     BINDINGS: {ELF machine number: "module.path:attribute" of a Binding}
    linker/hypervisors/<target>/<arch>.py       the binding table: which form each operation class takes
    linker/hypervisors/<target>/requirements.py   what a guest must be like to run there, known when it is linked
    linker/hypervisors/<target>/src-<arch>/     the interface module's source, built to <target>-<arch>.so beside it
    linker/hypervisors/shared/                  what several targets use; it has no BINDINGS, so it is no target

RUNNERS beside BINDINGS, where previrt-run can run such images: {ELF machine number: "module:function"}
(linker/commands/run.py).
BOOTED = False beside BINDINGS, where nothing boots such images: they get no boot entry (linker/install).

The planner asks the binding for a `Form` once for each distinct (instruction, room, flags); the form is a template, and
everything that differs from site to site is a `Fixup`. A binding sees instructions and room, never image bytes.
The records are named tuples, not dataclasses: a command pays for every class definition at each start.
"""

from __future__ import annotations

import enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from linker.quick.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from linker.hypervisors.requirements import Finding, Guest
    from linker.sites.codec import Instruction


class FormKind(enum.Enum):
    """How a site is bound (docs/formats.md; DESIGN: binding forms)."""

    NATIVE = "native"  # the instruction stays, its padding becomes long NOPs
    INLINE = "inline"  # replaced by instructions working on the virtual CPU's memory
    CALL = "call"  # call rel32 into the module or a stub
    JUMP = "jump"  # jmp rel32, brl: no usable stack, or no return
    TRAP = "trap"  # the instruction, or one in its place, traps; module or monitor catches it


class FixupKind(enum.Enum):
    """How a hole is filled: S is the symbol's address, A the addend, P the hole's own address."""

    __hash__ = object.__hash__  # enum's own hashes the name, in Python, at every look into a table

    PC32 = "pc32"  # signed 32 bits: S + A - P, as ELF's R_X86_64_PC32
    ABS32 = "abs32"  # signed 32 bits: S + A (R_X86_64_32S)
    WORD32 = "word32"  # 32 bits: S + A, in 32-bit code (R_386_32)
    ABS64 = "abs64"  # 64 bits: S + A
    BRL = "brl"  # distance of a brl, S + A - P where P is its bundle (R_IA64_PCREL60B)
    HIGH32 = "high32"  # 32 bits: the upper half of S + A
    MOVL = "movl"  # immediate of a movl, S + A (R_IA64_IMM64)


# Symbols a fixup may name beside those the module exports.
SITE_START = "$start"
SITE_END = "$end"
STUB = "$stub"  # the stub that belongs to the form
COUNT = "$count"  # the stub that counts runs of the site
COUNTER = "$counter"  # the site's counter, 64 bits
TABLE_ROW = "$row"  # address of the table row the binding made for the instruction (see Binding.tables)


class Fixup(NamedTuple):
    """A hole in a template: `offset` bytes in, filled by `kind` from symbol + addend."""

    offset: int
    symbol: str
    addend: int
    kind: FixupKind = FixupKind.PC32


class Stub(NamedTuple):
    """Code the linker places behind the module's text, at multiples of `align` bytes.

    `per_site`: one for every site, else one an instruction. `far`: the stub to take where addresses need more than 32
    bits with sign.
    """

    code: bytes
    fixups: tuple[Fixup, ...]
    per_site: bool = False
    align: int = 16
    far: Stub | None = None


class Form(NamedTuple):
    """A template for a site. What `code` does not fill of the room becomes NOPs."""

    kind: FormKind
    code: bytes
    fixups: tuple[Fixup, ...] = ()
    stub: Stub | None = None
    reason: str = ""
    counter: Stub | None = None  # set by linker/count/counting.py
    pad_front: bool = False  # NOPs in front of the code, so that it ends where the site ends
    far: Form | None = None  # for sites that are out of reach of the reserve


class Unbindable(NamedTuple):
    """The binding has no form for this instruction in this room; the site is reported, the link fails."""

    reason: str


class TargetNote(NamedTuple):
    """An ELF note that what starts the guest looks for. `required`: without it the image is not accepted."""

    owner: str
    type: int
    descriptor: bytes
    required: bool = True


class Tables(NamedTuple):
    """What the binding puts behind the module's data: `data` at `data_va`, and words to set inside the module.

    `rows[i]` is the offset in `data` of instruction i's row. `module_words`: values of exported 8-byte variables.
    `notes` go into the room of the image's SPACE note.
    """

    data: bytes
    rows: tuple[int, ...]
    module_words: Mapping[str, int] = MappingProxyType({})
    notes: tuple[TargetNote, ...] = ()


class TableContext(NamedTuple):
    """What is known when tables are made: everything about the image but the bytes.

    `sites` is sorted by address: (start_va, end_va, index into `instructions`). `symbols`: the module's exports where
    they are placed. `virtual_offset`: virtual minus physical address of the segment that holds the reserve's text.
    """

    instructions: Sequence[Instruction]
    sites: Sequence[tuple[int, int, int]]
    data_va: int
    guest_entry_va: int
    image_entry_va: int
    text_va: int
    text_len: int
    reserve_data_va: int
    reserve_data_len: int
    symbols: Mapping[str, int]
    virtual_offset: int


class ObjectRows(NamedTuple):
    """Rows that an object carries along, `rows[i]` the offset of instruction i's.

    `operand_off`: where in a row the address or displacement of a memory operand is, 8 bytes.
    """

    data: bytes
    rows: tuple[int, ...]
    operand_off: int


@runtime_checkable
class ObjectBinding(Protocol):
    """What a binding has beside `Binding` if it takes kernel modules, whose addresses nobody can know."""

    def object_form(self, insn: Instruction, room_len: int, flags: int) -> Form | Unbindable:
        """As `Binding.form`. Fixups may name the module's exports and TABLE_ROW; no stubs."""

    def object_rows(self, instructions: Sequence[Instruction]) -> ObjectRows:
        """The rows of instructions whose forms name TABLE_ROW."""


class Binding(Protocol):
    """One target on one architecture."""

    target: str
    module: Path | None  # None: nothing is placed, no reserve needed
    entry_symbol: str | None  # module symbol that becomes the image's entry; None keeps the guest's

    def requirements(self, guest: Guest) -> Iterable[Finding]:
        """What of the guest does not fit, in the order in which to say it (linker/hypervisors/requirements.py)."""

    def form(self, insn: Instruction, room_len: int, flags: int) -> Form | Unbindable:
        """The form for one distinct instruction in `room_len` bytes; `flags` as in `.afterburn.info`."""

    def tables(self, context: TableContext) -> Tables:
        """Data the module needs about this image; empty for a target without a module."""
