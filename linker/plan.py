"""Phase 4: what each byte becomes. Pure: no file is read, nothing is written.

A plan is an immutable list of `Patch(site, before, after, reason)`, kept as groups of sites that take the same form, so
that a million sites are a few long strings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from linker.check import offset_of, record_name
from linker.errors import LinkError
from linker.fill import fill
from linker.hypervisors.base import (
    SITE_END,
    SITE_START,
    STUB,
    TABLE_ROW,
    Fixup,
    Form,
    FormKind,
    TableContext,
    Tables,
    Unbindable,
)
from linker.place import Placed, place
from linker.read_annotations import Bound, build_bound
from linker.read_image import ENTRY_OFF
from linker.sites.formats import INFO_PAD_FRONT, UNDO_LEN

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from linker.decode import SiteGroup, Sites
    from linker.hypervisors.base import Binding, Stub
    from linker.place import Module
    from linker.read_annotations import Reserve
    from linker.read_image import Bytes, Image, Window
    from linker.sites.codec import Codec, Instruction

STUB_ALIGN = 16
TABLE_ALIGN = 64  # a cache line
KEEPS_INSTRUCTION = frozenset({FormKind.NATIVE, FormKind.TRAP})
SKIPPED = "skipped"
RESTORED = "restored"


class Site(NamedTuple):
    """The half-open range of one sensitive instruction and its padding."""

    start_va: int
    end_va: int


class Patch(NamedTuple):
    """One site's change."""

    site: Site
    before: bytes
    after: bytes
    reason: str


class Edit(NamedTuple):
    """A change outside the sites. `in_file_only`: it is in no segment, so guest memory does not have it."""

    name: str
    off: int
    before: bytes
    after: bytes
    in_file_only: bool = False


class PatchGroup(NamedTuple):
    """Sites that take the same form. `after` holds `room_len` bytes for each member, one behind the other.

    `used_len`: bytes of the room the form fills. `template` and `fixups` tell the verifier what was meant;
    `targets` are the fixups' symbols resolved, an address or one for each member.
    """

    instruction: Instruction
    room_len: int
    form: str
    reason: str
    members: Sequence[int]
    starts_va: Sequence[int]
    slices: Sequence[slice]
    before: Sequence[bytes]
    after: bytes
    used_len: int
    fixups: tuple[Fixup, ...]
    targets: tuple[int | Sequence[int], ...]
    pad_front: bool

    @property
    def keeps_instruction(self) -> bool:
        """Whether the site still holds its own instruction."""
        return not self.fixups and self.after.startswith(self.instruction.code, self.instruction_off)

    @property
    def instruction_off(self) -> int:
        """Where in the room the instruction stands, if the site holds it."""
        return self.room_len - self.instruction.length if self.pad_front else 0


class Code(NamedTuple):
    """Stubs, for the verifier: `code` stands at `va`."""

    va: int
    code: bytes


class Plan(NamedTuple):
    """Everything a link changes. Iterating gives a `Patch` for each site, group by group."""

    target: str
    groups: tuple[PatchGroup, ...]
    edits: tuple[Edit, ...]
    stubs: tuple[Code, ...]
    entry_va: int
    module_abi: int
    site_count: int

    def patches(self) -> Iterator[Patch]:
        """One patch a site."""
        for group in self.groups:
            length = group.room_len
            for n, (start, before) in enumerate(zip(group.starts_va, group.before, strict=True)):
                after = group.after[n * length : (n + 1) * length]
                yield Patch(Site(start, start + length), before, after, group.reason)


class Request(NamedTuple):
    """What a plan is made from. `binding` None restores the annotated original; `chosen` None binds all sites."""

    image: Image
    memory: Bytes
    windows: Sequence[Window]
    sites: Sites
    codec: Codec
    binding: Binding | None
    module: Module | None
    chosen: Collection[int] | None
    keeps_original: bool = False  # the whole original is kept elsewhere, so nothing needs `.afterburn.undo`


class UnboundSites(LinkError):
    """Some sites have no form for the target; `failures` says which (class, text, room, reason, first address, count)."""

    failures: tuple[tuple[str, str, int, str, int, int], ...] = ()


def choose_forms(sites: Sites, binding: Binding, codec: Codec) -> list[tuple[SiteGroup, Form | Unbindable]]:
    """The form of each group, or why there is none."""
    chosen: list[tuple[SiteGroup, Form | Unbindable]] = []
    for group in sites.groups:
        form = binding.form(group.instruction, group.room_len, group.flags)
        if isinstance(form, Form):
            if len(form.code) > group.room_len:
                form = Unbindable(f"site is too short: {len(form.code)} bytes needed, {group.room_len} there")
            elif form.kind in KEEPS_INSTRUCTION and (form.fixups or form.code != group.instruction.code):
                raise ValueError(f"{binding.target}: form {form.kind.value} must keep '{group.instruction.text}'")
        chosen.append((group, form))
    return chosen


def make_plan(request: Request) -> Plan:
    """Plan a binding, or with no binding the way back; LinkError when a site cannot be bound or does not fit."""
    if request.binding is None:
        return _plan_restore(request)
    planned, left = [], []
    for group, form in choose_forms(request.sites, request.binding, request.codec):
        mine, others = _split(group, request.chosen)
        if mine.members:
            planned.append((mine, form))
        if others.members:
            left.append(others)
    bindable = _require_forms(request, planned)
    layout = _Layout(request, [group for group, _ in bindable] + left)
    groups = [layout.patch(group, form) for group, form in bindable]
    groups += [_unchanged(request, group, SKIPPED, "not selected") for group in left]
    overwritten = [group for group in groups if not group.keeps_instruction]
    if overwritten and request.sites.annotations.undo is None and not request.keeps_original:
        raise LinkError(
            "no room to keep overwritten instructions",
            expected="a section .afterburn.undo",
            advice="build the guest with previrt-as",
        )
    site_count = sum(len(group.members) for group, _ in bindable)
    bound = Bound(request.binding.target, layout.module_abi, _original_entry_va(request), site_count)
    return Plan(
        target=request.binding.target,
        groups=tuple(groups),
        edits=_edits(request, layout.text, layout.data, bound, overwritten, layout.entry_va),
        stubs=tuple(layout.stubs),
        entry_va=layout.entry_va,
        module_abi=layout.module_abi,
        site_count=site_count,
    )


def _plan_restore(request: Request) -> Plan:
    groups = tuple(_unchanged(request, group, RESTORED, "as annotated") for group in request.sites.groups)
    entry_va = _original_entry_va(request)
    edits = _edits(request, b"", b"", Bound("", 0, 0, 0), [], entry_va)
    return Plan("", groups, edits, (), entry_va, 0, 0)


def _original_entry_va(request: Request) -> int:
    bound = request.sites.annotations.bound
    return bound.saved_entry_va if bound is not None and bound.target else request.image.entry_va


def _split(group: SiteGroup, chosen: Collection[int] | None) -> tuple[SiteGroup, SiteGroup]:
    if chosen is None:
        return group, group._replace(members=())
    mine = [index for index in group.members if index in chosen]
    others = [index for index in group.members if index not in chosen]
    return group._replace(members=mine), group._replace(members=others)


def _require_forms(
    request: Request, planned: Sequence[tuple[SiteGroup, Form | Unbindable]]
) -> list[tuple[SiteGroup, Form]]:
    failed = [(group, form) for group, form in planned if isinstance(form, Unbindable)]
    if not failed:
        return [(group, form) for group, form in planned if isinstance(form, Form)]
    annotations = request.sites.annotations
    group, reason = failed[0]
    count = sum(len(group.members) for group, _ in failed)
    error = UnboundSites(
        f"{count} of {len(annotations.starts_va)} sites cannot be bound; the first is '{group.instruction.text}' "
        f"({group.instruction.class_name}) in {group.room_len} bytes: {reason.reason}",
        where=record_name(annotations, group.members[0]),
        advice="--list shows all of them; --skip leaves them native",
    )
    error.failures = tuple(
        (
            group.instruction.class_name,
            group.instruction.text,
            group.room_len,
            form.reason,
            annotations.starts_va[group.members[0]],
            len(group.members),
        )
        for group, form in failed
    )
    raise error


def _pick(members: Sequence[int], rows: Sequence[int]) -> Sequence[int]:
    return rows if len(members) == len(rows) else list(map(rows.__getitem__, members))


def _patch_group(
    request: Request, group: SiteGroup, form: str, reason: str, after: bytes, used_len: int, pad_front: bool, **fixed: tuple[object, ...]
) -> PatchGroup:
    sites, members = request.sites, group.members
    everything = len(members) == len(sites.found)
    return PatchGroup(
        instruction=group.instruction,
        room_len=group.room_len,
        form=form,
        reason=reason,
        members=members,
        starts_va=_pick(members, sites.annotations.starts_va),
        slices=sites.slices if everything else list(map(sites.slices.__getitem__, members)),
        before=sites.found if everything else list(map(sites.found.__getitem__, members)),
        after=after,
        used_len=used_len,
        fixups=fixed.get("fixups", ()),
        targets=fixed.get("targets", ()),
        pad_front=pad_front,
    )


def _unchanged(request: Request, group: SiteGroup, form: str, reason: str) -> PatchGroup:
    """Sites as the annotated original has them."""
    code = group.instruction.code
    padding = request.codec.padding(group.room_len - len(code))
    pad_front = bool(group.flags & INFO_PAD_FRONT)
    original = padding + code if pad_front else code + padding
    return _patch_group(request, group, form, reason, original * len(group.members), len(code), pad_front)


class _Layout:
    """Where module, stubs and tables stand, and what sites become when they know.

        reserve, text part:  [ module text | stubs ... | cc ... ]
        reserve, data part:  [ module data, bss | tables | 00 ... ]
    """

    def __init__(self, request: Request, groups: Sequence[SiteGroup]) -> None:
        """`groups`: all sites, those too that are left as they are: a module may meet them when they trap."""
        assert request.binding is not None
        self._request = request
        self._groups = groups
        self._reserve = request.sites.annotations.reserve
        self._rows: dict[Instruction, int] = {}
        self._shared: dict[tuple[Stub, Instruction], int] = {}
        self.stubs: list[Code] = []
        self.text, self.data = bytearray(), bytearray()
        self.symbols: Mapping[str, int] = {}
        self.module_abi = 0
        self.entry_va = _original_entry_va(request)
        if request.module is not None and self._reserve is not None:
            placed = place(request.module, self._reserve.text_va, self._reserve.data_va)
            self.text, self.data, self.symbols = placed.text, placed.data, placed.symbols
            self.module_abi = request.module.abi
            self._add_tables(placed)
            if request.binding.entry_symbol is not None:
                self.entry_va = self._symbol(request.binding.entry_symbol)

    def _add_tables(self, placed: Placed) -> None:
        assert self._request.binding is not None
        assert self._reserve is not None
        reserve, annotations = self._reserve, self._request.sites.annotations
        indexes: dict[Instruction, int] = {}
        sites = []
        for group in self._groups:
            row = indexes.setdefault(group.instruction, len(indexes))
            sites += [(annotations.starts_va[n], annotations.ends_va[n], row) for n in group.members]
        sites.sort()
        self.data += bytes(-len(self.data) % TABLE_ALIGN)
        tables_va = reserve.data_va + len(self.data)
        tables: Tables = self._request.binding.tables(
            TableContext(
                instructions=tuple(indexes),
                sites=sites,
                data_va=tables_va,
                guest_entry_va=reserve.entry_va,
                image_entry_va=_original_entry_va(self._request),
                text_va=reserve.text_va,
                text_len=reserve.text_len,
                reserve_data_va=reserve.data_va,
                reserve_data_len=reserve.data_len,
            )
        )
        self._rows = {
            instruction: tables_va + row for instruction, row in zip(indexes, tables.rows, strict=bool(tables.rows))
        }
        for name, value in tables.module_words.items():
            off = placed.symbols[name] - reserve.data_va
            self.data[off : off + 8] = value.to_bytes(8, "little")
        self.data += tables.data
        _require_room("data", len(self.data), reserve.data_len)

    def patch(self, group: SiteGroup, form: Form) -> PatchGroup:
        """The sites of a group in their form, stubs placed."""
        request, annotations = self._request, self._request.sites.annotations
        starts = _pick(group.members, annotations.starts_va)
        stub_va = None if form.stub is None else self._place_stub(form.stub, group, starts)
        filler = request.codec.nops(group.room_len - len(form.code))
        shift = len(filler) if form.pad_front else 0
        template = filler + form.code if form.pad_front else form.code + filler
        fixups = tuple(fixup._replace(offset=fixup.offset + shift) for fixup in form.fixups)
        resolve = self._resolver(group, starts, stub_va)
        return _patch_group(
            request,
            group,
            form.kind.value,
            form.reason,
            fill(template, fixups, starts, resolve, f"'{group.instruction.text}'"),
            len(form.code),
            form.pad_front,
            fixups=fixups,
            targets=tuple(resolve(fixup.symbol) for fixup in fixups),
        )

    def _symbol(self, name: str) -> int:
        if name not in self.symbols:
            module = self._request.module.name if self._request.module else "no module"
            raise LinkError(f"module does not export '{name}'", where=module, advice="build the module again")
        return self.symbols[name]

    def _resolver(
        self, group: SiteGroup, starts: Sequence[int], stub_va: int | Sequence[int] | None
    ) -> Callable[[str], int | Sequence[int]]:
        def resolve(symbol: str) -> int | Sequence[int]:
            if symbol == SITE_START:
                return starts
            if symbol == SITE_END:
                return [start + group.room_len for start in starts]
            if symbol == STUB and stub_va is not None:
                return stub_va
            if symbol == TABLE_ROW and group.instruction in self._rows:
                return self._rows[group.instruction]
            return self._symbol(symbol)

        return resolve

    def _place_stub(self, stub: Stub, group: SiteGroup, starts: Sequence[int]) -> int | Sequence[int]:
        """The address of the stub these sites share, or of each site's own."""
        shared = (stub, group.instruction)
        if not stub.per_site and shared in self._shared:
            return self._shared[shared]
        assert self._reserve is not None, "a binding with stubs has a module"
        self.text += self._request.codec.trap_fill(-len(self.text) % STUB_ALIGN)
        first_va = self._reserve.text_va + len(self.text)
        code = stub.code + self._request.codec.trap_fill(-len(stub.code) % STUB_ALIGN)
        count = len(group.members) if stub.per_site else 1
        stubs_va = range(first_va, first_va + count * len(code), len(code))
        resolve = self._resolver(group if stub.per_site else group._replace(members=()), starts if stub.per_site else (), None)
        filled = fill(code, stub.fixups, stubs_va, resolve, f"stub for '{group.instruction.text}'")
        self.text += filled
        _require_room("text", len(self.text), self._reserve.text_len)
        length = len(code)
        self.stubs += [
            Code(va, filled[n * length : n * length + len(stub.code)]) for n, va in enumerate(stubs_va)
        ]
        if stub.per_site:
            return stubs_va
        self._shared[shared] = first_va
        return first_va


def _require_room(part: str, needed_len: int, room_len: int) -> None:
    if needed_len > room_len:
        raise LinkError(
            f"the reserve's {part} part is too small",
            found=f"{room_len} bytes",
            expected=f"at least {needed_len}",
            advice=f"build the guest with PREVIRT_RESERVE_{part.upper()}={needed_len + 4095 & ~4095}",
        )


def _edits(
    request: Request, text: bytes, data: bytes, bound: Bound, overwritten: Sequence[PatchGroup], entry_va: int
) -> tuple[Edit, ...]:
    """Everything outside the sites that changes."""
    annotations, memory = request.sites.annotations, request.memory
    edits = []
    if annotations.reserve is not None:
        edits += _reserve_edits(request, annotations.reserve, text, data)
    note = annotations.bound_note
    if note is not None:
        length = len(note.descriptor)
        off = None if note.va is None else offset_of(request.windows, note.va, length)
        if off is None:
            edits.append(Edit("note BOUND", note.off, note.descriptor, build_bound(bound), True))
        else:
            edits.append(Edit("note BOUND", off, bytes(memory[off : off + length]), build_bound(bound)))
    if annotations.undo is not None:
        undo = _undo(request, annotations.record_count, overwritten)
        edits.append(Edit(".afterburn.undo", annotations.undo_off, annotations.undo, undo, True))
    word_len = request.image.word_len
    entries = [va.to_bytes(word_len, "little") for va in (request.image.entry_va, entry_va)]
    edits.append(Edit("entry address", ENTRY_OFF, *entries, True))
    return tuple(edit for edit in edits if edit.before != edit.after)


def _reserve_edits(request: Request, reserve: Reserve, text: bytes, data: bytes) -> Iterator[Edit]:
    for name, va, length, contents in (
        ("reserve text", reserve.text_va, reserve.text_len, text + request.codec.trap_fill(reserve.text_len - len(text))),
        ("reserve data", reserve.data_va, reserve.data_len, data + bytes(reserve.data_len - len(data))),
    ):
        off = offset_of(request.windows, va, length)
        assert off is not None, "check_reserve comes first"
        yield Edit(name, off, bytes(request.memory[off : off + length]), bytes(contents))


def _undo(request: Request, record_count: int, overwritten: Sequence[PatchGroup]) -> bytes:
    """`.afterburn.undo`: a length byte and the instruction for each site that lost its own."""
    undo = bytearray(record_count * UNDO_LEN)
    numbers = request.sites.annotations.numbers
    for group in overwritten:
        code = group.instruction.code
        entry = bytes([len(code)]) + code
        for number in _pick(group.members, numbers):
            undo[number * UNDO_LEN : number * UNDO_LEN + len(entry)] = entry
    return bytes(undo)
