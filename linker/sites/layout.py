"""A record's layout: what `struct` needs to read it, and the names of its fields.

    Layout("<16sHHI", "target:text machine zero:0 module_abi")

A field is a number or bytes, or `:text`, ASCII padded with zeros, or `:NUMBER`, which must hold this.
"""

from __future__ import annotations

import struct
from operator import itemgetter
from types import SimpleNamespace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Parsed = SimpleNamespace  # the fields by name


class LayoutError(ValueError):
    """Bytes that are not of the layout, or a value that does not fit it."""


class Layout:
    """One record, little-endian, without padding."""

    def __init__(self, code: str, fields: str) -> None:
        self.struct = struct.Struct(code)
        kinds = [field.partition(":")[::2] for field in fields.split()]
        self.fields = tuple(name for name, _ in kinds)
        self._texts = {
            name: length for (name, kind), length in zip(kinds, _lengths(code), strict=True) if kind == "text"
        }
        self._constants = {name: int(kind) for name, kind in kinds if kind not in ("", "text")}

    def sizeof(self) -> int:
        """Bytes of a record."""
        return self.struct.size

    def parse(self, data: bytes) -> Parsed:
        """The fields of the record at the start of `data`; LayoutError when it is none."""
        if len(data) < self.struct.size:
            raise LayoutError(f"{len(data)} bytes, expected {self.struct.size}")
        values = dict(zip(self.fields, self.struct.unpack_from(data), strict=True))
        for name in self._texts:
            try:
                values[name] = values[name].rstrip(b"\0").decode("ascii")
            except UnicodeDecodeError:
                raise LayoutError(f"{name} is not ASCII") from None
        for name, expected in self._constants.items():
            if values[name] != expected:
                raise LayoutError(f"{name} is {values[name]}, expected {expected}")
        return Parsed(**values)

    def build(self, values: Mapping[str, int | str | bytes]) -> bytes:
        """The record that holds `values`, but for the constants; LayoutError when one does not fit."""
        known = {**values, **self._constants}
        for name, length in self._texts.items():
            known[name] = _encoded(name, str(known[name]), length)
        try:
            return self.struct.pack(*(known[name] for name in self.fields))
        except struct.error as error:
            raise LayoutError(str(error)) from None

    def rows(self, data: bytes, fields: Sequence[str]) -> Iterator[tuple[int, ...]]:
        """These fields, two or more, of the records one behind the other in `data`."""
        return map(itemgetter(*map(self.fields.index, fields)), self.struct.iter_unpack(data))


def _encoded(name: str, text: str, length: int) -> bytes:
    try:
        encoded = text.encode("ascii")
    except UnicodeEncodeError:
        raise LayoutError(f"{name} is not ASCII") from None
    if len(encoded) > length:
        raise LayoutError(f"{name} is {len(encoded)} bytes long, expected at most {length}")
    return encoded


def _lengths(code: str) -> list[int]:
    """Bytes of each field of a format such as <16sHI."""
    found, digits = [], ""
    for character in code[1:]:
        if character.isdigit():
            digits += character
        else:
            found.append(struct.calcsize(f"<{digits}{character}"))
            digits = ""
    return found
