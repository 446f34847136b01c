"""Phase 6: write a plan into memory. Every old byte is compared again first; then all is written."""

from __future__ import annotations

from collections import deque
from itertools import repeat
from typing import TYPE_CHECKING

from linker.decode import gather
from linker.errors import LinkError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from linker.patches import Edit, Plan
    from linker.read_image import WritableBytes


def apply(plan: Plan, memory: WritableBytes, edits: Sequence[Edit]) -> None:
    """Write all sites and these edits; LinkError, with nothing written, when `memory` is not what was planned for."""
    for group in plan.groups:
        if gather(memory, group.slices) != group.before:
            _explain_changed(plan, memory)
    for edit in edits:
        if bytes(memory[edit.off : edit.off + len(edit.before)]) != edit.before:
            raise LinkError(f"{edit.name} changed while it was being linked", advice="link again, undisturbed")

    for group in plan.groups:
        if group.after == b"".join(group.before):
            continue
        deque(map(memory.__setitem__, group.slices, split(group.after, group.room_len, len(group.members))), 0)
    for edit in edits:
        memory[edit.off : edit.off + len(edit.after)] = edit.after


def split(joined: bytes, length: int, count: int) -> Iterable[bytes]:
    """`count` pieces of `length` bytes; the same object again and again when they are all equal."""
    first = joined[:length]
    if joined == first * count:
        return repeat(first, count)
    return map(joined.__getitem__, map(slice, range(0, len(joined), length), range(length, len(joined) + 1, length)))


def _explain_changed(plan: Plan, memory: WritableBytes) -> None:
    for group in plan.groups:
        for start_va, piece, before in zip(group.starts_va, group.slices, group.before, strict=True):
            now = bytes(memory[piece])
            if now != before:
                raise LinkError(
                    "site changed while it was being linked",
                    where=f"{start_va:#x}",
                    found=now.hex(" "),
                    expected=before.hex(" "),
                    advice="link again, undisturbed",
                )
