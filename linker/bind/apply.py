"""Phase 6: write a plan into memory. Every old byte is compared again first; then all is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linker.errors import LinkError
from linker.image.memory import gather, scatter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linker.image.windows import WritableBytes
    from linker.plan.patches import Edit, PatchGroup, Plan


class ChangedError(LinkError):
    """A site holds something else than what was planned for; nothing has been written."""


def apply(plan: Plan, memory: WritableBytes, edits: Sequence[Edit]) -> None:
    """Write all sites and these edits; LinkError, with nothing written, when `memory` is not what was planned for."""
    for group in plan.groups:
        now = gather(memory, group.offs, group.room_len)
        if now != group.before:
            raise _changed(group, now)
    for edit in edits:
        if memory[edit.off : edit.off + len(edit.before)] != edit.before:
            raise LinkError(f"{edit.name} changed while it was being linked", advice="link again, undisturbed")

    for group in plan.groups:
        if group.after != group.before:
            scatter(memory, group.offs, group.room_len, group.after)
    for edit in edits:
        memory[edit.off : edit.off + len(edit.after)] = edit.after


def _changed(group: PatchGroup, now: bytes) -> ChangedError:
    length = group.room_len
    places = range(0, len(now), length)
    at = next(at for at in places if now[at : at + length] != group.before[at : at + length])
    return ChangedError(
        "site changed while it was being linked",
        where=f"{group.starts_va[at // length]:#x}",
        found=now[at : at + length].hex(" "),
        expected=group.before[at : at + length].hex(" "),
        advice="link again, undisturbed",
    )
