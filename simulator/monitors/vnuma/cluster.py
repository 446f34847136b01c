"""A node's view of the others: who is asked for what, who is served when, and what happens when one is gone."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

from simulator.machine import Stopped
from simulator.monitors.vnuma.coherence import Coherence
from simulator.monitors.vnuma.messages import Message, MessageKind

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from simulator.monitors.vnuma.node import NodeMachine
    from simulator.monitors.vnuma.transport import Transport

MASTER = 0
"""The node with the console; it starts the others and ends the machine."""

_ANSWER_S = 60.0
_WAIT_MS = 50
_WATCH_S = 0.25


class Cluster:
    """One node's part in the machine. With one node there is no transport and nobody to ask.

    watch: raises ConnectionError if another node's process is gone; called now and then.
    """

    def __init__(self, node: int, nodes: int, directory: Path | None, watch: Callable[[], None]) -> None:
        self.node = node
        self.nodes = nodes
        self._watch = watch
        self._watched_s = 0.0
        self._transport: Transport | None = None
        self._coherence: Coherence | None = None
        self._machine: NodeMachine | None = None
        self._answers = 0
        self._ready = 0
        self._statistics: dict[int, dict[str, object]] = {}
        if nodes > 1 and directory is not None:
            from simulator.monitors.vnuma.transport import Transport

            self._transport = Transport(node, nodes, directory)

    def join(self, machine: NodeMachine, loaded: list[tuple[int, int]]) -> None:
        """Share the machine's memory. loaded: ranges of physical addresses that the master holds at first."""
        self._machine = machine
        if self._transport is None:
            return
        pages = len(machine.memory.rights)
        held = {page for start, end in loaded for page in range(start >> 12, (end - 1 >> 12) + 1)}
        managers = [page * self.nodes // pages for page in range(pages)]
        self._coherence = Coherence(
            self.node, self.nodes, pages, lambda page: MASTER if page in held else managers[page], self
        )
        machine.memory.rights = self._coherence.rights
        machine.memory.fault = self._fault
        if self.node == MASTER:
            self._serve(lambda: self._ready == self.nodes - 1, "the nodes to start")
        else:
            self.send(MASTER, Message(MessageKind.READY, 0))

    # What the coherence protocol needs: Holder

    def send(self, node: int, message: Message) -> None:
        """Send a message."""
        assert self._transport is not None
        now = self._machine.interval_counter() if self._machine is not None else 0
        self._transport.send(node, message._replace(source=self.node, time=now))

    def contents(self, page: int) -> bytes:
        """Return a page's bytes, none for zeros."""
        assert self._machine is not None
        return self._machine.memory.page(page)

    def set_contents(self, page: int, payload: bytes) -> None:
        """Fill a page."""
        assert self._machine is not None
        self._machine.memory.set_page(page, payload)

    def rights_lost(self, page: int, left: int) -> None:
        """Tell the processor."""
        assert self._machine is not None
        self._machine.rights_lost(page, left)

    # What the node asks of the others

    def _fault(self, page: int, write: bool) -> None:
        coherence = self._coherence
        assert coherence is not None
        # A page may be taken away again while later messages are served: only what was granted last counts.
        coherence.request(page, write=write)
        self._serve(lambda: coherence.pending is None, f"page {page:#x}")

    def purge(self, va: int, itir: int, rid: int) -> None:
        """Purge translations at all other nodes, and wait for it."""
        self._ask_all(Message(MessageKind.PURGE, va, itir >> 2 & 63, rid))

    def publish_rendezvous(self, entry_pa: int, gp: int) -> None:
        """Tell all other nodes where a woken processor starts, and wait until they know."""
        self._ask_all(Message(MessageKind.VECTORS, entry_pa, gp))

    def _ask_all(self, message: Message) -> None:
        if self._transport is None:
            return
        self._answers += self.nodes - 1
        for other in range(self.nodes):
            if other != self.node:
                self.send(other, message)
        self._serve(lambda: self._answers == 0, message.kind.name.lower())

    def interrupt(self, node: int, vector: int) -> None:
        """Send an interrupt to a node, perhaps this one."""
        if node != self.node:
            self.send(node, Message(MessageKind.INTERRUPT, vector))
        elif self._machine is not None:
            self._machine.interrupt(vector)

    def console(self, data: bytes) -> None:
        """Write to the console; it is written when this returns, so that what follows it elsewhere comes later."""
        self._answers += 1
        self.send(MASTER, Message(MessageKind.CONSOLE, 0, payload=data))
        self._serve(lambda: self._answers == 0, "the console")

    def stop(self, status: int) -> None:
        """End the machine. Raises Stopped when it ends."""
        if self.node == MASTER:
            raise Stopped(status)
        self.send(MASTER, Message(MessageKind.END, status))
        self._serve(lambda: False, "the end")

    # Serving

    def poll(self) -> None:
        """Serve what has arrived."""
        if self._transport is None:
            return
        assert self._coherence is not None
        while True:
            if self._coherence.work():
                continue
            message = self._transport.receive()
            if message is None:
                break
            self._handle(message)
        now_s = time.monotonic()
        if now_s - self._watched_s > _WATCH_S:
            self._watched_s = now_s
            self._watch()

    def serve(self, until: Callable[[], bool], *, patient: bool) -> None:
        """Serve the other nodes until something has happened. patient: however long it takes."""
        self._serve(until, "" if patient else "an answer")

    def _serve(self, until: Callable[[], bool], what: str) -> None:
        """Raises ConnectionError if it takes too long; what: what is waited for, empty to wait for ever."""
        assert self._transport is not None
        last_s = time.monotonic() + _ANSWER_S
        coherence = self._coherence
        assert coherence is not None
        while not until():
            if coherence.work():
                continue
            message = self._transport.receive(_WAIT_MS)
            if message is not None:
                self._handle(message)
                continue
            self._watch()
            if what and time.monotonic() > last_s:
                raise ConnectionError(f"vnuma: node {self.node} got no answer in {_ANSWER_S:.0f} s, waiting for {what}")

    def _handle(self, message: Message) -> None:
        kind, source, page = message.kind, message.source, message.page
        machine, coherence = self._machine, self._coherence
        assert machine is not None
        assert coherence is not None
        machine.not_before(message.time)
        if kind <= MessageKind.DONE:
            coherence.handle(message)
        elif kind == MessageKind.PURGE:
            machine.purge_for(page, message.a, message.b)
            self.send(source, Message(MessageKind.PURGED, 0))
        elif kind == MessageKind.VECTORS:
            machine.rendezvous = (page, message.a)
            self.send(source, Message(MessageKind.VECTORS_SET, 0))
        elif kind in {MessageKind.PURGED, MessageKind.VECTORS_SET, MessageKind.CONSOLE_DONE}:
            self._answers -= 1
        elif kind == MessageKind.INTERRUPT:
            machine.interrupt(page)
        elif kind == MessageKind.CONSOLE:
            machine.put(message.payload)
            self.send(source, Message(MessageKind.CONSOLE_DONE, 0))
        elif kind == MessageKind.READY:
            self._ready += 1
        elif kind == MessageKind.STATISTICS:
            self._statistics[source] = json.loads(message.payload)
        elif kind == MessageKind.END:
            raise Stopped(page)

    # The end

    def statistics(self) -> dict[str, object]:
        """What this node did."""
        machine, transport = self._machine, self._transport
        assert machine is not None
        return {
            "instructions": machine.cycles,
            "emulated": machine.emulated,
            "hypercalls": machine.hypercalls,
            "messages": dict(transport.sent) if transport else {},
            "bytes": transport.sent_len if transport else 0,
        }

    def report_statistics(self) -> None:
        """Give the master this node's statistics."""
        self.send(MASTER, Message(MessageKind.STATISTICS, 0, payload=json.dumps(self.statistics()).encode()))

    def end_all(self, status: int, *, wait_s: float) -> dict[int, dict[str, object]]:
        """Master: tell the other nodes to end, and return what they, and it, did, by node."""
        found = {self.node: self.statistics()}
        if self._transport is None:
            return found
        for other in range(1, self.nodes):
            self.send(other, Message(MessageKind.END, status))
        last_s = time.monotonic() + wait_s
        while len(self._statistics) < self.nodes - 1 and time.monotonic() < last_s:
            message = self._transport.receive(_WAIT_MS)
            if message is not None and message.kind == MessageKind.STATISTICS:
                self._statistics[message.source] = json.loads(message.payload)
        return found | self._statistics

    def close(self) -> None:
        """Close the transport."""
        if self._transport is not None:
            self._transport.close()


def watch_parent(parent: int) -> Callable[[], None]:
    """Return a watch for a node that the master started: the master's process is its parent."""

    def watch() -> None:
        if os.getppid() != parent:
            raise ConnectionError("vnuma: node 0 is gone")

    return watch
