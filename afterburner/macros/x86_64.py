r"""Writes `x86_64.s`: GNU as macros named like the sensitive mnemonics.

A site, before and behind:

    user's text     cli
    expanded        5380470: {nooptimize} cli; .fill 7,1,0x90; 5380471: <record>
    assembled       fa 90 90 90 90 90 90 90

`{nooptimize}` (a pseudo prefix without effect on what an instruction assembles to without -O) keeps the mnemonic from
naming the macro again. What a macro cannot be told it measures: an instruction whose length depends on the mode is put
into the absolute section, where nothing comes out but the length. Names beginning with `.L` never reach the object.

    .Lprevirt.a   0 behind .afterburn_noannotate         .Lprevirt.x   1 where a site is being made
    .Lprevirt.k   class of the statement that is looked at and some bits; 0 for none, and between statements
    .Lprevirt.l   flags of its record       .Lprevirt.i   1 in Intel syntax      .Lprevirt.m   1 behind .altmacro
    ".Lprevirt.r %cr0"      class of `mov` from this register and bits
    ".Lprevirt.m rdmsr"   class of this mnemonic behind a prefix    ".Lprevirt.w mov"   how its operands are looked at
    5380470  start of the site       5380472  end of the section it is asked about
    5380471  its end                 5380468  behind a prefix that stands alone
    5380467  behind a branch that does not return

Two labels are compared for equality through a symbol that is not yet defined then (`.Lprevirt.e`): directly, as refuses
to compare labels of different sections.
"""

from __future__ import annotations

from afterburner.records import note
from afterburner.sections import COPIED_CODE
from afterburner.x86_64.operations import (
    BY_MNEMONIC,
    FAR_BRANCH,
    MOV,
    PADDED_IN_FRONT,
    POP,
    PREFIXES,
    PUSH,
    ROOM_OF,
)
from afterburner.x86_64.prelude import MACHINE, PIECES, flags_of, room_behind
from linker.sites.x86_64.classes import NUMBER_OF, REGISTERS
from linker.sites.x86_64.spellings import by_operand

# Bits of .Lprevirt.k beside the class.
_BARE = 0x100  # a register name without %; in AT&T syntax it may be a symbol
_SPACED = 0x200  # `%` alone: the name follows
_MOV = 0x400  # the class is the one `from`, the next number the one `to`
_FIRST = 0x800  # the register is the first operand
_FAR = 0x1000  # in Intel syntax only
_FLAGS_BIT = 16  # here begin the flags of the record
_REGISTERS = {name: kind for kind, names in REGISTERS.items() for name in names}
# Sections without code; a macro cannot ask for the flags of a section, but whether it is the one of a name.
_DATA = (".data", ".rodata", ".init.data", ".init.rodata", ".data..ro_after_init")

# The file may come twice: at the end of -flto gcc names it once for each object that was compiled with it. What .ifdef
# leaves out as reads all the same, and warns about; what .rept leaves out it does not.
_HEAD = """\
# Made by `make macros` from the tables of afterburner/ and linker/sites/; do not edit.
# How to use it: docs/afterburning.md
# 4 "previrt macros, x86_64.s"
.nolist
.ifdef .Lprevirt.k
.Lprevirt.once=0
.else
.Lprevirt.once=1
.endif
.rept .Lprevirt.once
.ifdef .Lprevirt.s
.error "the stand-in and the macros are two ways to the same end: use one"
.endif
.Lprevirt.a=1
.Lprevirt.k=0
.pushsection .text
.struct 0xdead
5380467:
5380468:
.popsection
.macro .afterburn_annotate
.Lprevirt.a=1
.endm
.macro .afterburn_noannotate
.Lprevirt.a=0
.endm
"""

# Whether the place where the assembler is may have a site: annotated, 64-bit code, in no section that is left alone.
# 5380472 is the end of subsection 0 of the current section, where a section of the same name is pushed to.
_LOOK = """\
.macro previrt.look
.Lprevirt.x=.Lprevirt.a
.if .Lprevirt.x
.pushsection .text
.struct 0
inc %ax
.Lprevirt.x=-(.==3)
.popsection
.pushsection .text
.previous
.subsection 0
5380472:
.popsection
{sections}
.endif
.endm
.macro previrt.unless s
.Lprevirt.d\\@=(.Lprevirt.e\\@==5380472b)
.pushsection \\s
.Lprevirt.e\\@:
.popsection
.if .Lprevirt.d\\@
.Lprevirt.x=0
.endif
.endm
"""

# previrt.label: the label of a site, unless a prefix that stands alone in front has put it.
_SITE = """\
.macro previrt.label
.Lprevirt.d\\@=(.Lprevirt.e\\@==5380468b)
.Lprevirt.e\\@:
.if .Lprevirt.d\\@==0
5380470:
.endif
.endm
.macro previrt.end class,room,flags
previrt.look
.if .Lprevirt.x
.if \\room
.fill -(((\\room-(.-5380470b))>0)*(\\room-(.-5380470b))),1,0x90
.endif
5380471:
previrt.piece
previrt.put \\class,\\flags,0,0,0
{note}.endif
.endm
"""

# Which class a statement is of, by its operands: set .Lprevirt.k. A comma inside a memory operand splits it; the parts
# of one never look like these registers.
_OPERANDS = """\
.macro previrt.mov a,b,c,d,e,f,g:vararg
.ifdef ".Lprevirt.r \\a"
.Lprevirt.k=".Lprevirt.r \\a"
.if .Lprevirt.k=={spaced}
.Lprevirt.k=0
previrt.mov %\\b,\\c,\\d,\\e
.else
.Lprevirt.k=.Lprevirt.k|{first}
.endif
.else
.ifdef ".Lprevirt.r \\b"
.Lprevirt.k=".Lprevirt.r \\b"
.if .Lprevirt.k=={spaced}
.Lprevirt.k=0
previrt.mov \\a,%\\c
.endif
.else
.ifnb \\c
.ifdef ".Lprevirt.r \\c"
.Lprevirt.k=".Lprevirt.r \\c"
.else
.ifdef ".Lprevirt.r \\d"
.Lprevirt.k=".Lprevirt.r \\d"
.else
.ifdef ".Lprevirt.r \\e"
.Lprevirt.k=".Lprevirt.r \\e"
.endif
.endif
.endif
.endif
.endif
.endif
.endm
.macro previrt.push o:vararg
.ifdef ".Lprevirt.r \\o"
.Lprevirt.k=".Lprevirt.r \\o"&{bare}|{push}
.endif
.endm
.macro previrt.pop o:vararg
.ifdef ".Lprevirt.r \\o"
.Lprevirt.k=".Lprevirt.r \\o"&{bare}|{pop}
.endif
.endm
.macro previrt.far class,m,rest:vararg
.ifdef ".Lprevirt.t \\m"
.Lprevirt.k={far}|\\class
.endif
.endm
.macro previrt.jmp o:vararg
previrt.far {jmp},\\o
.endm
.macro previrt.call o:vararg
previrt.far {call},\\o
.endm
.macro previrt.prefixed m,rest:vararg
.ifdef ".Lprevirt.m \\m"
.Lprevirt.k=".Lprevirt.m \\m"
.else
.ifdef ".Lprevirt.w \\m"
{prefixed}
.endif
.endif
.endm
.macro previrt.resolve m,o:vararg
.if .Lprevirt.k&{syntax}
.pushsection .text
.struct 0
{{nooptimize}} mov %ds,%ax
.Lprevirt.i=1+(.==3)
.if (.Lprevirt.k&{bare})&&(.Lprevirt.i==0)
.struct 0
{{nooptimize}} \\m \\o
.Lprevirt.k=.Lprevirt.k*-(.<7)
.endif
.if (.Lprevirt.k&{far})&&(.Lprevirt.i==0)
.Lprevirt.k=0
.endif
.if .Lprevirt.k&{mov}
.Lprevirt.k=.Lprevirt.k+((.Lprevirt.i^1^(.Lprevirt.k/{first}))&1)
.endif
.popsection
.endif
.Lprevirt.l=.Lprevirt.k>>{flags}
.Lprevirt.k=.Lprevirt.k&255
.endm
.macro previrt.alternate o
.Lprevirt.m=0
.ifc o,1
.Lprevirt.m=1
.endif
.endm
"""


def _lines(*lines: str) -> str:
    return "".join(line + "\n" for line in lines)


def _spellings(name: str) -> tuple[str, str]:
    return name, name.upper()


def _tables() -> str:
    """What the macros look up: registers, mnemonics behind prefixes, words that need a look at their operands."""
    lines = []
    for name, kind in _REGISTERS.items():
        number = by_operand("mov")["src", kind] | _MOV
        for spelling in _spellings(name):
            lines.append(f'".Lprevirt.r %{spelling}"={number}')
            lines.append(f'".Lprevirt.r % {spelling}"={number}')
            lines.append(f'".Lprevirt.r {spelling}"={number | _BARE}')
    lines.append(f'".Lprevirt.r %"={_SPACED}')
    for mnemonic, number in BY_MNEMONIC.items():
        lines += [
            f'".Lprevirt.m {spelling}"={number | flags_of(number) << _FLAGS_BIT}'
            for spelling in _spellings(mnemonic.decode())
        ]
    for number, (_, words) in enumerate(_WORDS.items()):
        for word in words:
            lines += [f'".Lprevirt.w {spelling}"={number}' for spelling in _spellings(word)]
    lines += [f'".Lprevirt.t {spelling}"=1' for word in ("far", "fword", "tword") for spelling in _spellings(word)]
    registers = [f"r{name}" for name in ("ax", "bx", "cx", "dx", "si", "di", "bp", "sp", *range(8, 16))]
    lines += [f'".Lprevirt.j *%{spelling}"=1' for name in registers for spelling in _spellings(name)]
    lines += [f'".Lprevirt.b {sign}{number}"=1' for sign in ("", "$") for number in ("3", "0x3", "0x03")]
    return _lines(*lines)


def _decoded(words: frozenset[bytes]) -> tuple[str, ...]:
    return tuple(sorted(word.decode() for word in words))


_WORDS = {
    "prefixed": _decoded(PREFIXES),
    "mov": _decoded(MOV),
    "push": _decoded(PUSH),
    "pop": _decoded(POP),
    "jmp": ("jmp",),
    "call": ("call",),
}


def _end(number: int) -> str:
    return f"previrt.end {number},{room_behind(number)},{flags_of(number)}"


def _by_mnemonic(word: str, number: int) -> str:
    front = (
        f"previrt.look\n.if .Lprevirt.x\n.skip {ROOM_OF[number] - 1},0x90\n.endif\n"
        if number in PADDED_IN_FRONT
        else ""
    )
    return f".macro {word} o:vararg\nprevirt.label\n{front}{{nooptimize}} {word} \\o\n{_end(number)}\n.endm\n"


def _int3(word: str) -> str:
    """int3 behind `ret` or `jmp *%rax`, or behind such an int3, is filler (straight-line speculation)."""
    return _lines(
        f".macro {word} o:vararg",
        ".Lprevirt.d\\@=(.Lprevirt.e\\@==5380467b)",
        ".Lprevirt.e\\@:",
        ".if .Lprevirt.d\\@",
        f"{{nooptimize}} {word} \\o",
        "5380467:",
        ".else",
        "previrt.label",
        f"{{nooptimize}} {word} \\o",
        _end(NUMBER_OF["int3"]),
        ".endif",
        ".endm",
    )


def _int(word: str) -> str:
    return _lines(
        f".macro {word} o:vararg",
        "previrt.label",
        f"{{nooptimize}} {word} \\o",
        '.ifdef ".Lprevirt.b \\o"',
        _end(NUMBER_OF["int3"]),
        ".else",
        _end(NUMBER_OF["int"]),
        ".endif",
        ".endm",
    )


_SITE_OF_K = """\
.if .Lprevirt.k
previrt.label
{{nooptimize}} {word} \\o
previrt.alternate 1
.noaltmacro
previrt.resolve {word} \\o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{{nooptimize}} {word} \\o
"""


def _mov(word: str) -> str:
    """`.altmacro` evaluates arguments that begin with `%`. It also takes a bare `o` for the operands, which tells."""
    look = "previrt.mov \\o\n"
    alternate = f".ifc o,o\n{look}.else\n.noaltmacro\n{look}.altmacro\n.endif\n"
    return f".macro {word} o:vararg\n{alternate}{_SITE_OF_K.format(word=word)}.endif\n.endm\n"


def _stack(word: str) -> str:
    kind = word.rstrip("wlq")
    look = f'.ifdef ".Lprevirt.r \\o"\nprevirt.{kind} \\o\n.endif\n'
    return f".macro {word} o:vararg\n{look}{_SITE_OF_K.format(word=word)}.endif\n.endm\n"


def _branch(word: str) -> str:
    behind = '.ifdef ".Lprevirt.j \\o"\n5380467:\n.endif\n' if word == "jmp" else ""
    return f".macro {word} o:vararg\nprevirt.{word} \\o\n{_SITE_OF_K.format(word=word)}{behind}.endif\n.endm\n"


def _return(word: str) -> str:
    return f".macro {word} o:vararg\n{{nooptimize}} {word} \\o\n5380467:\n.endm\n"


def _prefix(word: str) -> str:
    behind = ["5380467:"] if word in {"notrack", "bnd"} else []  # `notrack jmp *%rax`, `bnd ret`
    return _lines(
        f".macro {word} o:vararg",
        ".ifb \\o",
        "previrt.label",
        f"{{nooptimize}} {word}",
        "5380468:",
        ".else",
        "previrt.alternate 1",
        ".noaltmacro",
        "previrt.prefixed \\o",
        ".if .Lprevirt.m",
        ".altmacro",
        ".endif",
        _SITE_OF_K.format(word=word) + ".endif",
        *behind,
        ".endif",
        ".endm",
    )


def macro_file() -> str:
    """The whole file."""
    prefixed = "\n".join(
        f'.if ".Lprevirt.w \\m"=={number}\nprevirt.{name} \\rest\n.endif' for number, name in enumerate(_WORDS)
    )
    sections = "\n".join(f".ifdef {name}\nprevirt.unless {name}\n.endif" for name in (*_decoded(COPIED_CODE), *_DATA))
    parts = [
        _HEAD,
        _tables(),
        _LOOK.format(sections=sections),
        PIECES.decode(),
        _SITE.format(note=note(b"previrt-as 1, macros", MACHINE).decode()),
        _OPERANDS.format(
            spaced=_SPACED,
            flags=_FLAGS_BIT,
            bare=_BARE,
            mov=_MOV,
            first=_FIRST,
            far=_FAR,
            syntax=_BARE | _MOV | _FAR,
            push=by_operand("push")["dst", "seg"],
            pop=by_operand("pop")["dst", "seg"],
            jmp=FAR_BRANCH[b"jmp"],
            call=FAR_BRANCH[b"call"],
            prefixed=prefixed,
        ),
    ]
    for mnemonic, number in BY_MNEMONIC.items():
        word = mnemonic.decode()
        special = {"int": _int, "int3": _int3}.get(word)
        parts.append(_by_mnemonic(word, number) if special is None else special(word))
    parts += [_mov(word) for word in _WORDS["mov"]]
    parts += [_stack(word) for word in (*_WORDS["push"], *_WORDS["pop"])]
    parts += [_branch(word) for word in (*_WORDS["jmp"], *_WORDS["call"])]
    parts += [_return(word) for word in ("ret", "retq", "retn")]
    parts += [_prefix(word) for word in _WORDS["prefixed"]]
    return "".join(parts) + ".endr\n.list\n"
