"""Assembler text in front of every rewritten file: the macro that records a site, and the notes (docs/formats.md)."""

from __future__ import annotations

from afterburner.records import note, put

MARK = b"// previrt-as 1: afterburned\n"

WORDS = {b"half": b"data2", b"word": b"data4", b"long": b"data8", b"string": b"stringz", b"zero": b".skip"}
MACHINE = 50  # EM_IA_64

# The strings are in no group and no piece, because records of other sections may name them.
_END = rb"""
.macro previrt.end len,class,scratch,line,n,file
.ifndef .Lprevirt.f\n
.pushsection .afterburn.str,"MS",@progbits,1
.Lprevirt.f\n: stringz "\file"
.popsection
.endif
.Lprevirt.len=\len
previrt.put \class,0,\scratch,\line,.Lprevirt.f\n
.endm
"""
PUT = put(undo_len=32, end=b"5380470b+.Lprevirt.len", words=WORDS)
PRELUDE = MARK + b".nolist\n" + PUT + _END[1:] + note(b"previrt-as 1", MACHINE, WORDS) + b".list\n"
