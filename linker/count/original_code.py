"""The guest's code as annotated, whatever the image is bound to: what stands at an address before any binding."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from linker.image.windows import window_at
from linker.sites.formats import INFO_PAD_FRONT

if TYPE_CHECKING:
    from linker.plan.patches import Request
    from linker.table.decode import SiteGroup

LONGEST_LEN = 16  # an instruction and more


class OriginalCode:
    """Reads code by address; sites are read as their annotated original has them."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._starts = request.sites.annotations.starts_va
        self._groups: dict[int, SiteGroup] = {}
        for group in request.sites.groups:
            self._groups.update(dict.fromkeys(group.members, group))

    def read(self, va: int) -> bytes:
        """Code from `va` on, up to `LONGEST_LEN` bytes or the end of its segment; empty where nothing is mapped."""
        window = window_at(self._request.windows, va)
        if window is None or va >= window.va + window.len:
            return b""
        length = min(LONGEST_LEN, window.va + window.len - va)
        off = va - window.va + window.off
        code = bytearray(self._request.memory[off : off + length])
        index = max(bisect_right(self._starts, va) - 1, 0)
        while index < len(self._starts) and self._starts[index] < va + length:
            start_va = self._starts[index]
            for n, value in enumerate(self._site(index), start_va - va):
                if 0 <= n < length:
                    code[n] = value
            index += 1
        return bytes(code)

    def _site(self, index: int) -> bytes:
        group = self._groups[index]
        code = group.instruction.code
        padding = self._request.codec.padding(group.room_len - len(code))
        return padding + code if group.flags & INFO_PAD_FRONT else code + padding
