"""What nodes tell each other."""

from __future__ import annotations

import enum
from typing import NamedTuple


class MessageKind(enum.IntEnum):
    """What a message between nodes says. The first block is the coherence protocol's."""

    READ = 1
    WRITE = 2
    SEND_READ = 3
    SEND_WRITE = 4
    INVALIDATE = 5
    PAGE = 6
    GRANT = 7
    INVALIDATED = 8
    DONE = 9
    PURGE = 10
    PURGED = 11
    INTERRUPT = 12
    VECTORS = 13
    VECTORS_SET = 14
    CONSOLE = 15
    CONSOLE_DONE = 16
    END = 17
    READY = 18
    STATISTICS = 19


class Message(NamedTuple):
    """One message. page, a, b: by kind. source and time (the sender's interval counter) are set when it is sent."""

    kind: MessageKind
    page: int
    a: int = 0
    b: int = 0
    payload: bytes = b""
    source: int = 0
    time: int = 0
