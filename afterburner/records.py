r"""Assembler text that writes what a site leaves behind: a record, its info, its room to undo, and the notes.

The tables come in pieces, one for each section of code, so that a linker that drops the section (`--gc-sections`, a
COMDAT group, identical code folding) drops its records, too. A piece is bound to its section by SHF_LINK_ORDER ("o";
gABI, section attribute flags), and joins the COMDAT group of its code ("?"):

    .section .text.off,"ax"          .section .afterburn,"?o",@progbits,.Lprevirt.e17
    5380470: cli                     .quad 5380470b,5380471b

Linkers put pieces in the order of the code they belong to, in each of the three tables alike: the tables stay parallel.

"o" wants a symbol of the section. `previrt.piece` makes one, and the macro `previrt.put` that uses it, when the section
is another than that of the site before. The symbol is the end of a subsection that is always empty: two such symbols
are equal, in place and section, or of different sections. as refuses to compare labels of different sections directly,
but not through a symbol that is defined later. On ia64 the tables are in one piece: as allows no other subsection
inside a function, and there is no linker for it that drops sections.
"""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` is not worth its start-up time here
if TYPE_CHECKING:
    from collections.abc import Mapping

# An architecture's words for what the text below says; as on most architectures.
WORDS = {b"half": b".short", b"word": b".long", b"long": b".quad", b"string": b".asciz", b"zero": b".zero"}

_PUT = rb"""
.macro previrt.put class,flags,scratch,line,file
.pushsection .afterburn,"?%(order)s",@progbits%(place)s
%(long)s 5380470b,%(end)s
.section .afterburn.info,"?%(order)s",@progbits%(place)s
%(half)s \class,\flags
%(word)s \scratch,\line,\file
.section .afterburn.undo,"?%(order)s",@progbits%(place)s
%(zero)s %(undo_len)d
.popsection
.endm
"""
_PIECES = rb"""
.Lprevirt.o=0
.macro previrt.piece
.Lprevirt.d\@=(.Lprevirt.e\@==.Lprevirt.o)
.pushsection .text
.previous
.subsection 8191
.Lprevirt.e\@:
.popsection
.if .Lprevirt.d\@==0
previrt.open .Lprevirt.e\@
.endif
.endm
.macro previrt.open place
.ifdef .Lprevirt.q
.purgem previrt.put
.endif
.Lprevirt.q=1
.Lprevirt.o=\place
%(put)s.endm
"""

# Once an object, and once an image: a COMDAT group. Not loaded: a section of its own would move what stands behind it,
# and enter flat binaries. Where a guest has a reserve, its object has the notes that must be in memory.
_NOTE = rb"""
.ifndef .Lprevirt.n
.Lprevirt.n=1
.pushsection .note.afterburn,"G",@note,previrt.note.annotation,comdat
.balign 4
%(word)s 8,32,1
%(string)s "previrt"
%(half)s 1,%(machine)d,16,16
.ascii "%(producer)s"
%(zero)s %(padding_len)d
%(word)s 8,40,2
%(string)s "previrt"
%(zero)s 40
.popsection
.endif
"""
PRODUCER_LEN = 24


def put(undo_len: int, end: bytes, words: Mapping[bytes, bytes] = WORDS, place: bytes = b"") -> bytes:
    """The macro `previrt.put class,flags,scratch,line,file`, for a site from label or tag 5380470 to `end`.

    `place`: a symbol of the section that the piece belongs to; without one the tables are in one piece.
    """
    values = {
        b"undo_len": undo_len,
        b"end": end,
        b"order": b"o" if place else b"",
        b"place": b"," + place if place else b"",
    }
    return _PUT[1:] % {**words, **values}


def pieces(undo_len: int, end: bytes) -> bytes:
    """The macro `previrt.piece`, to be called in front of `previrt.put`, which it defines."""
    return _PIECES[1:] % {b"put": put(undo_len, end, place=rb"\place")}


def note(producer: bytes, machine: int, words: Mapping[bytes, bytes] = WORDS) -> bytes:
    """The notes ANNOTATION and BOUND (docs/formats.md), unless this text has written them already."""
    padding_len = PRODUCER_LEN - len(producer)
    return _NOTE[1:] % {**words, b"producer": producer, b"machine": machine, b"padding_len": padding_len}
