"""Any x86 code as text, for a person: iced-x86 in AT&T syntax, at 64 or 32 bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iced_x86 import Decoder, Formatter, FormatterSyntax, MemorySizeOptions, Mnemonic

from linker.sites.codec import Line

if TYPE_CHECKING:
    from collections.abc import Iterator


class X86Disassembler:
    """See `linker.sites.codec.Disassembler`."""

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._formatter = Formatter(FormatterSyntax.GAS)
        self._formatter.branch_leading_zeros = False
        self._formatter.uppercase_hex = False
        self._formatter.hex_prefix, self._formatter.hex_suffix = "0x", ""
        self._formatter.memory_size_options = MemorySizeOptions.MINIMAL

    def lines(self, code: bytes, va: int) -> Iterator[Line]:
        """One line an instruction; `(bad)` for bytes that are none."""
        behind = 0
        for iced in Decoder(self._bits, code, ip=va):
            offset, behind = behind, behind + iced.len  # not by address: it starts again at 0 behind the last one
            text = "(bad)" if iced.is_invalid else self._formatter.format(iced)
            target_va = iced.near_branch_target or None
            yield Line(offset, code[offset : offset + iced.len], text, iced.mnemonic == Mnemonic.NOP, target_va)


X86_64 = X86Disassembler(64)
I386 = X86Disassembler(32)
