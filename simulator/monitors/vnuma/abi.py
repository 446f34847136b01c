"""The vNUMA guest interface, version 1, as numbers: docs/vnuma-abi.md, whose section numbers are given here."""

from __future__ import annotations

VERSION = 1
MAGIC = 0x414D554E76  # "vNUMA", little-endian: r8 at the start (section 1)

# Section 2: the virtual CPU area, at the same virtual address in physical and virtual mode, kernel only.
VCPU_VA = 0xF600_0000_0000_0000
VCPU_LEN = 0x10000
MAGIC_OFFSET = 0x000
VERSION_OFFSET = 0x008
NODE_OFFSET = 0x010
NODES_OFFSET = 0x018
RR_OFFSET = 0x200  # region registers, 8 bytes each
CR_OFFSET = 0x400  # control registers, 8 bytes each, by number
PSR_OFFSET = 0x2000  # psr but for its user mask, psr.i and psr.cpl
I_OFFSET = 0x4000  # psr.i in its place, alone

# Section 3: hypercalls, 4096 break immediates: HYPERCALL_BASE + (operation << 7) + register number or argument.
HYPERCALL_BASE = 0x1D0000
HYPERCALL_END = 0x1D1000
COVER = 0
CONSOLE_PUT = 1
EXIT = 2
BORROW = 3
GIVE_BACK = 4
CALL_PAL = 8
CALL_SAL = 9
CALL_EFI = 10
AP_RETURN = 11

# Section 5: firmware tables.
FIRMWARE_PA = 0x10000
FIRMWARE_LEN = 0x10000
AP_WAKE_UP_VECTOR = 0xF0
ITC_FREQUENCY_HZ = 100_000_000


def hypercall(operation: int, argument: int = 0) -> int:
    """Return the break immediate of a hypercall; argument: a register's number, or what the operation says (7 bits)."""
    return HYPERCALL_BASE | operation << 7 | argument
