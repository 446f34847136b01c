r"""Assembler text put in front of every rewritten file: the macros that pad, record and track where the code goes.

A site, before and behind:

    user's text     cli
    rewritten       5380470: cli; previrt.end 1,8,0,38,0,"irqflags.h"      (on the same line)
    assembled       fa 90 90 90 90 90 90 90

Whether a site is made is decided when the assembler gets there, not when the text is rewritten, because a macro may be
used in a code section once and in a data section another time. Absolute symbols hold the state; `.L` names never reach
the object file, so a file in which everything is left alone assembles to what it would have been.

    .Lprevirt.x   1 in a section whose code is annotated          .Lprevirt.c   1 in 64-bit code
    .Lprevirt.p   the same of the section `.previous` returns to  .Lprevirt.a   0 behind .afterburn_noannotate
    .Lprevirt.i   1 in Intel syntax                               .Lprevirt.b   1 where register names need no %
    .Lprevirt.m   1 behind .altmacro
    .Lprevirt.s   stack of (x, p) pairs for .pushsection, two bits a level; 1 when empty

Statements whose mnemonic comes from a macro argument (`\op %rax`) cannot be recognised in the text. Around them
`previrt.in` ... `previrt.out` give the sensitive mnemonics a macro each that makes the site. Inside, `{nooptimize}`
(a pseudo prefix without effect on these instructions) keeps the mnemonic from naming the macro again.
"""

from __future__ import annotations

from afterburner.records import note, pieces
from afterburner.x86_64.operations import BY_MNEMONIC, MOV, NO_STACK, PADDED_IN_FRONT, POP, PREFIXES, PUSH, ROOM_OF
from linker.sites.x86_64.classes import NUMBER_OF, REGISTERS
from linker.sites.x86_64.spellings import by_operand

MARK = b"# previrt-as 1: afterburned\n"

_TRACK = rb"""
.Lprevirt.x=1
.Lprevirt.p=1
.Lprevirt.s=1
.Lprevirt.c=1
.Lprevirt.a=1
.Lprevirt.m=0
.macro previrt.section x
.Lprevirt.p=.Lprevirt.x
.Lprevirt.x=\x
.endm
.macro previrt.pushsection x
.Lprevirt.s=(.Lprevirt.s<<2)|(.Lprevirt.x<<1)|.Lprevirt.p
.Lprevirt.p=.Lprevirt.x
.Lprevirt.x=\x
.endm
.macro previrt.popsection
.if .Lprevirt.s>1
.Lprevirt.p=.Lprevirt.s&1
.Lprevirt.x=(.Lprevirt.s>>1)&1
.Lprevirt.s=.Lprevirt.s>>2
.endif
.endm
.macro previrt.previous
.Lprevirt.t=.Lprevirt.x
.Lprevirt.x=.Lprevirt.p
.Lprevirt.p=.Lprevirt.t
.endm
"""

# The strings are in no group and no piece, because records of other sections may name them.
_END = rb"""
.macro previrt.front length
.if .Lprevirt.x&.Lprevirt.c&.Lprevirt.a
.skip \length,0x90
.endif
.endm
.macro previrt.end class,room,flags,line,n,file
.if .Lprevirt.x&.Lprevirt.c&.Lprevirt.a
.if \room
.fill -(((\room-(.-5380470b))>0)*(\room-(.-5380470b))),1,0x90
.endif
5380471:
.ifndef .Lprevirt.f\n
.pushsection .afterburn.str,"MS",@progbits,1
.Lprevirt.f\n:.asciz "\file"
.popsection
.endif
previrt.piece
previrt.put \class,\flags,0,\line,.Lprevirt.f\n
"""

PIECES = pieces(undo_len=16, end=b"5380471b")
MACHINE = 62  # EM_X86_64
BASIC = MARK + b".nolist\n" + _TRACK[1:] + PIECES + _END[1:] + note(b"previrt-as 1", MACHINE) + b".endif\n.endm\n"

_REGISTERS = tuple((name.encode(), kind) for kind, names in REGISTERS.items() for name in names)
_SHADOWED_PREFIXES = PREFIXES & frozenset(
    b"rep repe repz repne repnz lock data16 data32 addr32 cs ds es fs gs ss rex64 rex.w".split()
)
_STRING_IO = frozenset((NUMBER_OF["ins"], NUMBER_OF["outs"]))


def _site(number: int) -> bytes:
    return b'previrt.end %d,%d,%d,\\line,\\n,"\\file"' % (number, room_behind(number), flags_of(number))


def flags_of(number: int) -> int:
    """Flags of `.afterburn.info` for a class."""
    return (1 if number in NO_STACK else 0) | (2 if number in PADDED_IN_FRONT else 0)


def room_behind(number: int) -> int:
    """Bytes the site has at least, counted from the instruction; 0 for a class that is padded in front."""
    return 0 if number in PADDED_IN_FRONT else ROOM_OF[number]


def front_padding(number: int) -> bytes:
    """The statement that pads a class in front: an interrupt shadow (SDM vol. 2, STI) must not fall on padding."""
    if number not in PADDED_IN_FRONT:
        return b""
    return b"previrt.front %d; " % (ROOM_OF[number] - PADDED_IN_FRONT[number])


def register_tests() -> bytes:
    """`previrt.mov`, `.push`, `.pop`: make a site when an operand is a register of `_REGISTERS`.

    A comma inside a memory operand splits it, hence four operands; the parts of one never look like these registers.
    """
    lines = [b".macro previrt.mov line,n,file,a,b,c,d"]
    for name, kind in _REGISTERS:
        source, target = (by_operand("mov")[position, kind] for position in ("src", "dst"))
        first = b"%d+%d*.Lprevirt.i" % (source, target - source)
        other = b"%d-%d*.Lprevirt.i" % (target, target - source)
        for operand in (b"a", b"b", b"c", b"d"):
            number = first if operand == b"a" else other
            body = b'previrt.end %s,%d,0,\\line,\\n,"\\file"' % (number, ROOM_OF[source])
            lines.append(_if_register(name, operand, body))
    lines.append(b".endm")
    for word in ("push", "pop"):
        lines.append(b".macro previrt.%s line,n,file,a" % word.encode())
        for name, kind in _REGISTERS:
            if ("dst", kind) in by_operand(word):
                lines.append(_if_register(name, b"a", _site(by_operand(word)["dst", kind])))
        lines.append(b".endm")
    return b"\n".join(lines) + b"\n"


def _if_register(name: bytes, operand: bytes, body: bytes) -> bytes:
    prefixed = b".ifc %%%s,\\%s\n%s\n.endif\n" % (name, operand, body)
    return prefixed + b".if .Lprevirt.b\n.ifc %s,\\%s\n%s\n.endif\n.endif" % (name, operand, body)


def _by_word(word: bytes, numbers: frozenset[int]) -> bytes:
    """A macro that makes a site when its argument `m`, the word behind a prefix, is a mnemonic of these classes."""
    lines = [b".macro %s line,n,file,m,rest:vararg" % word]
    for mnemonic, number in BY_MNEMONIC.items():
        if number in numbers:
            lines.append(b".ifc %s,\\m\n%s\n.endif" % (mnemonic, _site(number)))
    return b"\n".join(lines) + b"\n.endm\n"


def shadows(user_macros: frozenset[bytes]) -> bytes:
    """The macros of `previrt.in` and `previrt.out`; names the user's own macros have are left to the user."""
    bodies: dict[bytes, bytes] = {}
    where = b'\\line,\\n,"\\file"'
    for mnemonic, number in BY_MNEMONIC.items():
        bodies[mnemonic] = _site(number)
    for mnemonic in MOV:
        bodies[mnemonic] = b"previrt.mov " + where + b",\\a"
    for mnemonic in PUSH:
        bodies[mnemonic] = b"previrt.push " + where + b",\\a"
    for mnemonic in POP:
        bodies[mnemonic] = b"previrt.pop " + where + b",\\a"
    for prefix in _SHADOWED_PREFIXES:
        bodies[prefix] = (b"previrt.repeat " if prefix.startswith(b"rep") else b"previrt.any ") + where + b",\\a"
    names = sorted(name for name in bodies if name not in user_macros)
    lines = [b".macro previrt.in line,n,file"]
    for name in names:
        front = front_padding(BY_MNEMONIC.get(name, 0))
        lines.append(b".macro %s a:vararg\n5380470:%s{nooptimize} %s \\a" % (name, front, name))
        lines.append(b".noaltmacro\n%s\n.if .Lprevirt.m\n.altmacro\n.endif\n.endm" % bodies[name])
    lines.append(b".endm\n.macro previrt.out")
    lines.extend(b".purgem " + name for name in names)
    lines.append(b".endm\n")
    everything = frozenset(ROOM_OF)
    return _by_word(b"previrt.repeat", _STRING_IO) + _by_word(b"previrt.any", everything) + b"\n".join(lines)
