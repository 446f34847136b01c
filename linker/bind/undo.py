"""Phase 8: what a link made can be undone. Before output appears, the result is read as a new image that nobody knows.

    input    annotated, or bound            restoring it would write    fa 90 90 90 ...   note BOUND: 00 00 ...   ...
    result   c6 05 3e 60 01 00 00 90 ...    restoring it would write    fa 90 90 90 ...   note BOUND: 00 00 ...   ...

Both must be the same bytes at the same places, and places enough to cover all that the link changed: then restoring the
result gives what restoring the input gives. What is written at a site follows from its group, so groups are compared
and no copy of the image is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from linker.bind.phases import read_sites
from linker.errors import LinkError
from linker.image.grow import kept_original
from linker.plan.make import as_annotated, restoring_edits
from linker.plan.patches import Request
from linker.table.guest import read_guest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linker.image.grow import Kept
    from linker.image.windows import Bytes
    from linker.plan.patches import Edit, Plan
    from linker.table.decode import SiteGroup, Sites
    from linker.table.guest import GuestTable

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
    if bound is None or bound.target:
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
    for group in original.groups:
        meant = as_annotated(group, table.codec)
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
    """Read `memory`, which `plan` has changed, as a new image; LinkError unless it leads back to `original`."""
    try:
        table = read_guest(memory)
        again = find_original(memory, table, read_sites(memory, table, table.image.windows))
    except LinkError as error:
        raise no_way_back(f"it could not be read again: {error.what}", error.where) from error
    bound = table.annotations.bound
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
    if _meanings(original.groups) != _meanings(again.groups):
        raise no_way_back("its sites would be read as others")


def _meanings(groups: tuple[SiteGroup, ...]) -> dict[SiteGroup, Sequence[int]]:
    """Sites by what restoring makes of them; which bytes they hold now, and so how they are grouped, is no matter."""
    found: dict[SiteGroup, Sequence[int]] = {}
    for group in groups:
        meaning = group._replace(members=(), before=b"")
        others = found.get(meaning)
        found[meaning] = group.members if others is None else sorted([*others, *group.members])
    return found


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
