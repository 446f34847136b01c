"""The records of `docs/formats.md`: names, numbers, flags; the layouts are those of `definitions.py`, as kept."""

from linker.sites.layout import Layout, LayoutError, Parsed
from linker.sites.layouts import (
    INFO,
    NOTE_ANNOTATION,
    NOTE_BOUND,
    NOTE_MODULE,
    NOTE_RESERVE,
    ORIGINAL,
    RECORD_32,
    RECORD_64,
)

__all__ = [
    "INFO",
    "NOTE_ANNOTATION",
    "NOTE_BOUND",
    "NOTE_MODULE",
    "NOTE_RESERVE",
    "ORIGINAL",
    "RECORD_32",
    "RECORD_64",
    "Layout",
    "LayoutError",
    "Parsed",
]

NOTE_OWNER = "previrt"
NT_ANNOTATION, NT_BOUND, NT_RESERVE, NT_SPACE, NT_MODULE = 1, 2, 3, 4, 5

NOTE_HEADER_LEN = 20  # of one with this owner, which has 8 bytes with its NUL
SPACE_TAKEN_LEN = 4  # the first word of a SPACE note: bytes of a target's notes behind it
LONGEST_SPACE_LEN = 1 << 16

SECTION_RECORDS = ".afterburn"
SECTION_INFO = ".afterburn.info"
SECTION_UNDO = ".afterburn.undo"
SECTION_STRINGS = ".afterburn.str"
SECTION_NOTE = ".note.afterburn"
SECTION_ORIGINAL = ".afterburn.original"
SECTIONS = (SECTION_RECORDS, SECTION_INFO, SECTION_UNDO, SECTION_STRINGS, SECTION_NOTE, SECTION_ORIGINAL)

INFO_NO_STACK = 1 << 0
INFO_PAD_FRONT = 1 << 1

BOUND_COUNTS = 1 << 0  # every site counts its runs
BOUND_KEEPS_HOOKS = 1 << 1  # the words of imported hooks were overwritten; what they held is in the reserve


def build_note(owner: str, kind: int, descriptor: bytes) -> bytes:
    """An ELF note: header, name and descriptor, each padded to 4 bytes (gABI, Note Section)."""
    name = owner.encode() + b"\0"
    parts = [len(name).to_bytes(4, "little"), len(descriptor).to_bytes(4, "little"), kind.to_bytes(4, "little")]
    return b"".join((*parts, name, bytes(-len(name) % 4), descriptor, bytes(-len(descriptor) % 4)))
