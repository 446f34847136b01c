"""The image under proof, with what all checks ask for."""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from typing import TYPE_CHECKING

from linker.image.windows import offset_of
from linker.plan.check import by_offset
from linker.plan.place import place, read_module
from linker.verification.proof import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from linker.bind.examine import Examination, ExaminedSite
    from linker.image.symbols import Symbols
    from linker.image.windows import Window
    from linker.plan.place import Module, Placed
    from linker.table.read import Reserve

HEX_SHOWN_LEN = 16


class BoundImage:
    """A bound image taken apart, its module placed anew, its symbols."""

    def __init__(self, examination: Examination) -> None:
        """`examination` is of an image that is bound."""
        if examination.plan is None or examination.binding is None:
            raise ValueError("the image is not bound")
        self.examination = examination
        self.plan = examination.plan
        self.binding = examination.binding
        self.codec = examination.table.codec
        self.annotations = examination.table.annotations

    @cached_property
    def module(self) -> Module | None:
        """The packaged interface module."""
        return None if self.binding.module is None else read_module(self.binding.module, self.codec)

    @property
    def reserve(self) -> Reserve | None:
        """The room for a module, where there is one."""
        return self.annotations.reserve

    @cached_property
    def placed(self) -> Placed | None:
        """The module made for the reserve."""
        if self.module is None or self.reserve is None:
            return None
        return place(self.module, self.reserve.text_va, self.reserve.data_va)

    @cached_property
    def exports(self) -> Mapping[str, int]:
        """The module's entries and words where they stand."""
        return {} if self.placed is None else self.placed.symbols

    @cached_property
    def names(self) -> Mapping[int, tuple[str, ...]]:
        """The exports by address."""
        names: dict[int, tuple[str, ...]] = {}
        for name, va in self.exports.items():
            names[va] = (*names.get(va, ()), name)
        return names

    @cached_property
    def _symbols(self) -> Symbols:
        return self.examination.symbols()

    def symbol_at(self, va: int | None) -> str:
        """The guest's symbol, empty where there is none."""
        return "" if va is None else self._symbols.at(va)

    def present_at(self, va: int, length: int) -> bytes | None:
        """What the file holds for an address; None where nothing is mapped."""
        off = offset_of(self.examination.table.image.windows, va, length)
        return None if off is None else bytes(self.examination.present[off : off + length])

    def va_of(self, off: int) -> int | None:
        """The address of an offset."""
        windows = self._windows
        index = bisect_right(windows, off, key=lambda window: window.off) - 1
        if index < 0 or off >= windows[index].off + windows[index].len:
            return None
        return off - windows[index].off + windows[index].va

    @cached_property
    def _windows(self) -> Sequence[Window]:
        return by_offset(self.examination.table.image.windows)

    def site_failure(self, check: str, site: ExaminedSite, expected: str, found: str) -> Failure:
        """A failure of a site."""
        symbol = self.symbol_at(site.start_va)
        return Failure(check, "site", site.start_va, site.off, symbol, site.instruction.text, expected, found)

    def failure(self, check: str, part: str, *, va: int | None = None, expected: str, found: str) -> Failure:
        """A failure of something else."""
        return Failure(check, part, va, None, self.symbol_at(va), "", expected, found)


def shown(code: bytes | bytearray) -> str:
    """Bytes for a message, the first few of many."""
    text = code[:HEX_SHOWN_LEN].hex(" ")
    return f"{text} ... ({len(code)} bytes)" if len(code) > HEX_SHOWN_LEN else text or "nothing"
