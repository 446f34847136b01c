"""Firmware as dom0 finds it in low memory: tables, and entry points that are hypercalls.

Source: Xen 4.1.6, xen/arch/ia64/xen/dom_fw_common.c and dom_fw_asm.S; table layouts: EFI 1.10, ACPI 2.0, SAL 3.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from simulator.monitors.xen import layout

if TYPE_CHECKING:
    from simulator.monitors.xen.domain import Domain

ACPI_PA, EFI_PA, MEMMAP_PA = 0x1000, 0x2000, 0x2380
PAL_ENTRY, SAL_ENTRY, SAL_RETURN, EFI_ENTRIES = 0x800, 0x820, 0x840, 0x100
_VENDOR_PA, _CONFIGURATION_PA, _RUNTIME_PA, _SAL_TABLE_PA = 0x2080, 0x20C0, 0x2100, 0x2240

_SAL_GUID = bytes.fromhex("322d9deb882dd3119a160090273fc14d")
_ACPI20_GUID = bytes.fromhex("71e86888f1e4d311bc220080c73c8881")
_PAL_CODE, _ACPI_NVS, _RUNTIME_DATA, _CONVENTIONAL = 13, 10, 6, 7
_WRITE_BACK, _RUNTIME = 8, 1 << 63

WAKE_VECTOR = 0xF3


def _hypercall_bundle(number: int, *, returns: bool) -> bytes:
    """{ .mib; addl r2=number,r0; break.i 0x1000 -> slot 1; br.ret b0 or nop.b } (formats A5, I19, B4, B9)."""
    load = 9 << 37 | (number >> 16 & 31) << 22 | (number >> 7 & 0x1FF) << 27 | (number & 127) << 13 | 2 << 6
    trap = layout.HYPERCALL_BREAK << 6
    back = 0x21 << 27 | 4 << 6 | 1 << 12 if returns else 2 << 37
    return (0x11 | load << 5 | trap << 46 | back << 87).to_bytes(16, "little")


def _checksummed(table: bytearray, where: int, length_len: int | None = None) -> None:
    table[where] = -sum(table[:length_len]) & 0xFF


def _acpi() -> bytes:
    xsdt_pa, madt_pa = ACPI_PA + 0x40, ACPI_PA + 0x80
    rsdp = bytearray(struct.pack("<8sB6sBIIQB3x", b"RSD PTR ", 0, b"XEN", 2, 0, 36, xsdt_pa, 0))
    _checksummed(rsdp, 8, 20)
    _checksummed(rsdp, 32)
    header = "<4sIBB6s8sI4sI"
    version = 4 << 16 | 1
    xsdt = bytearray(struct.pack(header, b"XSDT", 44, 1, 0, b"XEN", b"Xen/ia64", 0, b"XEN", version))
    xsdt += struct.pack("<Q", madt_pa)
    _checksummed(xsdt, 9)
    madt = bytearray(struct.pack(header, b"APIC", 36 + 8 + 12, 2, 0, b"XEN", b"Xen/ia64", 0, b"XEN", version))
    madt += struct.pack("<II", 0, 0) + struct.pack("<BBBBB3xI", 7, 12, 0, 0, 0, 1)
    _checksummed(madt, 9)
    return bytes((rsdp.ljust(0x40, b"\0") + xsdt).ljust(0x80, b"\0") + madt)


def _sal_table() -> bytes:
    table = bytearray(struct.pack("<4sIBBHB7x2s2s32s32s8x", b"SST_", 0, 1, 0, 2, 0, b"", b"", b"Xen/ia64", b"Xen/ia64"))
    table += struct.pack("<B7xQQQ16x", 0, PAL_ENTRY, SAL_ENTRY, 0)
    table += struct.pack("<BB6xQ", 5, 0, WAKE_VECTOR)
    struct.pack_into("<I", table, 4, 96)
    _checksummed(table, 12)
    return bytes(table)


def install(domain: Domain, start_info_pa: int) -> int:
    """Write start_info, tables and entry points; return the guest-physical address of ia64_boot_param."""
    entries = bytearray(0x1000)
    for index in range(10):
        where = EFI_ENTRIES + 16 * index
        entries[where : where + 16] = _hypercall_bundle(layout.FW_EFI + index, returns=True)
    for where, number, returns in (
        (PAL_ENTRY, layout.FW_PAL, True),
        (SAL_ENTRY, layout.FW_SAL, True),
        (SAL_RETURN, layout.FW_SAL_RETURN, False),
    ):
        entries[where : where + 16] = _hypercall_bundle(number, returns=returns)
    domain.write(0, bytes(entries))
    domain.write(ACPI_PA, _acpi())

    # Runtime services are reached through function descriptors: address and gp.
    descriptors_pa = _RUNTIME_PA + 24 + 8 * 10
    runtime = struct.pack("<QIIII", 0x56524553544E5552, 1 << 16, 24, 0, 0)
    runtime += b"".join(struct.pack("<Q", descriptors_pa + 16 * index) for index in range(10))
    runtime += b"".join(struct.pack("<QQ", EFI_ENTRIES + 16 * index, 0) for index in range(10))
    systab = struct.pack("<QIIII", 0x5453595320494249, 1 << 16, 24, 0, 0)
    systab += struct.pack("<QI4xQQQQQQQQQQ", _VENDOR_PA, 1, 0, 0, 0, 0, 0, 0, _RUNTIME_PA, 0, 2, _CONFIGURATION_PA)
    domain.write(EFI_PA, systab)
    domain.write(_VENDOR_PA, "Xen/ia64\0".encode("utf-16-le"))
    domain.write(
        _CONFIGURATION_PA, _SAL_GUID + struct.pack("<Q", _SAL_TABLE_PA) + _ACPI20_GUID + struct.pack("<Q", ACPI_PA)
    )
    domain.write(_RUNTIME_PA, runtime)
    domain.write(_SAL_TABLE_PA, _sal_table())

    memory_map = b"".join(
        struct.pack("<I4xQQQQ", kind, start, 0, end - start >> 12, attribute)
        for kind, start, end, attribute in (
            (_PAL_CODE, 0, 0x1000, _WRITE_BACK | _RUNTIME),
            (_ACPI_NVS, 0x1000, 0x2000, _WRITE_BACK | _RUNTIME),
            (_RUNTIME_DATA, 0x2000, 0x4000, _WRITE_BACK | _RUNTIME),
            (_CONVENTIONAL, 0x4000, domain.memory_len, _WRITE_BACK),
        )
    )
    domain.write(MEMMAP_PA, memory_map)

    domain.write(start_info_pa, struct.pack("<32sQQI", b"xen-3.0-ia64", domain.memory_len >> layout.PAGE_SHIFT, 0, 3))
    boot_param_pa = start_info_pa + layout.BOOT_PARAM_OFFSET
    command_line_pa = start_info_pa + layout.COMMAND_LINE_OFFSET
    domain.write(
        boot_param_pa,
        struct.pack("<QQQQQI4xHHHH", command_line_pa, EFI_PA, MEMMAP_PA, len(memory_map), 40, 1, 80, 25, 0, 24),
    )
    return boot_param_pa
