"""A 16550 with no line: what is written appears, nothing arrives unless it is fed (registers: any 16550 data sheet)."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

UART_PA = 0xFF5E0000

_DATA, _INTERRUPT_ENABLE, _INTERRUPT_ID, _LINE_CONTROL, _MODEM_CONTROL, _LINE_STATUS, _MODEM_STATUS, _SCRATCH = range(8)
_DIVISOR_LATCH = 0x80
_DATA_READY, _TRANSMITTER_EMPTY = 0x01, 0x60
_NO_INTERRUPT, _TRANSMITTER_INTERRUPT, _RECEIVER_INTERRUPT = 0x01, 0x02, 0x04
_FIFO_ON = 0xC0


class Uart:
    """The device, polled: it raises no interrupt line. put: takes each byte sent."""

    base_pa = UART_PA
    size_len = 8

    def __init__(self, put: Callable[[bytes], object]) -> None:
        self.put = put
        self.received: deque[int] = deque()
        self.registers = [0] * 8
        self.divisor = [0, 0]
        self.fifo = False

    def feed(self, data: bytes) -> None:
        """Let bytes arrive."""
        self.received.extend(data)

    def read(self, offset: int, size: int) -> int:
        """Read a register; the device is one byte wide."""
        del size
        if self.registers[_LINE_CONTROL] & _DIVISOR_LATCH and offset < 2:
            return self.divisor[offset]
        if offset == _DATA:
            return self.received.popleft() if self.received else 0
        if offset == _LINE_STATUS:
            return _TRANSMITTER_EMPTY | (_DATA_READY if self.received else 0)
        if offset == _MODEM_STATUS:
            return 0xB0
        if offset == _INTERRUPT_ID:
            return self._interrupt_id() | (_FIFO_ON if self.fifo else 0)
        return self.registers[offset]

    def _interrupt_id(self) -> int:
        enabled = self.registers[_INTERRUPT_ENABLE]
        if enabled & 1 and self.received:
            return _RECEIVER_INTERRUPT
        return _TRANSMITTER_INTERRUPT if enabled & 2 else _NO_INTERRUPT

    def write(self, offset: int, value: int, size: int) -> None:
        """Write a register."""
        del size
        value &= 0xFF
        if self.registers[_LINE_CONTROL] & _DIVISOR_LATCH and offset < 2:
            self.divisor[offset] = value
        elif offset == _DATA:
            self.put(bytes((value,)))
        elif offset == _INTERRUPT_ID:
            self.fifo = bool(value & 1)
        elif offset not in {_LINE_STATUS, _MODEM_STATUS}:
            self.registers[offset] = value & (0x0F if offset == _INTERRUPT_ENABLE else 0xFF)
