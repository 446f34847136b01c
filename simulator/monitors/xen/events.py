"""Event channels of one virtual processor. Source: Xen 4.1.6, xen/common/event_channel.c."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from simulator.monitors.xen import layout

if TYPE_CHECKING:
    from simulator.monitors.xen.shared import SharedPage


class ChannelKind(Enum):
    """What a channel is bound to; the values are those of EVTCHNOP_status."""

    CLOSED = 0
    UNBOUND = 1
    VIRQ = 4
    IPI = 5


@dataclass
class Channel:
    """One channel; virq: its number where it has one."""

    kind: ChannelKind
    virq: int = 0


class EventChannels:
    """The channels and their bits in the shared page. Port 0 is never used."""

    def __init__(self, shared: SharedPage) -> None:
        self.shared = shared
        self.channels: dict[int, Channel] = {}
        self.virq_ports: dict[int, int] = {}
        self.callback = 0
        """Where events enter the guest; 0 until it says so, and Xen delivers there all the same."""

    def _allocate(self, channel: Channel) -> int:
        port = next(n for n in range(1, layout.EVENT_CHANNELS) if n not in self.channels)
        self.channels[port] = channel
        return port

    def bind_virq(self, virq: int, vcpu: int) -> int:
        """EVTCHNOP_bind_virq: return the port, or a negative error."""
        if virq >= 24:
            return -layout.EINVAL
        if vcpu:
            return -layout.ENOENT
        if virq in self.virq_ports:
            return -layout.EEXIST
        port = self._allocate(Channel(ChannelKind.VIRQ, virq))
        self.virq_ports[virq] = port
        return port

    def bind_ipi(self, vcpu: int) -> int:
        """EVTCHNOP_bind_ipi: return the port, or a negative error."""
        return -layout.ENOENT if vcpu else self._allocate(Channel(ChannelKind.IPI))

    def alloc_unbound(self) -> int:
        """EVTCHNOP_alloc_unbound: return the port."""
        return self._allocate(Channel(ChannelKind.UNBOUND))

    def close(self, port: int) -> int:
        """EVTCHNOP_close."""
        channel = self.channels.pop(port, None)
        if channel is None:
            return -layout.EINVAL
        if channel.kind is ChannelKind.VIRQ:
            del self.virq_ports[channel.virq]
        self._set_bit(layout.EVENT_PENDING, port, 0)
        return 0

    def send(self, port: int) -> int:
        """EVTCHNOP_send."""
        channel = self.channels.get(port)
        if channel is None or channel.kind is ChannelKind.VIRQ:
            return -layout.EINVAL
        if channel.kind is ChannelKind.IPI:
            self._set_pending(port)
        return 0

    def unmask(self, port: int) -> int:
        """EVTCHNOP_unmask."""
        if not 0 < port < layout.EVENT_CHANNELS:
            return -layout.EINVAL
        self._set_bit(layout.EVENT_MASK, port, 0)
        if self._bit(layout.EVENT_PENDING, port):
            self._select(port)
        return 0

    def raise_virq(self, virq: int) -> bool:
        """Let a virtual interrupt happen; tell whether the guest has bound it."""
        port = self.virq_ports.get(virq)
        if port is None:
            return False
        self._set_pending(port)
        return True

    def _set_pending(self, port: int) -> None:
        if self._bit(layout.EVENT_PENDING, port):
            return
        self._set_bit(layout.EVENT_PENDING, port, 1)
        if not self._bit(layout.EVENT_MASK, port):
            self._select(port)

    def _select(self, port: int) -> None:
        selector = self.shared.word(layout.PENDING_SELECTOR)
        if not selector >> (port >> 6) & 1:
            self.shared.set_word(layout.PENDING_SELECTOR, selector | 1 << (port >> 6))
            self.shared.set_byte(layout.UPCALL_PENDING, 1)

    def _bit(self, offset: int, port: int) -> int:
        return self.shared.word(offset + 8 * (port >> 6)) >> (port & 63) & 1

    def _set_bit(self, offset: int, port: int, value: int) -> None:
        where = offset + 8 * (port >> 6)
        self.shared.set_word(where, self.shared.word(where) & ~(1 << (port & 63)) | value << (port & 63))
