"""Hypercalls: `break 0x1000`, number in r2, arguments in the current frame's output registers, result in r8.

Source: Xen 4.1.6, xen/arch/ia64/xen/hypercall.c, fw_emul.c, xencomm in xen/common/xencomm.c.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from simulator.machine import Stopped
from simulator.monitors.privileged import skip_instruction
from simulator.monitors.xen import layout

if TYPE_CHECKING:
    from simulator.monitors.xen.monitor import XenMachine

_POISON = 0x5EAD_0000_0000_0000
_CLOBBERED = (2, 3, 9, 10, 11, 14, *range(16, 32))
"""General registers that do not survive a hypercall below 0x100 (entry.S, ia64_leave_hypercall)."""

_XENCOMM_MAGIC = 0x58434F4D
_BIND_VIRQ, _CLOSE, _SEND, _ALLOC_UNBOUND, _BIND_IPI, _UNMASK = 1, 3, 4, 6, 7, 9
_EVENT_LAYOUTS = {
    _BIND_VIRQ: "<III", _CLOSE: "<I", _SEND: "<I", _ALLOC_UNBOUND: "<HHI", _BIND_IPI: "<II", _UNMASK: "<I",
}  # fmt: skip

_PAL_UNIMPLEMENTED = (1 << 64) - 1
_EFI_UNSUPPORTED = 1 << 63 | 3
_EFI_RESET = 9
_PAL_HALT_LIGHT = 29
_PAL = {
    6: (0, 1 << 32 | 1, 0),  # PTCE_INFO: one ptc.e
    8: (96 << 8 | 11 << 16, 18 << 8 | 61, 0),  # VM_SUMMARY
    14: (1 << 32 | 1, 1 << 32 | 1, 1 << 32 | 1),  # FREQ_RATIOS
    19: (96, 0, 0),  # RSE_INFO
    34: (0x1555_4000, 0x1555_4000, 0),  # VM_PAGE_SIZE: 16 KiB and larger
}
_SAL_FREQ_BASE = 0x0100_0012
_SAL_DONE = frozenset((0x0100_0000, 0x0100_0008))  # SET_VECTORS, CACHE_FLUSH


def dispatch(xen: XenMachine) -> None:
    """Do the hypercall that the processor has just trapped with, and go on behind it."""
    cpu = xen.cpu
    ip, slot = cpu.ip, cpu.ip & 3
    number = cpu.gr[2]
    if number >> 8 == 0:
        name = layout.HYPERCALL_NAMES.get(number, f"{number:#x}")
        arguments = [cpu.gr[cpu.index(32 + cpu.sol + n)] for n in range(6)]
        xen.count("hypercall", name)
        skip_instruction(cpu, ip, slot)
        result = _hypercall(xen, number, arguments)
        _clobber(xen)
        _result(xen, 8, result)
        return
    name = layout.FW_NAMES.get(number & ~0xFF, f"{number:#x}")
    xen.count("firmware call", name)
    skip_instruction(cpu, ip, slot)
    _firmware(xen, number)


def _result(xen: XenMachine, register: int, value: int) -> None:
    xen.cpu.gr[register] = value & (1 << 64) - 1
    xen.cpu.nat[register] = 0


def _clobber(xen: XenMachine) -> None:
    cpu = xen.cpu
    for number in _CLOBBERED:
        _result(xen, number, _POISON + number)
    for number in range(6, 12):
        cpu.fr[number] = 0
    cpu.br[7] = _POISON
    for number in (25, 26, 32):  # csd, ssd, ccv
        cpu.ar[number] = 0


def _hypercall(xen: XenMachine, number: int, arguments: list[int]) -> int:
    match number:
        case layout.XEN_VERSION:
            return 4 << 16 | 1 if arguments[0] == 0 else -layout.ENOSYS
        case layout.CONSOLE_IO:
            return _console_io(xen, arguments)
        case layout.SCHED_OP:
            return _sched_op(xen, arguments)
        case layout.EVENT_CHANNEL_OP:
            return _event_channel_op(xen, arguments)
        case layout.CALLBACK_OP:
            return _callback_op(xen, arguments)
    return -layout.ENOSYS


def _resolve(xen: XenMachine, handle: int, size_len: int) -> list[tuple[int, int]] | None:
    """Return the guest-physical pieces a xencomm handle stands for: (address, bytes)."""
    if handle & layout.XENCOMM_INLINE_MASK == layout.XENCOMM_INLINE:
        return [(handle & ~layout.XENCOMM_INLINE_MASK, size_len)]
    if handle & layout.XENCOMM_INLINE_MASK:
        return None
    head = xen.domain.read(handle, 8)
    if head is None or int.from_bytes(head[:4], "little") != _XENCOMM_MAGIC:
        return None
    pieces = []
    for index in range(int.from_bytes(head[4:8], "little")):
        raw = xen.domain.read(handle + 8 + 8 * index, 8)
        if raw is None:
            return None
        address = int.from_bytes(raw, "little")
        chunk_len = min(size_len, layout.PAGE_LEN - (address & layout.PAGE_LEN - 1))
        pieces.append((address, chunk_len))
        size_len -= chunk_len
        if not size_len:
            return pieces
    return None


def _copy_from(xen: XenMachine, handle: int, size_len: int) -> bytes | None:
    pieces = _resolve(xen, handle, size_len)
    if pieces is None:
        return None
    data = [xen.domain.read(address, chunk_len) for address, chunk_len in pieces]
    return None if None in data else b"".join(chunk for chunk in data if chunk is not None)


def _copy_to(xen: XenMachine, handle: int, data: bytes) -> bool:
    pieces = _resolve(xen, handle, len(data))
    if pieces is None:
        return False
    for address, chunk_len in pieces:
        if not xen.domain.write(address, data[:chunk_len]):
            return False
        data = data[chunk_len:]
    return True


def _console_io(xen: XenMachine, arguments: list[int]) -> int:
    command, count, handle = arguments[:3]
    if command == 1:
        return 0
    if command:
        return -layout.ENOSYS
    data = _copy_from(xen, handle, count & 0xFFFFFFFF)
    if data is None:
        return -layout.EFAULT
    xen.put(data)
    return 0


def _sched_op(xen: XenMachine, arguments: list[int]) -> int:
    command, handle = arguments[:2]
    match command:
        case 0:
            return 0
        case 1 | 3:
            xen.block()
            return 0
        case 2:
            data = _copy_from(xen, handle, 4)
            if data is None:
                return -layout.EFAULT
            raise Stopped(data[0])
    return -layout.ENOSYS


def _event_channel_op(xen: XenMachine, arguments: list[int]) -> int:
    command, handle = arguments[:2]
    events = xen.events
    if command not in _EVENT_LAYOUTS:
        return -layout.ENOSYS
    form = _EVENT_LAYOUTS[command]
    data = _copy_from(xen, handle, struct.calcsize(form))
    if data is None:
        return -layout.EFAULT
    fields = struct.unpack(form, data)
    match command:
        case 3:
            return events.close(fields[0])
        case 4:
            return events.send(fields[0])
        case 9:
            return events.unmask(fields[0])
        case 1:
            port = events.bind_virq(fields[0], fields[1])
        case 7:
            port = events.bind_ipi(fields[0])
        case _:
            port = events.alloc_unbound()
    if port < 0:
        return port
    return 0 if _copy_to(xen, handle, struct.pack(form, *fields[:-1], port)) else -layout.EFAULT


def _callback_op(xen: XenMachine, arguments: list[int]) -> int:
    command, handle = arguments[:2]
    if command not in {0, 1}:
        return -layout.ENOSYS
    data = _copy_from(xen, handle, 16 if command == 0 else 2)
    if data is None:
        return -layout.EFAULT
    if int.from_bytes(data[:2], "little"):
        return -layout.ENOSYS
    if command:
        return -layout.EINVAL
    xen.events.callback = int.from_bytes(data[8:], "little")
    return 0


def _firmware(xen: XenMachine, number: int) -> None:
    cpu = xen.cpu
    match number & ~0xFF:
        case layout.FW_SET_SHARED_INFO_VA:
            _result(xen, 8, xen.virtual_memory.set_shared_va(cpu.gr[28]))
        case layout.FW_PAL:
            _pal(xen, cpu.gr[28])
        case layout.FW_SAL:
            _sal(xen, cpu.gr[cpu.index(32)])
        case layout.FW_EFI:
            if number & 0xFF == _EFI_RESET:
                raise Stopped(0)
            _result(xen, 8, _EFI_UNSUPPORTED)
        case layout.FW_FPSWA:
            _results(xen, -1, 0, 0, 0)
        case layout.FW_IPI:
            if cpu.gr[14] == 0:
                xen.log("Deprecated interface. Move to new event based solution")
        case _:
            xen.log(f"unknown ia64 fw hypercall {number:x}")
            _result(xen, 8, -layout.ENOSYS)


def _results(xen: XenMachine, *values: int) -> None:
    for register, value in enumerate(values, 8):
        _result(xen, register, value)


def _pal(xen: XenMachine, index: int) -> None:
    if index == _PAL_HALT_LIGHT:
        if not xen.shared.byte(layout.UPCALL_PENDING):
            xen.block()
            xen.shared.set_byte(layout.UPCALL_MASK, 1)
        _results(xen, 0, 0, 0, 0)
    elif index in _PAL:
        _results(xen, 0, *_PAL[index])
    else:
        _results(xen, _PAL_UNIMPLEMENTED, 0, 0, 0)


def _sal(xen: XenMachine, index: int) -> None:
    if index in _SAL_DONE:
        _results(xen, 0, 0, 0, 0)
    elif index == _SAL_FREQ_BASE:
        _results(xen, 0, xen.TICKS_A_SECOND, 0, 0)
    else:
        _results(xen, -1, 0, 0, 0)
