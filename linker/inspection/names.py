"""What stands at an address, by name: the image's symbols, and the interface module, which has none in the image."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from linker.bind.examine import Examination
    from linker.image.symbols import Symbols

MODULE = "interface module"


class SiteNames:
    """Names of one image."""

    def __init__(self, examination: Examination, symbols: Symbols) -> None:
        reserve = examination.table.annotations.reserve
        self._symbols = symbols
        self._parts = (
            [(reserve.text_va, reserve.text_len), (reserve.data_va, reserve.data_len)]
            if reserve is not None and examination.target
            else []
        )

    def at(self, va: int) -> str:
        """`symbol+0x12`, or where in the interface module; empty when nothing is known."""
        for start_va, length in self._parts:
            if start_va <= va < start_va + length:
                return f"{MODULE}+{va - start_va:#x}" if va > start_va else MODULE
        return self._symbols.at(va)
