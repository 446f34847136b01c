"""Messages between nodes over ZeroMQ: each node has one PULL socket; every other node pushes to it.

ZeroMQ keeps the order of what one node pushes to another, and never drops a message here (no high-water mark).
"""

from __future__ import annotations

import struct
from collections import Counter
from typing import TYPE_CHECKING

import zmq

from simulator.monitors.vnuma.messages import Message, MessageKind

if TYPE_CHECKING:
    from pathlib import Path

_HEADER = struct.Struct("<BBQQQQ")
_LINGER_MS = 1000
_RECONNECT_MS = 10


class Transport:
    """The sockets of one node in a directory that all nodes share. sent: messages by kind; sent_len: their bytes."""

    def __init__(self, node: int, nodes: int, directory: Path) -> None:
        self.node = node
        self.sent: Counter[str] = Counter()
        self.sent_len = 0
        self._context = zmq.Context()
        self._inbox = self._context.socket(zmq.PULL)
        self._inbox.setsockopt(zmq.RCVHWM, 0)
        self._inbox.bind(f"ipc://{directory}/{node}")
        self._outboxes: dict[int, zmq.Socket[bytes]] = {}
        for other in range(nodes):
            if other != node:
                outbox = self._outboxes[other] = self._context.socket(zmq.PUSH)
                outbox.setsockopt(zmq.SNDHWM, 0)
                outbox.setsockopt(zmq.LINGER, _LINGER_MS)
                outbox.setsockopt(zmq.RECONNECT_IVL, _RECONNECT_MS)
                outbox.connect(f"ipc://{directory}/{other}")

    def send(self, node: int, message: Message) -> None:
        """Send to another node; never waits."""
        header = _HEADER.pack(message.kind, message.source, message.page, message.a, message.b, message.time)
        self.sent[message.kind.name] += 1
        self.sent_len += len(header) + len(message.payload)
        self._outboxes[node].send(header + message.payload)

    def receive(self, timeout_ms: int = 0) -> Message | None:
        """Return the next message, or None if none comes in time."""
        if timeout_ms and not self._inbox.poll(timeout_ms):
            return None
        try:
            data = self._inbox.recv(zmq.NOBLOCK)
        except zmq.Again:
            return None
        kind, source, page, a, b, time = _HEADER.unpack_from(data)
        return Message(MessageKind(kind), page, a, b, data[_HEADER.size :], source, time)

    def close(self) -> None:
        """Close the sockets; what was sent is delivered if its receiver still runs."""
        self._context.destroy(_LINGER_MS)
