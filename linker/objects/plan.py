"""Phase 4 for a kernel module bound to a target with an interface module: what its sites and relocations become.

    site              e8 [00 00 00 00] 0f 1f 00             R_X86_64_PC32  _printk + (entry - _printk) - 4
    site              cd 80 a9 [00 00 00 00] 90             R_X86_64_PC32  previrt_rows + 0x40
    .previrt.rows     ... displacement [8 bytes] ...        R_X86_64_64    the operand that was the instruction's
    the instruction's own relocation                        R_X86_64_NONE

Rows go into a section of the module's own, because the interface module cannot know where a module will be.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from typing import TYPE_CHECKING

from linker.errors import LinkError, UsageError
from linker.hypervisors.base import TABLE_ROW, FormKind, ObjectBinding, Unbindable
from linker.objects.kernel import choose_anchor
from linker.plan.edits import edits_in_memory
from linker.plan.make import SKIPPED, choose_forms, require_forms, unchanged
from linker.plan.patches import Filled, Plan, patch_group, split_group
from linker.quick.tuples import NamedTuple
from linker.sites.formats import INFO_PAD_FRONT
from linker.table.names import record_name
from linker.table.read import Bound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linker.hypervisors.base import Binding, Form, TableContext, Tables
    from linker.image.relocations import Relocatable, Relocation
    from linker.objects.kernel import Anchor, Kernel
    from linker.plan.patches import PatchGroup, Request
    from linker.sites.codec import Codec, Instruction
    from linker.table.decode import SiteGroup, Sites

ROWS_SYMBOL = -1  # in an `Addition`: the symbol of the section of rows, which is yet to be made
STT_SECTION = 3


class Addition(NamedTuple):
    """A relocation to add: `off` in section `section`, None for the section of rows."""

    section: int | None
    off: int
    type: int
    symbol: int
    addend: int


class ObjectPlan(NamedTuple):
    """A plan, relocations to add, those that the loader must not work any more, and the section of rows."""

    plan: Plan
    added: tuple[Addition, ...]
    dropped: tuple[Relocation, ...]
    rows: bytes


def object_binding(binding: Binding) -> ObjectBinding:
    """What a binding says of objects; UsageError where it takes none."""
    if not isinstance(binding, ObjectBinding):
        raise UsageError(
            f"target '{binding.target}' takes no relocatable objects",
            expected="a target whose interface module finds sites it does not know the address of",
            advice="docs/kernel-modules.md says which do",
        )
    return binding


class _InObjects:
    """A binding as the planner asks it, giving forms for objects."""

    def __init__(self, binding: Binding) -> None:
        self.entry_symbol = binding.entry_symbol
        self.target = binding.target
        self.module = binding.module
        self._tables = binding.tables
        self.requirements = binding.requirements
        self.form = object_binding(binding).object_form

    def tables(self, context: TableContext) -> Tables:
        """The binding's own."""
        return self._tables(context)


class _Planner:
    def __init__(self, request: Request, binding: ObjectBinding, relocatable: Relocatable, kernel: Kernel) -> None:
        self._request = request
        self._binding = binding
        self._relocatable = relocatable
        self._kernel = kernel
        self._types = request.codec.object_relocations
        self._anchor: Anchor | None = None
        self._sections = sorted((s.va, n) for n, s in enumerate(request.image.sections) if s.va)
        self._instructions: list[Instruction] = []  # of the rows
        self._row_numbers: dict[Instruction, int] = {}
        self._operands: dict[int, tuple[int, int]] = {}  # number of a row -> symbol and addend of its operand
        self._row_places: list[tuple[int, int, int, int]] = []  # section, offset, type, number of the row
        self.added: list[Addition] = []
        self.dropped: list[Relocation] = []

    def patch(self, group: SiteGroup, form: Form) -> PatchGroup:
        """The sites of a group in their form; relocations are noted."""
        filler = self._request.codec.nops(group.room_len - len(form.code))
        shift = len(filler) if form.pad_front else 0
        code = filler + form.code if form.pad_front else form.code + filler
        keeps = form.kind is FormKind.NATIVE or (not form.fixups and form.code == group.instruction.code)
        if not keeps:
            self.dropped += [one.relocation for one in group.relocated]
        for fixup in form.fixups:
            kind = self._types.fixups[fixup.kind.value]
            row = self._row(group) if fixup.symbol == TABLE_ROW else None
            for index in group.members:
                section, off = self._place(self._request.sites.annotations.starts_va[index] + shift + fixup.offset)
                if row is not None:
                    self._row_places.append((section, off, kind, row))
                else:
                    anchor = self._reach()
                    addend = self._entry(fixup.symbol) - anchor.va + fixup.addend
                    self.added.append(Addition(section, off, kind, anchor.symbol, addend))
        filled = Filled(form.kind.value, form.reason, code * len(group.members), len(form.code), form.pad_front)
        return patch_group(self._request.sites, group, filled)

    def rows(self) -> bytes:
        """The section of rows; what refers to rows, and what they refer to, is added."""
        made = self._binding.object_rows(self._instructions)
        for section, off, kind, number in self._row_places:
            self.added.append(Addition(section, off, kind, ROWS_SYMBOL, made.rows[number]))
        for number, (symbol, addend) in self._operands.items():
            off = made.rows[number] + made.operand_off
            self.added.append(Addition(None, off, self._types.address, symbol, addend))
        return made.data

    def _row(self, group: SiteGroup) -> int:
        """The number of the row of a group's instruction."""
        instruction, memory = group.instruction, group.instruction.memory
        if memory is None or not (group.relocated or instruction.ip_relative):
            if instruction not in self._row_numbers:
                self._row_numbers[instruction] = len(self._instructions)
                self._instructions.append(instruction)
            return self._row_numbers[instruction]
        # The operand is known to the loader only: a row of its own, filled by a relocation.
        number = len(self._instructions)
        self._instructions.append(instruction._replace(memory=memory._replace(displacement=0)))
        self._operands[number] = self._operand(group)
        return number

    def _operand(self, group: SiteGroup) -> tuple[int, int]:
        """Symbol and addend of a memory operand's address or displacement."""
        if not group.relocated:  # the assembler knew the distance: it is in the same section
            memory = group.instruction.memory
            where = record_name(self._request.sites.annotations, group.members[0])
            section, off = self._place(memory.displacement if memory else 0, where)
            return self._section_symbol(section, off)
        ((relocation, field_off, *_),) = group.relocated
        addend = relocation.addend or 0
        if relocation.type in self._types.pc_relative:
            front_len = group.room_len - group.instruction.length if group.flags & INFO_PAD_FRONT else 0
            addend += front_len + group.instruction.length - field_off
        return relocation.symbol, addend

    def _section_symbol(self, section: int, off: int) -> tuple[int, int]:
        """A symbol of a section, and what to add to it to reach an offset."""
        if section not in self._symbols:
            raise LinkError("section has no symbol", where=self._request.image.sections[section].name)
        _, number, value = self._symbols[section]
        return number, off - value

    @cached_property
    def _symbols(self) -> dict[int, tuple[bool, int, int]]:
        """Section -> number and value of its first symbol, or better of its own (then false comes first)."""
        best: dict[int, tuple[bool, int, int]] = {}
        for number, symbol in enumerate(self._relocatable.symbols):
            row = (symbol.type != STT_SECTION, number, symbol.value)
            best[symbol.section] = min(best.get(symbol.section, row), row)
        return best

    def _place(self, va: int, where: str = "") -> tuple[int, int]:
        """Section number and offset of a pseudo address; LinkError for one that an operand has led out of all."""
        index = bisect_right(self._sections, (va, len(self._sections))) - 1
        base_va, number = self._sections[index] if index >= 0 else (0, 0)
        if va > base_va + self._request.image.sections[number].len:
            raise LinkError(
                "operand leads out of the object's sections",
                where=where,
                expected="an address in a section, or a relocation",
                advice="take the object as the assembler or ld -r wrote it",
            )
        return number, va - base_va

    def _reach(self) -> Anchor:
        if self._anchor is None:
            self._anchor = choose_anchor(self._relocatable, self._kernel)
        return self._anchor

    def _entry(self, name: str) -> int:
        if name not in self._kernel.entries:
            raise LinkError(
                f"module does not export '{name}'", where=self._kernel.name, advice="build the module again"
            )
        return self._kernel.entries[name]


def make_object_plan(request: Request, binding: Binding, relocatable: Relocatable, kernel: Kernel) -> ObjectPlan:
    """Plan a binding; LinkError when a site cannot be bound."""
    planned, left = [], []
    for group, form in choose_object_forms(request.sites, binding, relocatable, request.codec):
        mine, others = split_group(group, request.chosen)
        if mine.members:
            planned.append((mine, form))
        if others.members:
            left.append(others)
    planner = _Planner(request, object_binding(binding), relocatable, kernel)
    bindable = require_forms(request, planned)
    groups = [planner.patch(group, form) for group, form in bindable]
    groups += [unchanged(request, group, SKIPPED, "not selected") for group in left]
    rows = planner.rows()
    site_count = sum(len(group.members) for group, _ in bindable)
    edits = edits_in_memory(request, b"", b"", Bound(binding.target, kernel.module_abi, 0, site_count))
    plan = Plan(
        target=binding.target,
        groups=tuple(groups),
        edits=tuple(edit for edit in edits if edit.before != edit.after),
        stubs=(),
        entry_va=0,
        module_abi=kernel.module_abi,
        site_count=site_count,
    )
    return ObjectPlan(plan, tuple(planner.added), tuple(planner.dropped), rows)


def choose_object_forms(
    sites: Sites, binding: Binding, relocatable: Relocatable, codec: Codec
) -> Iterator[tuple[SiteGroup, Form | Unbindable]]:
    """The form of each group in an object, or why there is none."""
    if binding.module is None:
        yield from choose_forms(sites, binding, codec)
        return
    for group, best in choose_forms(sites, _InObjects(binding), codec):
        form = best
        if not isinstance(form, Unbindable) and group.relocated and form.kind is not FormKind.NATIVE and form.fixups:
            form = _carried(group, relocatable) or form
        yield group, form


def _carried(group: SiteGroup, relocatable: Relocatable) -> Unbindable | None:
    """Why a form cannot take the instruction's relocation along, None if it can."""
    types, memory = relocatable.types, group.instruction.memory
    kinds = types.pc_relative if group.instruction.ip_relative else types.absolute
    if memory is None or group.instruction.immediate is not None or len(group.relocated) != 1:
        return Unbindable("its relocation is not that of a memory operand")
    kind = group.relocated[0].relocation.type
    if kind not in kinds:
        return Unbindable(f"its operand is relocated by {types.name(kind)}, which a row cannot have")
    return None
