r"""Writes `ia64.s`: GNU as macros named like the sensitive mnemonics of ia64.

A site, before and behind (docs/ia64.md has the pictures):

    user's text     ssm psr.i
    expanded        .purgem ssm; .explicit; ;; { .mfi; [5380470:] ssm psr.i; nop.f 0; nop.i 0 } <padding>; .default;
                    <record>; .macro ssm ...

No pseudo prefix keeps a mnemonic from naming the macro here: the macro goes away while its own mnemonic is assembled,
and `previrt.make.ssm` brings it back. `.altmacro` is on, because elsewhere as takes the `r8=` of `tpa r8=r9` for a name
of an argument.

as refuses a macro behind a qualifying predicate ("qualifying predicate not followed by instruction"). Hence no macro is
named `mov`, which gcc predicates, unless --defsym .Lprevirt.mov=1 says that nothing does; `previrt.mov r8=psr` always
is one; and `(p6) ssm psr.i` is written `previrt.if p6, ssm psr.i`.

    .Lprevirt.a   0 behind .afterburn_noannotate           .Lprevirt.g   registers of .afterburn_scratch, as a mask
    .Lprevirt.room   from --defsym: bundles a site has at most     .Lprevirt.auto   from --defsym: the text says `.auto`
    .Lprevirt.free   from --defsym: registers nobody else uses     .Lprevirt.w      scratch word of the site
    ".Lprevirt.r r8-r11"   bits of a range of registers
    5380470   tag of a site     5380472   end of the section it is asked about
"""

from __future__ import annotations

from afterburner.ia64 import prelude
from afterburner.ia64.rewrite import BRANCH_UNIT, BREAK_UNITS, BUNDLES, LAST_PADDING, PADDING
from afterburner.ia64.statements import WORDS
from afterburner.records import note
from afterburner.sections import COPIED_CODE
from linker.sites.ia64.classes import (
    CLASSES,
    LAST_IN_GROUP,
    NUMBER_OF,
    SCRATCH_GENERAL,
    SCRATCH_PREDICATES,
)

_ROOM = {row.name: row.room_bundles for row in CLASSES}
_DATA = (".data", ".rodata", ".init.data", ".init.rodata", ".sdata")

# Stops are taken as written in a site; behind it the text goes on in the mode it has: .Lprevirt.auto says which.
_HEAD = """\
// Made by `make macros` from the tables of afterburner/ and linker/sites/; do not edit.
// How to use it: docs/afterburning.md
# 4 "previrt macros, ia64.s"
.nolist
.altmacro
.Lprevirt.a=1
.Lprevirt.g=0
.ifndef .Lprevirt.room
.Lprevirt.room=3
.endif
.ifndef .Lprevirt.free
.Lprevirt.free=0
.endif
.macro previrt.mode
.ifdef .Lprevirt.auto
.auto
.else
.default
.endif
.endm
"""

# Whether the place where the assembler is may have a site. 5380472 is the end of subsection 0 of the current section,
# where a section of the same name is pushed to.
_LOOK = """\
.macro previrt.look
.Lprevirt.x=.Lprevirt.a
.if .Lprevirt.x
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

_RECORD = """\
.macro previrt.record bundles,class
.Lprevirt.len=16*\\bundles
previrt.put \\class,0,.Lprevirt.w,0,0
{note}.endm
"""

# previrt.free: .Lprevirt.w, the scratch word of a site. Registers that operands name are found character by character:
# state .Lprevirt.t is 0 between words, 1 inside one, 2 behind `r` and digits, whose value is .Lprevirt.v.
_FREE = """\
.macro previrt.free p,o:vararg
.Lprevirt.w=.Lprevirt.g|.Lprevirt.free
.if .Lprevirt.w
previrt.used \\p,\\o
{pairs}
.Lprevirt.w=.Lprevirt.w%0x100000000
.endif
.endm
.macro previrt.used p,o:vararg
.Lprevirt.u=0
.Lprevirt.t=0
.ifdef ".Lprevirt.r \\p"
.Lprevirt.u=".Lprevirt.r \\p"
.endif
.irpc c,\\o
.ifdef ".Lprevirt.c \\c"
previrt.letter ".Lprevirt.c \\c"
.else
previrt.letter {separator}
.endif
.endr
previrt.letter {separator}
.Lprevirt.w=(.Lprevirt.w|.Lprevirt.u)^.Lprevirt.u
.endm
.macro previrt.letter k
.Lprevirt.k=\\k
.if .Lprevirt.t==2
.if .Lprevirt.k<10
.Lprevirt.v=.Lprevirt.v*10+.Lprevirt.k
.else
.if .Lprevirt.k=={separator}
.if .Lprevirt.v<32
.Lprevirt.u=.Lprevirt.u|(1<<.Lprevirt.v)
.endif
.Lprevirt.t=0
.else
.if .Lprevirt.k=={e}
.Lprevirt.u=.Lprevirt.u|{ret}
.endif
.Lprevirt.t=1
.endif
.endif
.else
.if .Lprevirt.k=={separator}
.Lprevirt.t=0
.else
.if (.Lprevirt.t==0)*(.Lprevirt.k=={r})
.Lprevirt.t=2
.Lprevirt.v=0
.else
.Lprevirt.t=1
.endif
.endif
.endif
.endm
.macro .afterburn_scratch o:vararg
.Lprevirt.g=0
.irp r,\\o
.ifnb \\r
.Lprevirt.g=.Lprevirt.g|".Lprevirt.r \\r"
.endif
.endr
.endm
"""
_LETTER, _R, _E, _SEPARATOR = 10, 11, 12, 13
_RET = 0xF << 8  # ret0-ret3 are r8-r11; any word that begins with `re` may be one of them

# `previrt.if p6, ssm psr.i`: what other assemblers write as `(p6) ssm psr.i`.
# previrt.class: .Lprevirt.k, the class of `mov` with these operands, by a state machine over their characters:
# ".Lprevirt.t 5 c" is the state behind a c in state 5, ".Lprevirt.t 5" that behind any other; final states have none.
_MOV = """\
.macro previrt.if p,o:vararg
previrt.with \\p,\\o
.endm
.macro previrt.with p,m,o:vararg
previrt.go.\\m \\p,\\o
.endm
.macro previrt.class o:vararg
.Lprevirt.k=0
.irpc c,\\o
previrt.step %.Lprevirt.k,\\c
.endr
previrt.step %.Lprevirt.k,end
.if .Lprevirt.k<{final}
.Lprevirt.k=0
.else
.Lprevirt.k=.Lprevirt.k-{final}
.endif
.endm
.macro previrt.step s,c:vararg
.ifdef ".Lprevirt.t \\s"
.ifdef ".Lprevirt.t \\s \\c"
.Lprevirt.k=".Lprevirt.t \\s \\c"
.else
.Lprevirt.k=".Lprevirt.t \\s"
.endif
.endif
.endm
.macro previrt.unmake.mov
.ifdef .Lprevirt.mov
.purgem mov
.purgem mov.m
.endif
.endm
.macro previrt.make.mov
.ifdef .Lprevirt.mov
.macro mov o:vararg
previrt.go.mov p0,\\o
.endm
.macro mov.m o:vararg
previrt.go.mov.m p0,\\o
.endm
.endif
.endm
.macro previrt.mov o:vararg
previrt.go.mov p0,\\o
.endm
"""
_GO_MOV = """\
.macro previrt.go.{word} p,o:vararg
previrt.class \\o
.Lprevirt.x=0
.if .Lprevirt.k
previrt.look
.endif
.if .Lprevirt.a
previrt.unmake.mov
.endif
.if .Lprevirt.x
.Lprevirt.j=.Lprevirt.k
previrt.free \\p,\\o
.explicit
.if (.Lprevirt.room<2)|({one})
;; {alone}
previrt.record 1,.Lprevirt.j
.else
.if (.Lprevirt.room<3)|({two})
;; {first} {last}
previrt.record 2,.Lprevirt.j
.else
;; {first} {padding} {last}
previrt.record 3,.Lprevirt.j
.endif
.endif
previrt.mode
.else
(\\p) {word} \\o
.endif
.if .Lprevirt.a
previrt.make.mov
.endif
.endm
"""
_FINAL = 1000
_SKIP_TARGET, _SKIP = 1, 2


def _registers() -> dict[str, str]:
    """Names of registers up to where they are known -> their kind; a name that is whole ends in `$`."""
    names = {"psr$": "psr", "psr.l$": "psr", "cr.": "cr", **{f"cr{digit}": "cr" for digit in range(10)}}
    names |= {f"{kind}[": kind for kind in ("rr", "pkr", "ibr", "dbr", "pmc", "pmd", "cpuid")}
    names |= {f"ar{form}{number}$": "kr" for form in (".k", "") for number in range(8)}
    return names | dict.fromkeys(("ar.itc$", "ar.ruc$", "ar44$", "ar45$"), "itc")


def _states() -> str:
    """The state machine of previrt.class: what is moved to until `=`, then what is moved from."""
    numbers = {("to", ""): 0}
    moves: dict[tuple[int, str], int] = {}
    others = {0: _SKIP_TARGET, _SKIP_TARGET: _SKIP_TARGET, _SKIP: _SKIP}

    def state(direction: str, prefix: str) -> int:
        number = numbers.setdefault((direction, prefix), len(numbers) + 2)
        others.setdefault(number, _SKIP_TARGET if direction == "to" else _SKIP)
        return number

    for direction in ("to", "from"):
        end = "=" if direction == "to" else "end"
        for name, kind in _registers().items():
            if (class_name := f"mov_{direction}_{kind}") not in NUMBER_OF:
                continue
            for at, letter in enumerate(name):
                here = state(direction, name[:at])
                if at == len(name) - 1:
                    moves[here, end if letter == "$" else letter] = _FINAL + NUMBER_OF[class_name]
                else:
                    moves[here, letter] = state(direction, name[: at + 1])
    source = state("from", "")
    for (direction, _), number in numbers.items():
        if direction == "to":
            moves.setdefault((number, "="), source)
    moves[_SKIP_TARGET, "="] = source
    return _lines(
        *(f'".Lprevirt.t {number}"={other}' for number, other in others.items()),
        *(f'".Lprevirt.t {number} {letter}"={to}' for (number, letter), to in moves.items()),
    )


def _lines(*lines: str) -> str:
    return "".join(line + "\n" for line in lines)


def _tables() -> str:
    lines = []
    for first in range(32):
        for last in range(first, 32):
            name = f"r{first}" if first == last else f"r{first}-r{last}"
            mask = sum(1 << n for n in SCRATCH_GENERAL if first <= n <= last)
            lines.append(f'".Lprevirt.r {name}"={mask:#x}')
    for first in range(16):
        for last in range(first, 16):
            name = f"p{first}" if first == last else f"p{first}-p{last}"
            lines.append(f'".Lprevirt.r {name}"={sum(1 << 32 + n for n in range(first, last + 1)):#x}')
    for letter in "abcdefghijklmnopqrstuvwxyz._$@":
        lines.append(f'".Lprevirt.c {letter}"={ {"r": _R, "e": _E}.get(letter, _LETTER) }')
    lines += [f'".Lprevirt.c {digit}"={digit}' for digit in range(10)]
    return _lines(*lines)


def _mov(word: str) -> str:
    instruction = f"(\\\\p) {word} \\\\o".replace("\\\\", "\\")
    alone, first = (BUNDLES["M"].decode() % (instruction, stop) for stop in (";; ", ""))
    one, two = (
        "|".join(
            f"(.Lprevirt.j=={row.number})"
            for row in CLASSES
            if row.name.startswith("mov_") and row.room_bundles == bundles
        )
        for bundles in (1, 2)
    )
    padding, last = PADDING.decode().strip(), LAST_PADDING.decode().strip()
    return _GO_MOV.format(word=word, one=one, two=two, alone=alone, first=first, padding=padding, last=last)


def _mnemonic(word: str, name: str) -> str:
    unit = "B" if name in BRANCH_UNIT else "M;" if name in LAST_IN_GROUP else BREAK_UNITS.get(word.encode(), "M")
    instruction = f"{word} \\o" if name in BRANCH_UNIT else f"(\\p) {word} \\o"
    bundle = BUNDLES[unit].decode()
    alone, first = (";; " + bundle % (instruction, stop) for stop in (";; ", ""))
    padding, last = PADDING.decode().strip(), LAST_PADDING.decode().strip()
    room = _ROOM[name]
    number = NUMBER_OF[name]
    body = [alone, f"previrt.record 1,{number}"]
    for bundles in range(2, room + 1):
        longer = [first, *[padding] * (bundles - 2), last, f"previrt.record {bundles},{number}"]
        body = [f".if .Lprevirt.room<{bundles}", *body, ".else", *longer, ".endif"]
    nothing_free = [".Lprevirt.w=0"] if name == "rfi" else []
    banked = [".Lprevirt.w=.Lprevirt.w%0x10000"] if name == "bsw" else []
    return _lines(
        f".macro previrt.make.{word}",
        f".macro {word} o:vararg",
        f"previrt.go.{word} p0,\\o",
        ".endm",
        ".endm",
        f".macro previrt.go.{word} p,o:vararg",
        f".purgem {word}",
        "previrt.look",
        ".if .Lprevirt.x",
        "previrt.free \\p,\\o",
        *nothing_free,
        *banked,
        ".explicit",
        *body,
        "previrt.mode",
        ".else",
        instruction,
        ".endif",
        f"previrt.make.{word}",
        ".endm",
    )


def macro_file() -> str:
    """The whole file."""
    words = [(word.decode(), name) for word, name in WORDS.items()]
    sections = "\n".join(
        f".ifdef {name}\nprevirt.unless {name}\n.endif" for name in (*sorted(n.decode() for n in COPIED_CODE), *_DATA)
    )
    pairs = "\n".join(
        f".if (.Lprevirt.w>>{32 + pair[0]})%4==3\n.Lprevirt.w=.Lprevirt.w|{1 << bit:#x}\n.endif"
        for bit, pair in SCRATCH_PREDICATES.items()
    )
    return "".join(
        (
            _HEAD,
            _tables(),
            _LOOK.format(sections=sections),
            prelude.PUT.decode(),
            _RECORD.format(note=note(b"previrt-as 1, macros", prelude.MACHINE, prelude.WORDS).decode()),
            _FREE.format(pairs=pairs, separator=_SEPARATOR, r=_R, e=_E, ret=f"{_RET:#x}"),
            _states(),
            _MOV.format(final=_FINAL),
            _mov("mov"),
            _mov("mov.m"),
            *(_mnemonic(word, name) for word, name in words),
            _lines(
                ".macro .afterburn_noannotate",
                ".if .Lprevirt.a",
                *(f".purgem {word}" for word, _ in words),
                "previrt.unmake.mov",
                ".Lprevirt.a=0",
                ".endif",
                ".endm",
                ".macro .afterburn_annotate",
                ".if .Lprevirt.a==0",
                *(f"previrt.make.{word}" for word, _ in words),
                "previrt.make.mov",
                ".Lprevirt.a=1",
                ".endif",
                ".endm",
                *(f"previrt.make.{word}" for word, _ in words),
                "previrt.make.mov",
                ".list",
            ),
        )
    )
