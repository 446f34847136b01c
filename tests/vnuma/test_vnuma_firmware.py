"""Firmware tables, read back from bytes as a kernel reads them: by signatures, lengths, checksums and identifiers."""

import struct
import uuid

import pytest

from simulator.monitors.vnuma import firmware

MEMORY_LEN = 256 << 20
IMAGE = [(0x4000000, 0x4012345), (0x4020000, 0x4021000)]
PAGE_LEN = 4096
CONVENTIONAL = 7


class Ram:
    """Guest memory with the tables in it."""

    def __init__(self, nodes: int) -> None:
        self.data = bytearray(1 << 20)
        for pa, table in firmware.build(nodes, MEMORY_LEN, IMAGE).items():
            assert not any(self.data[pa : pa + len(table)]), "tables overlap"
            self.data[pa : pa + len(table)] = table

    def word(self, pa: int) -> int:
        return int.from_bytes(self.data[pa : pa + 8], "little")

    def configuration(self) -> dict[uuid.UUID, int]:
        system = self.word(firmware.BOOT_PARAM_PA + 8)
        assert self.data[system : system + 8] == b"IBI SYST"
        count, entries = self.word(system + 104), self.word(system + 112)
        return {
            uuid.UUID(bytes_le=bytes(self.data[at : at + 16])): self.word(at + 16)
            for at in range(entries, entries + 24 * count, 24)
        }

    def acpi(self) -> dict[bytes, bytes]:
        rsdp = self.configuration()[uuid.UUID("8868e871-e4f1-11d3-bc22-0080c73c8881")]
        assert self.data[rsdp : rsdp + 8] == b"RSD PTR "
        assert sum(self.data[rsdp : rsdp + 20]) % 256 == sum(self.data[rsdp : rsdp + 36]) % 256 == 0
        xsdt = self.table(self.word(rsdp + 24))
        found = [self.table(pa) for (pa,) in struct.iter_unpack("<Q", xsdt[36:])]
        return {table[:4]: table for table in found}

    def table(self, pa: int) -> bytes:
        (length,) = struct.unpack_from("<I", self.data, pa + 4)
        table = bytes(self.data[pa : pa + length])
        assert sum(table) % 256 == 0, table[:4]
        return table


def structures(table: bytes, at: int) -> list[bytes]:
    found = []
    while at < len(table):
        found.append(table[at : at + table[at + 1]])
        at += table[at + 1]
    return found


@pytest.mark.parametrize("nodes", [1, 2, 3, 4])
def test_acpi_names_every_node_once(nodes: int) -> None:
    tables = Ram(nodes).acpi()
    sapics = structures(tables[b"APIC"], 44)
    assert [(entry[0], entry[3], entry[4], entry[8] & 1) for entry in sapics] == [(7, n, 0, 1) for n in range(nodes)]
    affinity = structures(tables[b"SRAT"], 48)
    assert [(entry[2], entry[3]) for entry in affinity if entry[0] == 0] == [(n, n) for n in range(nodes)]
    ranges = [struct.unpack_from("<IHQQ", entry, 2) for entry in affinity if entry[0] == 1]
    end = 0
    for number, (domain, _, start, length) in enumerate(ranges):
        assert (domain, start) == (number, end)
        end = start + length
    assert end == MEMORY_LEN


def test_sal_system_table_has_entry_points_and_the_wake_up_vector() -> None:
    ram = Ram(2)
    pa = ram.configuration()[uuid.UUID("eb9d2d32-2d88-11d3-9a16-0090273fc14d")]
    table = ram.table(pa)
    assert table[:4] == b"SST_"
    (entries,) = struct.unpack_from("<H", table, 10)
    assert entries == 2
    kind, pal, sal = struct.unpack_from("<B7xQQ", table, 96)
    assert (kind, pal, sal) == (0, firmware.PAL_ENTRY_PA, firmware.SAL_ENTRY_PA)
    assert struct.unpack_from("<BB6xQ", table, 144) == (5, 0, 0xF0)


def test_efi_memory_map_covers_memory_once() -> None:
    ram = Ram(2)
    where, length, step = (ram.word(firmware.BOOT_PARAM_PA + offset) for offset in (16, 24, 32))
    entries = [struct.unpack_from("<I4xQQQQ", ram.data, at) for at in range(where, where + length, step)]
    end = 0
    for kind, start, _, pages, _ in entries:
        assert start == end
        end = start + pages * PAGE_LEN
        inside = [first for first, last in IMAGE if start < last and first < end]
        assert not (inside and kind == CONVENTIONAL)
    assert end == MEMORY_LEN
