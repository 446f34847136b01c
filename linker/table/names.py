"""How messages name a record, and what they advise."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from linker.table.read import Annotations

REBUILD = "build the guest again with previrt-as"


def flags_of(kind: int) -> int:
    """The flags in an entry of `Annotations.kinds`."""
    return kind >> 16 & 0xFFFF


def record_name(annotations: Annotations, index: int) -> str:
    """How messages name the site at `index` of the address order."""
    return f"{record_place(annotations, index)} at {annotations.starts_va[index]:#x}"


def record_place(annotations: Annotations, index: int) -> str:
    """Section and number of the record of the site at `index` of the address order."""
    number = annotations.numbers[index]
    for table in annotations.sub_tables:
        if 0 <= number - table.first_number < table.record_count:
            return f"{table.name} record {number - table.first_number}"
    return f".afterburn record {number}"
