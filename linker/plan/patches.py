"""What a plan is made of: patches of sites, kept in groups, and edits of anything else."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from linker.quick.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from linker.count.counters import Counters
    from linker.hypervisors.base import Binding, Fixup
    from linker.image.read import Image
    from linker.image.windows import Bytes, Window
    from linker.plan.place import Module
    from linker.sites.codec import Codec, Instruction
    from linker.table.decode import SiteGroup, Sites


T = TypeVar("T")


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


class BoundHook(NamedTuple):
    """A hook, bound or not. `va`: the guest's word (import) or place (export); `symbol`: the module's, empty: none."""

    direction: str
    name: str
    va: int
    symbol: str


class PatchGroup(NamedTuple):
    """Sites that take the same form.

    `members` are indexes of the address order, `offs` where they stand in memory. `before` and `after` hold `room_len`
    bytes for each member, one behind the other. `used_len`: bytes of the room the form fills; the rest is in front of
    them if `pad_front`, else behind. `targets` are the symbols of `fixups` resolved: one address, or one a member.
    """

    sites: Sites
    instruction: Instruction
    room_len: int
    members: Sequence[int]
    offs: Sequence[int]
    before: bytes
    form: str
    reason: str
    after: bytes
    used_len: int
    pad_front: bool
    fixups: tuple[Fixup, ...]
    targets: tuple[int | Sequence[int], ...]

    @property
    def starts_va(self) -> Sequence[int]:
        """The members' addresses."""
        return pick(self.members, self.sites.annotations.starts_va)

    @property
    def first_va(self) -> int:
        """The first member's address."""
        return self.sites.annotations.starts_va[self.members[0]]

    def patches(self) -> Iterator[Patch]:
        """One patch a member."""
        length = self.room_len
        for n, start in enumerate(self.starts_va):
            room = slice(n * length, (n + 1) * length)
            yield Patch(Site(start, start + length), self.before[room], self.after[room], self.reason)

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
    """Everything a link changes."""

    target: str
    groups: tuple[PatchGroup, ...]
    edits: tuple[Edit, ...]
    stubs: tuple[Code, ...]
    entry_va: int
    module_abi: int
    site_count: int
    counters: Counters | None = None
    hooks: tuple[BoundHook, ...] = ()
    warnings: tuple[str, ...] = ()  # what the guest lacks on this target, unless it knows better


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
    counts: bool = False  # every bound site counts its runs
    keeps_original: bool = False  # the whole original is kept elsewhere, so nothing needs `.afterburn.undo`

    @property
    def original_entry_va(self) -> int:
        """The entry of the annotated original."""
        bound = self.sites.annotations.bound
        return bound.saved_entry_va if bound is not None and bound.target else self.image.entry_va


def pick(members: Sequence[int], rows: Sequence[T]) -> Sequence[T]:
    """The rows of these members, in their order."""
    return rows if len(members) == len(rows) else list(map(rows.__getitem__, members))


def split_group(group: SiteGroup, chosen: Collection[int] | None) -> tuple[SiteGroup, SiteGroup]:
    """The members of a group that are chosen, and the others."""
    if chosen is None:
        return group, group._replace(members=(), before=b"")
    length = group.room_len
    held = [(index, group.before[n * length : (n + 1) * length]) for n, index in enumerate(group.members)]
    mine, others = (
        group._replace(members=[index for index, _ in part], before=b"".join([before for _, before in part]))
        for part in ([one for one in held if one[0] in chosen], [one for one in held if one[0] not in chosen])
    )
    return mine, others


class Filled(NamedTuple):
    """What the sites of a group become; see the fields of the same names in `PatchGroup`."""

    form: str
    reason: str
    after: bytes
    used_len: int
    pad_front: bool
    fixups: tuple[Fixup, ...] = ()
    targets: tuple[int | Sequence[int], ...] = ()


def patch_group(sites: Sites, group: SiteGroup, filled: Filled) -> PatchGroup:
    """A group's sites with where they stand and what they hold now."""
    return PatchGroup(
        sites=sites,
        instruction=group.instruction,
        room_len=group.room_len,
        members=group.members,
        offs=pick(group.members, sites.offs),
        before=group.before,
        form=filled.form,
        reason=filled.reason,
        after=filled.after,
        used_len=filled.used_len,
        pad_front=filled.pad_front,
        fixups=filled.fixups,
        targets=filled.targets,
    )
