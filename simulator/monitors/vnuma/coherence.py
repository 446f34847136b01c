"""Which node may read and write which page: a directory at each page's manager, invalidation before a write.

Li and Hudak, "Memory coherence in shared virtual memory systems", ACM TOCS 7(4), 1989, with fixed distributed managers:
every page has a manager that knows its owner and who holds copies; a reader gets a copy from the owner, a writer
becomes the owner when all other copies are gone. At most one transaction a page is under way; others wait.

    read    requester -READ-> manager -SEND_READ-> owner -PAGE-> requester -DONE-> manager
    write   requester -WRITE-> manager -SEND_WRITE-> owner -PAGE-> requester -DONE-> manager
                               manager -INVALIDATE-> each other copy -INVALIDATED-> requester
            manager -GRANT-> requester in place of SEND_WRITE and PAGE if the requester has a copy

What a node tells itself is no message. The order of messages from one node to another must be kept.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from simulator.monitors.vnuma.messages import Message, MessageKind

if TYPE_CHECKING:
    from collections.abc import Callable

NONE, READ, WRITE = 0, 1, 2
"""Rights of a node to a page."""


class Holder(Protocol):
    """What a node's part of the protocol needs of the node. Pages are numbers."""

    def send(self, node: int, message: Message) -> None:
        """Send a message to another node."""

    def contents(self, page: int) -> bytes:
        """Return a page's bytes, or none at all for a page of zeros."""

    def set_contents(self, page: int, payload: bytes) -> None:
        """Fill a page."""

    def rights_lost(self, page: int, left: int) -> None:
        """The processor may no longer write (left is READ) or use (NONE) the page."""


@dataclass
class DirectoryEntry:
    """What a manager knows of a page. requests: (node, whether it wants to write) that wait; busy: one is served."""

    owner: int
    copies: set[int]
    busy: bool = False
    requests: deque[tuple[int, bool]] = field(default_factory=deque)


@dataclass
class Pending:
    """The one page this node waits for. acknowledged, expected: of copies invalidated; expected -1: not yet known."""

    page: int
    write: bool
    acknowledged: int = 0
    expected: int = -1


class Coherence:
    """One node's part: its rights, and the directory of the pages it manages.

    first_owner: page -> node that holds it, with all rights, when the machine starts. Managers have contiguous ranges.
    """

    def __init__(self, node: int, nodes: int, pages: int, first_owner: Callable[[int], int], holder: Holder) -> None:
        self.node = node
        self.nodes = nodes
        self.pages = pages
        self.first_owner = first_owner
        self.holder = holder
        self.rights = bytearray(WRITE if first_owner(page) == node else NONE for page in range(pages))
        self.directory: dict[int, DirectoryEntry] = {}
        self.pending: Pending | None = None
        self._local: deque[Message] = deque()
        self._handlers: dict[MessageKind, Callable[[Message], None]] = {
            MessageKind.READ: self._on_request,
            MessageKind.WRITE: self._on_request,
            MessageKind.SEND_READ: self._on_send,
            MessageKind.SEND_WRITE: self._on_send,
            MessageKind.INVALIDATE: self._on_invalidate,
            MessageKind.PAGE: self._on_granted,
            MessageKind.GRANT: self._on_granted,
            MessageKind.INVALIDATED: self._on_invalidated,
            MessageKind.DONE: self._on_done,
        }

    def manager(self, page: int) -> int:
        """Return the node that keeps the directory entry of a page."""
        return page * self.nodes // self.pages

    def request(self, page: int, *, write: bool) -> None:
        """Ask for a page; it is there when `pending` is None again. One at a time, and only if rights are lacking."""
        assert self.pending is None
        self.pending = Pending(page, write)
        self._tell(self.manager(page), Message(MessageKind.WRITE if write else MessageKind.READ, page))

    def handle(self, message: Message) -> None:
        """Act on a message of the protocol."""
        self._handlers[message.kind](message)

    @property
    def has_work(self) -> bool:
        """There is something this node told itself."""
        return bool(self._local)

    def work(self) -> bool:
        """Act on one thing this node told itself; False if there is none.

        Not done at once: a page that is granted must be used before a waiting request takes it away.
        """
        if not self._local:
            return False
        self.handle(self._local.popleft())
        return True

    def _tell(self, node: int, message: Message) -> None:
        if node == self.node:
            self._local.append(message._replace(source=node))
        else:
            self.holder.send(node, message)

    # The manager's side.

    def _entry(self, page: int) -> DirectoryEntry:
        entry = self.directory.get(page)
        if entry is None:
            owner = self.first_owner(page)
            entry = self.directory[page] = DirectoryEntry(owner, {owner})
        return entry

    def _on_request(self, message: Message) -> None:
        entry = self._entry(message.page)
        entry.requests.append((message.source, message.kind == MessageKind.WRITE))
        if not entry.busy:
            self._begin(message.page, entry)

    def _begin(self, page: int, entry: DirectoryEntry) -> None:
        requester, write = entry.requests[0]
        entry.busy = True
        if not write:
            self._tell(entry.owner, Message(MessageKind.SEND_READ, page, requester))
            return
        others = entry.copies - {requester}
        if requester in entry.copies:
            self._tell(requester, Message(MessageKind.GRANT, page, len(others)))
        else:
            others.discard(entry.owner)
            self._tell(entry.owner, Message(MessageKind.SEND_WRITE, page, requester, len(others)))
        for node in sorted(others):
            self._tell(node, Message(MessageKind.INVALIDATE, page, requester))

    def _on_done(self, message: Message) -> None:
        entry = self.directory[message.page]
        requester, write = entry.requests.popleft()
        if write:
            entry.owner, entry.copies = requester, {requester}
        else:
            entry.copies.add(requester)
        entry.busy = False
        if entry.requests:
            self._begin(message.page, entry)

    # The side of who has the page. a: the requester.

    def _give_up(self, page: int, left: int) -> None:
        if self.rights[page] > left:
            self.rights[page] = left
            self.holder.rights_lost(page, left)

    def _on_send(self, message: Message) -> None:
        page = message.page
        self._give_up(page, READ if message.kind == MessageKind.SEND_READ else NONE)
        self._tell(message.a, Message(MessageKind.PAGE, page, message.b, payload=self.holder.contents(page)))

    def _on_invalidate(self, message: Message) -> None:
        self._give_up(message.page, NONE)
        self._tell(message.a, Message(MessageKind.INVALIDATED, message.page))

    # The requester's side. a: how many copies are to be invalidated.

    def _on_granted(self, message: Message) -> None:
        pending = self._pending_for(message.page)
        if message.kind == MessageKind.PAGE:
            self.holder.set_contents(message.page, message.payload)
        pending.expected = message.a
        self._complete(pending)

    def _on_invalidated(self, message: Message) -> None:
        pending = self._pending_for(message.page)
        pending.acknowledged += 1
        self._complete(pending)

    def _pending_for(self, page: int) -> Pending:
        if self.pending is None or self.pending.page != page:
            raise ValueError(f"a message about page {page:#x}, which this node did not ask for")
        return self.pending

    def _complete(self, pending: Pending) -> None:
        if pending.acknowledged == pending.expected:
            self.rights[pending.page] = WRITE if pending.write else READ
            self.pending = None
            self._tell(self.manager(pending.page), Message(MessageKind.DONE, pending.page))
