"""What firmware leaves in memory for the guest: boot parameters, EFI, SAL and ACPI tables, and firmware entries.

Sources: UEFI specification 2.3, chapters 4 and 7 (tables, memory map); Itanium SAL specification, July 2008, section
3.2 (system table); ACPI specification 4.0, section 5.2 (RSDP, XSDT, MADT, SRAT); Linux asm/setup.h (ia64_boot_param).
"""

from __future__ import annotations

import struct
import uuid
from typing import TYPE_CHECKING

from simulator.monitors.vnuma import abi

if TYPE_CHECKING:
    from collections.abc import Sequence

BOOT_PARAM_PA = abi.FIRMWARE_PA + 0x1000
PAL_ENTRY_PA = abi.FIRMWARE_PA
SAL_ENTRY_PA = abi.FIRMWARE_PA + 0x30
AP_RETURN_PA = abi.FIRMWARE_PA + 0x60
_EFI_ENTRIES_PA = abi.FIRMWARE_PA + 0x100
EFI_SERVICES = 14
EFI_ENTRY_LEN = 0x20

_ACPI_20 = uuid.UUID("8868e871-e4f1-11d3-bc22-0080c73c8881")
_SAL_SYSTEM_TABLE = uuid.UUID("eb9d2d32-2d88-11d3-9a16-0090273fc14d")

_LOADER_DATA, _RUNTIME_CODE, _CONVENTIONAL = 2, 5, 7
_WRITE_BACK, _RUNTIME = 1 << 3, 1 << 63
_EFI_PAGE_LEN = 4096
_EFI_DESCRIPTOR = struct.Struct("<IIQQQQ")
_EFI_DESCRIPTOR_LEN = 48  # longer than the structure, as firmware has it

_LOCAL_SAPIC, _ENABLED = 7, 1


def _bundle(template: int, *slots: int) -> bytes:
    """Return a bundle's 16 bytes (SDM volume 3, 3.3)."""
    return (template | slots[0] << 5 | slots[1] << 46 | slots[2] << 87).to_bytes(16, "little")


_NOP = 1 << 27  # nop.m, nop.i (M48, I18); nop.b is opcode 2
_NOP_B = 2 << 37
_MII_STOP, _MBB_STOP = 0x01, 0x13
_BRANCH_B0 = _bundle(_MBB_STOP, _NOP, 0x20 << 27 | 1 << 12, _NOP_B)  # br.cond.sptk.many b0
_RETURN_B0 = _bundle(_MBB_STOP, _NOP, 0x21 << 27 | 1 << 12 | 4 << 6, _NOP_B)  # br.ret.sptk.many b0


def _break(immediate: int) -> bytes:
    """Return { .mii; break.m immediate; nop.i 0; nop.i 0 ;; }."""
    return _bundle(_MII_STOP, (immediate >> 20) << 36 | (immediate & 0xFFFFF) << 6, _NOP, _NOP)


def _entries() -> dict[int, bytes]:
    """The code of the firmware's entries, by address: a hypercall and the way back.

    PAL has two ways, because its static procedures are entered without a frame: the hypercall chooses.
    """
    found = {
        PAL_ENTRY_PA: _break(abi.hypercall(abi.CALL_PAL)) + _BRANCH_B0 + _RETURN_B0,
        SAL_ENTRY_PA: _break(abi.hypercall(abi.CALL_SAL)) + _RETURN_B0,
        AP_RETURN_PA: _break(abi.hypercall(abi.AP_RETURN)),
    }
    for number in range(EFI_SERVICES):
        found[_EFI_ENTRIES_PA + EFI_ENTRY_LEN * number] = _break(abi.hypercall(abi.CALL_EFI, number)) + _RETURN_B0
    return found


def _with_checksum(table: bytes, offset: int, length: int | None = None) -> bytes:
    """Set one byte so that the first length bytes sum to 0."""
    total = sum(table[:length]) - table[offset]
    return table[:offset] + bytes((-total & 0xFF,)) + table[offset + 1 :]


def _acpi(signature: bytes, revision: int, body: bytes) -> bytes:
    header = struct.pack(
        "<4sIBB6s8sI4sI", signature, 36 + len(body), revision, 0, b"previr", b"vNUMA   ", 1, b"prvt", 1
    )
    return _with_checksum(header + body, 9)


def _madt(nodes: int) -> bytes:
    body = struct.pack("<II", 0xFEE00000, 0)
    for node in range(nodes):
        body += struct.pack("<BBBBB3sII4s", _LOCAL_SAPIC, 20, node, node, 0, b"", _ENABLED, node, b"")
    return _acpi(b"APIC", 2, body)


def memory_of_node(node: int, nodes: int, memory_len: int) -> tuple[int, int]:
    """Return the half-open range of physical addresses whose pages a node manages."""
    pages = memory_len // _EFI_PAGE_LEN
    first, end = -(-node * pages // nodes), -(-(node + 1) * pages // nodes)
    return first * _EFI_PAGE_LEN, end * _EFI_PAGE_LEN


def _srat(nodes: int, memory_len: int) -> bytes:
    body = struct.pack("<IQ", 1, 0)
    for node in range(nodes):
        body += struct.pack("<BBBBIB3sI", 0, 16, node, node, _ENABLED, 0, b"", 0)
    for node in range(nodes):
        start, end = memory_of_node(node, nodes, memory_len)
        body += struct.pack("<BBIHQQIIQ", 1, 40, node, 0, start, end - start, 0, _ENABLED, 0)
    return _acpi(b"SRAT", 2, body)


def _xsdt(addresses: Sequence[int]) -> bytes:
    return _acpi(b"XSDT", 1, struct.pack(f"<{len(addresses)}Q", *addresses))


def _rsdp(xsdt_pa: int) -> bytes:
    table = struct.pack("<8sB6sBIIQB3s", b"RSD PTR ", 0, b"previr", 2, 0, 36, xsdt_pa, 0, b"")
    return _with_checksum(_with_checksum(table, 8, 20), 32)


def _sal_system_table() -> bytes:
    entries = struct.pack("<B7sQQQ16s", 0, b"", PAL_ENTRY_PA, SAL_ENTRY_PA, 0, b"")
    entries += struct.pack("<BB6sQ", 5, 0, b"", abi.AP_WAKE_UP_VECTOR)
    header = struct.pack(
        "<4sIBBHB7sBBBB32s32s8s",
        b"SST_", 96 + len(entries), 0x20, 0x03, 2, 0, b"", 1, 0, 1, 0, b"previrt", b"vNUMA node", b"",
    )  # fmt: skip
    return _with_checksum(header + entries, 12)


def _efi_header(signature: bytes, length: int) -> bytes:
    return struct.pack("<8sIIII", signature, 1 << 16 | 10, length, 0, 0)


def _memory_map(memory_len: int, loaded: Sequence[tuple[int, int]]) -> bytes:
    """Return the EFI memory map: the image's ranges, the firmware's, and what is free."""
    firmware = (abi.FIRMWARE_PA, abi.FIRMWARE_PA + abi.FIRMWARE_LEN)
    used = [(*firmware, _RUNTIME_CODE)]
    for start, end in loaded:
        used.append((start & -_EFI_PAGE_LEN, -(-end // _EFI_PAGE_LEN) * _EFI_PAGE_LEN, _LOADER_DATA))
    result, at = b"", 0
    for start, end, kind in [*sorted(used), (memory_len, memory_len, _CONVENTIONAL)]:
        for first, last, what in ((at, start, _CONVENTIONAL), (max(at, start), end, kind)):
            if first < last:
                attribute = _WRITE_BACK | (_RUNTIME if what == _RUNTIME_CODE else 0)
                descriptor = _EFI_DESCRIPTOR.pack(what, 0, first, 0, (last - first) // _EFI_PAGE_LEN, attribute)
                result += descriptor.ljust(_EFI_DESCRIPTOR_LEN, b"\0")
        at = max(at, end)
    return result


class _Area:
    """Tables are put one behind the other, at multiples of 16."""

    def __init__(self, start_pa: int) -> None:
        self.next_pa = start_pa
        self.tables: dict[int, bytes] = {}

    def put(self, table: bytes) -> int:
        """Place a table and return its address."""
        where = self.next_pa
        self.tables[where] = table
        self.next_pa = where + len(table) + 15 & -16
        return where


def build(nodes: int, memory_len: int, loaded: Sequence[tuple[int, int]]) -> dict[int, bytes]:
    """Return what firmware leaves in memory, by physical address. loaded: ranges of the image, half-open, in bytes."""
    area = _Area(BOOT_PARAM_PA + 0x100)
    acpi = area.put(_rsdp(area.put(_xsdt((area.put(_madt(nodes)), area.put(_srat(nodes, memory_len)))))))
    sal = area.put(_sal_system_table())
    descriptors = [area.put(struct.pack("<QQ", _EFI_ENTRIES_PA + EFI_ENTRY_LEN * n, 0)) for n in range(EFI_SERVICES)]
    runtime = area.put(_efi_header(b"RUNTSERV", 24 + 8 * EFI_SERVICES) + struct.pack("<14Q", *descriptors))
    configuration = area.put(
        b"".join(guid.bytes_le + struct.pack("<Q", pa) for guid, pa in ((_ACPI_20, acpi), (_SAL_SYSTEM_TABLE, sal)))
    )
    vendor = area.put("previrt vNUMA\0".encode("utf-16-le"))
    system = area.put(
        _efi_header(b"IBI SYST", 120) + struct.pack("<QII10Q", vendor, 1, 0, *[0] * 6, runtime, 0, 2, configuration)
    )
    command_line = area.put(b"\0")
    memory_map = area.put(entries := _memory_map(memory_len, loaded))
    boot_param = struct.pack(
        "<QQQQQIHHHHQQQ", command_line, system, memory_map, len(entries), _EFI_DESCRIPTOR_LEN, 1, 80, 25, 0, 0, 0, 0, 0
    )
    return {BOOT_PARAM_PA: boot_param, **area.tables, **_entries()}
