"""Assembler text in front of every rewritten file: the macro that records a site, and the notes (docs/formats.md)."""

MARK = b"// previrt-as 1: afterburned\n"

# The records are members of the COMDAT group of the code they describe ("?"), so that a group the linker drops takes
# them along; the strings are in no group, because another group's records may name them.
PRELUDE = (
    MARK
    + rb""".nolist
.macro previrt.end len,class,scratch,line,n,file
.ifndef .Lprevirt.f\n
.pushsection .afterburn.str,"MS",@progbits,1
.Lprevirt.f\n: stringz "\file"
.popsection
.endif
.pushsection .afterburn,"?",@progbits
data8 5380470b,5380470b+\len
.section .afterburn.info,"?",@progbits
data2 \class,0
data4 \scratch,\line,.Lprevirt.f\n
.section .afterburn.undo,"?",@progbits
.skip 32
.popsection
.endm
.pushsection .note.afterburn,"aG",@note,previrt.note.annotation,comdat
.balign 4
data4 8,32,1
stringz "previrt"
data2 1,50,16,16
.ascii "previrt-as 1"
.skip 12
data4 8,40,2
stringz "previrt"
.skip 40
.popsection
.list
"""
)
