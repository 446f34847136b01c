"""Phase 8: what a link made can be undone. Before output appears, the result is read as a new image that nobody knows.

    input    annotated, or bound            restoring it would write    fa 90 90 90 ...   note BOUND: 00 00 ...   ...
    result   c6 05 3e 60 01 00 00 90 ...    restoring it would write    fa 90 90 90 ...   note BOUND: 00 00 ...   ...

Both must be the same bytes at the same places, and places enough to cover all that the link changed: then restoring the
result gives what restoring the input gives. What stands at a site follows from its group, so groups are looked at
and no copy of the image is made.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING

from linker.errors import LinkError
from linker.image.grow import kept_original
from linker.image.memory import gather
from linker.image.read import read_image
from linker.plan.check import by_offset, check_bound, site_within
from linker.plan.make import as_annotated, restoring_edits
from linker.plan.patches import Request, pick
from linker.quick.tuples import NamedTuple
from linker.table.decode import Sites, decode_site, site_flags, undone
from linker.table.guest import GuestTable, read_guest
from linker.table.read import read_marks, tables_read, with_marks

if TYPE_CHECKING:
    from linker.image.grow import Kept
    from linker.image.windows import Bytes
    from linker.plan.patches import Edit, PatchGroup, Plan
    from linker.sites.codec import Codec
    from linker.table.decode import SiteGroup
    from linker.table.read import Annotations

NOTHING_WRITTEN = "nothing was written; build the guest again, with the headers, notes and tables that previrt-as made"


class Original(NamedTuple):
    """The annotated original, as far as a link changes it: the sites, and everything else that restoring writes."""

    groups: tuple[SiteGroup, ...]
    edits: tuple[Edit, ...]


def find_original(memory: Bytes, table: GuestTable, sites: Sites) -> Original:
    """What restoring the image in `memory` writes; its `sites` are decoded already."""
    windows = table.image.windows
    request = Request(table.image, memory, windows, sites, table.codec, binding=None, module=None, chosen=None)
    return Original(sites.groups, tuple(restoring_edits(request)))


def require_annotated(original: Original, table: GuestTable) -> None:
    """An image that says it is not bound must be its own original; LinkError names what restoring it would change.

    One of the original format says nothing, so its padding may be of either kind.
    """
    bound = table.annotations.bound
    if bound is not None and bound.target:
        return
    for edit in original.edits:
        if edit.before != edit.after:
            raise LinkError(
                f"{edit.name} is not as annotated, but the image is not marked as bound",
                where=f"offset {edit.off:#x}",
                found=_excerpt(edit.before, edit.after),
                expected=_excerpt(edit.after, edit.before),
                advice="link from the original image",
            )
    for group in original.groups if bound is not None else ():
        meant = as_annotated(group.instruction, group.room_len, group.flags, table.codec)
        if group.before != meant * len(group.members):
            raise LinkError(
                f"padding of '{group.instruction.text}' is not as annotated, but the image is not marked as bound",
                where=f"{table.annotations.starts_va[group.members[0]]:#x}",
                found=group.before[: group.room_len].hex(" "),
                expected=meant.hex(" "),
                advice="link from the original image",
            )


EXCERPT_LEN = 8


def _excerpt(one: bytes, other: bytes) -> str:
    """Some bytes from the first that differs on."""
    at = next((n for n, (mine, others) in enumerate(zip(one, other, strict=False)) if mine != others), 0)
    return f"{one[at : at + EXCERPT_LEN].hex(' ')} at +{at:#x}"


def require_undo(plan: Plan, memory: Bytes, before: GuestTable, original: Original) -> None:
    """Read `memory`, which `plan` has changed, as a new image; LinkError unless it leads back to `original`.

    Its tables are read again only if something was written there, which is an error already: a table may have a
    million records. What the sites hold is known from `linker.bind.verify`.
    """
    _require_untouched(original, before)
    try:
        image = read_image(memory)
        annotations = with_marks(before.annotations, read_marks(image, memory, before.codec))
        check_bound(annotations, image)
        again = find_original(memory, GuestTable(image, annotations, before.codec, None), Sites(annotations, (), ()))
    except LinkError as error:
        raise no_way_back(f"it could not be read again: {error.what}", error.where) from error
    was = before.image
    if (image.sections, image.windows, image.loads) != (was.sections, was.windows, was.loads):
        raise no_way_back("its headers would be others")
    bound = annotations.bound
    if before.annotations.bound is not None and (bound is None or bound.target != plan.target):
        raise no_way_back("its note BOUND would not say so", "note BOUND")
    for one, other in zip(original.edits, again.edits, strict=False):
        if (one.off, one.after) != (other.off, other.after):
            raise no_way_back(f"{one.name} would be restored to something else", f"offset {one.off:#x}")
    if len(original.edits) != len(again.edits):
        raise no_way_back("its notes or tables would be others")
    ranges = {(edit.off, len(edit.after)) for edit in again.edits}
    for edit in plan.edits:
        if (edit.off, len(edit.after)) not in ranges:
            raise no_way_back(f"{edit.name} would not be restored", f"offset {edit.off:#x}")
    undo = annotations.undo
    if undo is not None and undo.count(0) == len(undo):
        undo = None  # nothing is overwritten
    for group in plan.groups:
        why = _lost(group, annotations, undo, before.codec)
        if why:
            raise no_way_back(f"'{group.instruction.text}' {why}", f"{group.first_va:#x}")


def _require_untouched(original: Original, before: GuestTable) -> None:
    """Nothing may be written, by a link or the way back, where a table is that must be read again."""
    image, annotations = before.image, before.annotations
    windows = by_offset(image.windows)
    edits = sorted((edit for edit in original.edits if edit.after), key=lambda edit: edit.off)
    ends = list(accumulate((edit.off + len(edit.after) for edit in edits), max))
    for section in tables_read(image):
        if section.type == "SHT_NOTE" or not section.has_contents:
            continue  # notes are read again
        end = section.off + section.len
        before_end = bisect_left(edits, end, key=lambda edit: edit.off)
        site_va = site_within(section.off, end, windows, annotations)
        if before_end and section.len and ends[before_end - 1] > section.off:
            what = next(one.name for one in edits[:before_end] if one.off + len(one.after) > section.off)
        elif site_va is not None:
            what = f"the site at {site_va:#x}"
        else:
            continue
        raise no_way_back(f"{section.name} would be overwritten by {what}", f"offset {section.off:#x}")


def _lost(group: PatchGroup, annotations: Annotations, undo: bytes | None, codec: Codec) -> str:
    """Why restoring would not give all sites of a group their instruction back; empty if it would."""
    index, count, undo_len = group.members[0], len(group.members), codec.undo_len
    first, entry = group.after[: group.room_len], b""
    meant = as_annotated(group.instruction, group.room_len, site_flags(annotations, index), codec)
    if undo is not None and annotations.numbers[index] < annotations.record_count:
        numbers = pick(group.members, annotations.numbers)
        entries = gather(undo, [number * undo_len for number in numbers], undo_len)
        entry = entries[:undo_len]
        if entries != entry * count:
            return "is not kept for all of its sites"
    try:
        if entry[:1] not in (b"", b"\0"):
            return "" if undone(annotations, index, first, entry, codec) == meant else "is kept as something else"
        if group.after != first * count:
            return "is overwritten and not kept"
        if first == meant or decode_site(annotations, index, first, codec) == group.instruction:
            return ""
    except LinkError as error:
        return f"could not be read again: {error.what}"
    return "would be read as something else"


def require_kept(memory: Bytes, kept: Kept) -> None:
    """Read a grown image as a new one; LinkError unless it keeps `kept`."""
    try:
        found = kept_original(read_guest(memory).image, memory)
    except LinkError as error:
        raise no_way_back(f"it could not be read again: {error.what}", error.where) from error
    if found != kept:
        raise no_way_back("its original would not be found in it")


def no_way_back(why: str, where: str = "") -> LinkError:
    """The error for a result that cannot be restored."""
    return LinkError(f"the result could not be undone: {why}", where=where, advice=NOTHING_WRITTEN)
