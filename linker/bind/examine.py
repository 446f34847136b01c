"""What a bound image is made of, site by site, against what the linker itself would make of its original.

The original comes out of the image (`.afterburn.undo`, or the copy a grown image keeps). It is planned again for the
same target, leaving out the sites that the image shows to be left out, so that every byte of a well bound image is
foretold:

    present     c6 05 3e 60 01 00 00 90     what the image holds
    original    fa 90 90 90 90 90 90 90     as annotated
    planned     c6 05 3e 60 01 00 00 90     what the linker makes of it: the same, or the site is damaged
"""

from __future__ import annotations

import enum
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from linker.bind.apply import apply
from linker.bind.phases import Selection, plan_link
from linker.bind.source import Source, anonymous, grown_source, original_source
from linker.errors import LinkError, naming
from linker.hypervisors.base import Form
from linker.image.file import open_image
from linker.image.memory import gather
from linker.image.places import speaking
from linker.image.symbols import Symbols
from linker.plan.make import SKIPPED, choose_forms
from linker.quick.collection import gc_paused
from linker.quick.tuples import NamedTuple
from linker.registry import binding_for, targets
from linker.sites.formats import INFO_PAD_FRONT
from linker.table.decode import decode
from linker.table.guest import read_guest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linker.hypervisors.base import Binding
    from linker.image.windows import Bytes
    from linker.plan.patches import Plan
    from linker.sites.codec import Codec, Instruction
    from linker.table.decode import SiteGroup, Sites
    from linker.table.guest import GuestTable
    from linker.table.read import Bound

BARE = "bare"  # what an image of the original format can be bound to without a note that says so


class SiteState(enum.Enum):
    """What a site's bytes are."""

    ANNOTATED = "annotated"  # the image is not bound
    SKIPPED = "skipped"  # left out by --only or --skip: as annotated
    BOUND = "bound"  # in its form
    DAMAGED = "damaged"  # neither


class ExaminedSite(NamedTuple):
    """One site.

    position     in address order
    start_va     half-open range of the site, instruction and padding
    end_va
    off          where it stands in the file
    instruction  the annotated original's
    flags        of `.afterburn.info`
    original     bytes as annotated
    present      bytes in the image
    planned      bytes the linker would write; of an image that is not bound, and of a site left out, the original
    state        see `SiteState`. A site whose form looks as annotated (no padding to change) counts as bound as long
                 as the BOUND note's count allows
    form         how it is bound (`FormKind`), "skipped"; empty for an image that is not bound
    reason       why it takes the form
    """

    position: int
    start_va: int
    end_va: int
    off: int
    instruction: Instruction
    flags: int
    original: bytes
    present: bytes
    planned: bytes
    state: SiteState
    form: str
    reason: str


class Examination(NamedTuple):
    """An image taken apart. Valid inside the `examined` block only.

    path      the file
    target    what the image is bound to; empty for an annotated original
    is_grown  whether the linker added the reserve to the file
    present   the file's bytes
    original  the annotated original's bytes
    expected  what the linker makes of the original for the target: the whole file
    table     what is known of the image; offsets are those of `present` and `expected`
    plan      from the original to `expected`; None for an image that is not bound
    binding   the target's; None for an image that is not bound
    sites     in address order
    """

    path: Path
    target: str
    is_grown: bool
    present: Bytes
    original: Bytes
    expected: Bytes
    table: GuestTable
    plan: Plan | None
    binding: Binding | None
    sites: tuple[ExaminedSite, ...]

    def symbols(self) -> Symbols:
        """The image's symbols (slow to read)."""
        return Symbols(self.table.image, self.expected)


@contextmanager
def examined(path: str | Path, *, binding: Binding | None = None) -> Iterator[Examination]:
    """Take an image apart; LinkError when it cannot be read, or its target's forms do not fit its sites.

    `binding` overrides the installed binding of the target the image says it is bound to.
    """
    path = Path(path)
    with naming(path), open_image(path) as file, gc_paused():
        source = original_source(file)
        with speaking(source.table.image):
            yield _examine(path, source, binding)


def _examine(path: Path, source: Source, binding: Binding | None) -> Examination:
    present = source.file.memory
    original, table = _restored(source)
    sites = decode(table.annotations, original, table.image.windows, table.codec)
    target = source.previous or _bound_without_note(source, sites)
    if not target:
        # An image that is not bound is its own original.
        listed = _list_sites(sites, present, None, table.codec)
        return Examination(path, "", False, present, original, original, table, None, None, listed)
    if binding is None and target not in targets():
        raise LinkError(
            "image is bound to an unknown target",
            where="note BOUND",
            found=repr(target),
            expected=", ".join(targets()),
            advice="use the previrt that bound it",
        )
    binding = binding or binding_for(target, table.image.machine)
    is_grown = not source.is_file
    if is_grown and table.image.is_object:
        raise LinkError(
            f"a kernel module bound to {target} cannot be taken apart",
            found="relocations that only its kernel explains, or a signature that was given up",
            expected="an image, or an object bound to bare in place",
            advice="previrt-link --list shows its sites, --restore gives the original back",
        )
    whole = Source(source.file, anonymous(original), table, "", is_file=source.is_file)
    if is_grown:
        whole = grown_source(whole, target, counts=source.counts)
        if len(whole.memory) != len(present):
            raise LinkError(
                "grown image has the wrong size",
                found=f"{len(present)} bytes",
                expected=f"{len(whole.memory)}, as the linker grows its original",
                advice="it was grown by another version of LIEF or damaged; link again",
            )
        sites = decode(whole.table.annotations, whole.memory, whole.table.image.windows, table.codec)
    said = (read_guest(present) if is_grown else source.table).annotations.bound
    which = _bound_sites(sites, present, binding, said, table.codec)
    chosen = Selection(indexes=which, counts=source.counts, anyway=True)
    windows = whole.table.image.windows
    plan = plan_link(whole.memory, whole.table, windows, binding, chosen, keeps_original=whole.is_grown)
    apply(plan, whole.memory, plan.edits)
    listed = _list_sites(sites, present, plan, table.codec)
    return Examination(path, target, is_grown, present, original, whole.memory, whole.table, plan, binding, listed)


def _restored(source: Source) -> tuple[Bytes, GuestTable]:
    """The annotated original, and what it says."""
    memory = anonymous(source.memory)
    table = source.table
    plan = plan_link(memory, table, table.image.windows, None, Selection())
    apply(plan, memory, plan.edits)
    return memory, read_guest(memory)


def _bound_without_note(source: Source, original: Sites) -> str:
    """An image of the original format has no note: bound to bare, its padding shows it."""
    if source.table.annotations.bound is not None:
        return ""
    changed = any(gather(source.memory, group_offs(original, g), g.room_len) != g.before for g in original.groups)
    return BARE if changed else ""


def group_offs(sites: Sites, group: SiteGroup) -> list[int]:
    """Where the sites of a group stand."""
    return [sites.offs[index] for index in group.members]


def _bound_sites(sites: Sites, present: Bytes, binding: Binding, said: Bound | None, codec: Codec) -> set[int]:
    """Indexes of the sites that are bound: those not as annotated; of those whose form looks so, as many as counted."""
    bound: set[int] = set()
    unclear: list[int] = []
    for group, form in choose_forms(sites, binding, codec):
        for index, off in zip(group.members, group_offs(sites, group), strict=True):
            original = group.before[: group.room_len]
            if present[off : off + group.room_len] != original:
                bound.add(index)
            elif isinstance(form, Form) and not form.fixups and _filled(form, group, codec) == original:
                unclear.append(index)
    count = len(sites.offs) if said is None or not said.target else said.site_count
    return bound.union(sorted(unclear)[: max(0, count - len(bound))])


def _filled(form: Form, group: SiteGroup, codec: Codec) -> bytes:
    filler = codec.nops(group.room_len - len(form.code))
    return filler + form.code if form.pad_front else form.code + filler


def _list_sites(sites: Sites, present: Bytes, plan: Plan | None, codec: Codec) -> tuple[ExaminedSite, ...]:
    planned: dict[int, tuple[bytes, str, str]] = {}
    if plan is not None:
        for patches in plan.groups:
            for index, patch in zip(patches.members, patches.patches(), strict=True):
                planned[index] = (patch.after, patches.form, patches.reason)
    annotations = sites.annotations
    listed = []
    for group in sites.groups:
        code = group.instruction.code
        padding = codec.padding(group.room_len - len(code))
        original = padding + code if group.flags & INFO_PAD_FRONT else code + padding
        for index in group.members:
            off = sites.offs[index]
            held = bytes(present[off : off + group.room_len])
            after, form, reason = planned.get(index, (original, "", ""))
            listed.append(
                ExaminedSite(
                    position=index,
                    start_va=annotations.starts_va[index],
                    end_va=annotations.ends_va[index],
                    off=off,
                    instruction=group.instruction,
                    flags=group.flags,
                    original=original,
                    present=held,
                    planned=after,
                    state=_state(held, after, form, plan),
                    form=form,
                    reason=reason,
                )
            )
    return tuple(sorted(listed, key=lambda site: site.position))


def _state(held: bytes, planned: bytes, form: str, plan: Plan | None) -> SiteState:
    if held != planned:
        return SiteState.DAMAGED
    if plan is None:
        return SiteState.ANNOTATED
    return SiteState.SKIPPED if form == SKIPPED else SiteState.BOUND
