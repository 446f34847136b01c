"""Layouts of `docs/formats.md` as construct tables, one a record."""

from construct import Const, ConstructError, Container, Int16ul, Int32ul, Int64ul, PaddedString, Struct

Layout = Struct
Parsed = Container
LayoutError = ConstructError

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


def build_note(owner: str, kind: int, descriptor: bytes) -> bytes:
    """An ELF note: header, name and descriptor, each padded to 4 bytes (gABI, Note Section)."""
    name = owner.encode() + b"\0"
    parts = [len(name).to_bytes(4, "little"), len(descriptor).to_bytes(4, "little"), kind.to_bytes(4, "little")]
    return b"".join((*parts, name, bytes(-len(name) % 4), descriptor, bytes(-len(descriptor) % 4)))


RECORD_64 = Struct("start_va" / Int64ul, "end_va" / Int64ul)
RECORD_32 = Struct("start_va" / Int32ul, "end_va" / Int32ul)

INFO = Struct(
    "class_number" / Int16ul,
    "flags" / Int16ul,
    "scratch" / Int32ul,
    "line" / Int32ul,
    "file_off" / Int32ul,
)
INFO_NO_STACK = 1 << 0
INFO_PAD_FRONT = 1 << 1

NOTE_ANNOTATION = Struct(
    "version" / Int16ul,
    "machine" / Int16ul,
    "record_len" / Int16ul,
    "info_len" / Int16ul,
    "producer" / PaddedString(24, "ascii"),
)
NOTE_BOUND = Struct(
    "target" / PaddedString(16, "ascii"),
    "module_abi" / Int32ul,
    "flags" / Int32ul,
    "saved_entry_va" / Int64ul,
    "site_count" / Int64ul,
)
BOUND_COUNTS = 1 << 0  # every site counts its runs
BOUND_KEEPS_HOOKS = 1 << 1  # the words of imported hooks were overwritten; what they held is in the reserve

NOTE_RESERVE = Struct(
    "text_va" / Int64ul,
    "text_len" / Int64ul,
    "data_va" / Int64ul,
    "data_len" / Int64ul,
    "entry_va" / Int64ul,
)
NOTE_MODULE = Struct(
    "target" / PaddedString(16, "ascii"),
    "machine" / Int16ul,
    "zero" / Const(0, Int16ul),
    "module_abi" / Int32ul,
)

# In front of the compressed original in `.afterburn.original`; flags as in BOUND.
ORIGINAL = Struct("target" / PaddedString(16, "ascii"), "length" / Int64ul, "flags" / Int64ul)
