"""Layouts of `docs/formats.md` as construct tables, one a record.

construct takes five starts of Python to import. So nothing that a link imports reads this file: `make layouts` makes
`layouts.py` of it and of pyelftools' ELF headers, and a test compares the two.
"""

from construct import Const, Int16ul, Int32ul, Int64ul, PaddedString, Struct

RECORD_64 = Struct("start_va" / Int64ul, "end_va" / Int64ul)
RECORD_32 = Struct("start_va" / Int32ul, "end_va" / Int32ul)

INFO = Struct(
    "class_number" / Int16ul,
    "flags" / Int16ul,
    "scratch" / Int32ul,
    "line" / Int32ul,
    "file_off" / Int32ul,
)

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

ALL = {
    "RECORD_64": RECORD_64,
    "RECORD_32": RECORD_32,
    "INFO": INFO,
    "NOTE_ANNOTATION": NOTE_ANNOTATION,
    "NOTE_BOUND": NOTE_BOUND,
    "NOTE_RESERVE": NOTE_RESERVE,
    "NOTE_MODULE": NOTE_MODULE,
    "ORIGINAL": ORIGINAL,
}
