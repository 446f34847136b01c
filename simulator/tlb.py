"""Translation registers, the translation cache and the VHPT hash.

Source: SDM rev. 2.3 volume 2, sections 4.1 (virtual addressing) and 4.4.
"""

from __future__ import annotations

from dataclasses import dataclass

from simulator import registers as reg

PAGE_SIZES = frozenset((12, 13, 14, 16, 18, 20, 22, 24, 26, 28))
"""Insertable page sizes, as log2 of bytes (volume 2, table 4-4); purges take 32 as well."""

TRANSLATION_REGISTERS = 16
"""Of each kind (PAL_VM_SUMMARY tells software; at least 8 by the architecture)."""

READ, WRITE, EXECUTE = 1, 2, 4

_RIGHTS: tuple[tuple[tuple[int, ...], ...], ...] = (
    # Volume 2, table 4-2: TLB.ar -> for each TLB.pl, the access at cpl 0 to pl; above there is none.
    ((1,), (1, 1), (1, 1, 1), (1, 1, 1, 1)),
    ((5,), (5, 5), (5, 5, 5), (5, 5, 5, 5)),
    ((3,), (3, 3), (3, 3, 3), (3, 3, 3, 3)),
    ((7,), (7, 7), (7, 7, 7), (7, 7, 7, 7)),
    ((3,), (3, 1), (3, 3, 1), (3, 3, 3, 1)),
    ((7,), (7, 5), (7, 5, 5), (7, 5, 5, 5)),
    ((3,), (3, 7), (3, 3, 7), (3, 3, 3, 7)),
)  # fmt: skip


def access_rights(ar: int, pl: int, cpl: int) -> int:
    """Return which of READ, WRITE and EXECUTE a page with these rights gives at a privilege level.

    Rights 7 are execute-only at every level (epc promotes there), readable at level 0.
    """
    if ar == 7:
        return EXECUTE if cpl else EXECUTE | READ
    return _RIGHTS[ar][pl][cpl] if cpl <= pl else 0


@dataclass
class Translation:
    """One TLB entry. start and size in bytes; rid: region identifier; the rest as in the insertion format."""

    start_va: int
    size_len: int
    rid: int
    pa: int
    present: bool
    memory_attribute: int
    accessed: bool
    dirty: bool
    pl: int
    ar: int
    exception_deferral: bool
    key: int
    size_log2: int

    def covers(self, va: int, rid: int) -> bool:
        """Tell whether the entry translates an address of a region."""
        return self.rid == rid and self.start_va <= va < self.start_va + self.size_len

    def overlaps(self, start_va: int, size_len: int, rid: int) -> bool:
        """Tell whether the entry shares an address with a range."""
        return self.rid == rid and self.start_va < start_va + size_len and start_va < self.start_va + self.size_len


def offset_in_region(va: int) -> int:
    """Return a virtual address without its region number: translations are per region identifier."""
    return va & (1 << 61) - 1


def make_translation(pte: int, itir: int, ifa: int, rid: int) -> Translation:
    """Build an entry from the insertion format (volume 2, figure 4-5). Raises the Reserved Register/Field fault."""
    size_log2 = itir >> 2 & 63
    reserved = itir & 3 or itir >> 32
    if pte & 1:
        reserved = reserved or pte & 2 or pte >> 50 & 3
    if size_log2 not in PAGE_SIZES or reserved:
        raise reg.general_exception(reg.GE_RESERVED_REGISTER_FIELD)
    size_len = 1 << size_log2
    return Translation(
        start_va=offset_in_region(ifa) & -size_len,
        size_len=size_len,
        rid=rid,
        pa=pte & (1 << 50) - (1 << 12) & -size_len,
        present=bool(pte & 1),
        memory_attribute=pte >> 2 & 7,
        accessed=bool(pte >> 5 & 1),
        dirty=bool(pte >> 6 & 1),
        pl=pte >> 7 & 3,
        ar=pte >> 9 & 7,
        exception_deferral=bool(pte >> 52 & 1),
        key=itir >> 8 & 0xFFFFFF,
        size_log2=size_log2,
    )


class Tlb:
    """One of the two translation lookaside buffers (instruction or data). Entries are never dropped unasked."""

    def __init__(self) -> None:
        self.registers: list[Translation | None] = [None] * TRANSLATION_REGISTERS
        self.by_size: dict[int, dict[tuple[int, int], Translation]] = {}

    def find(self, va: int, rid: int) -> Translation | None:
        """Return the entry for an address of a region, or None."""
        va = offset_in_region(va)
        for entry in self.registers:
            if entry is not None and entry.covers(va, rid):
                return entry
        for size_log2, entries in self.by_size.items():
            found = entries.get((rid, va >> size_log2))
            if found is not None:
                return found
        return None

    def insert_cached(self, entry: Translation) -> None:
        """Insert into the translation cache (itc); overlapping cached entries go."""
        self.purge_cached(entry.start_va, entry.size_len, entry.rid)
        self.by_size.setdefault(entry.size_log2, {})[entry.rid, entry.start_va >> entry.size_log2] = entry

    def insert_register(self, slot: int, entry: Translation) -> None:
        """Insert into a translation register (itr)."""
        if slot >= TRANSLATION_REGISTERS:
            raise reg.general_exception(reg.GE_RESERVED_REGISTER_FIELD)
        self.purge_cached(entry.start_va, entry.size_len, entry.rid)
        self.registers[slot] = entry

    def purge_cached(self, start_va: int, size_len: int, rid: int) -> None:
        """Drop the cached entries that overlap a range of a region (ptc)."""
        start_va = offset_in_region(start_va)
        for size_log2, entries in self.by_size.items():
            first, last = start_va >> size_log2, start_va + size_len - 1 >> size_log2
            if last - first < len(entries):
                for number in range(first, last + 1):
                    entries.pop((rid, number), None)
            else:
                for key in [key for key in entries if key[0] == rid and first <= key[1] <= last]:
                    del entries[key]

    def purge_registers(self, start_va: int, size_len: int, rid: int) -> None:
        """Drop the translation registers, and cached entries, that overlap a range (ptr)."""
        self.purge_cached(start_va, size_len, rid)
        start_va = offset_in_region(start_va)
        for slot, entry in enumerate(self.registers):
            if entry is not None and entry.overlaps(start_va, size_len, rid):
                self.registers[slot] = None

    def purge_all_cached(self) -> None:
        """Drop every cached entry (ptc.e)."""
        self.by_size.clear()


def hash_address(va: int, pta: int, rr: int) -> int:
    """Thash: the address of the VHPT entry of an address (volume 2, 4.1.7; the long format's hash is ours)."""
    size_log2 = pta >> 2 & 63
    mask = (1 << size_log2) - 1
    page_log2 = rr >> 2 & 63
    if pta >> 8 & 1:
        rid = rr >> 8 & 0xFFFFFF
        offset = ((offset_in_region(va) >> page_log2) ^ rid) << 5
        return pta & ~mask & ~0x1FF | offset & mask
    region = va & 7 << 61
    offset = (va & (1 << 61) - 1) >> page_log2 << 3
    base = pta & (1 << 61) - 1 & ~0x7FFF
    return region | (base & ~mask | offset & mask) & (1 << 61) - 1


def hash_tag(va: int, rr: int) -> int:
    """Ttag: with the long-format hash, what tells apart the translations that share an entry."""
    page_log2 = rr >> 2 & 63
    return (rr >> 8 & 0xFFFFFF) << 39 ^ offset_in_region(va) >> page_log2
