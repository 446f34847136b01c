"""Rewrites assembly: every sensitive statement becomes a site, every change of section is told to the macros.

Rewriting keeps each statement on its line, so that what the assembler says about the text is true of the user's text:

    cli                        5380470: cli; previrt.end 1,8,0,38,0,"irqflags.h"
    .pushsection .x,"a"        .pushsection .x,"a"; previrt.pushsection 0
    .afterburn_noannotate      .Lprevirt.a=0

`afterburner.x86_64.prelude` has the macros. A text without a sensitive statement is returned as it is.
"""

from __future__ import annotations

import re

from afterburner.sections import SectionFlags
from afterburner.source_lines import SourceLines
from afterburner.x86_64 import prelude
from afterburner.x86_64.candidates import DATA_VALUES, WORDS
from afterburner.x86_64.operations import (
    BY_MNEMONIC,
    DATA,
    FAR_BRANCH,
    MOV,
    POP,
    PREFIXES,
    PUSH,
    by_operands,
    values_of,
)
from linker.sites.x86_64.spellings import by_bytes, is_prefixes

_INT3 = BY_MNEMONIC[b"int3"]
_BY_OPERANDS = MOV | PUSH | POP | FAR_BRANCH.keys() | {b"int"}

# First words worth a look: a superset of BY_MNEMONIC, and words with operands or behind prefixes that may decide.
_WORDS = (
    WORDS + rb"|(?:jmp|call)[ \t]+(?:far|[ft]word)"
    rb"|(?:mov|push|pop)[wlq]?[ \t][^\n]*\b(?:[cd]r\d|db\d|[cdefgs]s\b(?!:))"
    rb"|(?:rep(?:n?[ez])?|lock|data|addr|[cdefgs]s|bnd|notrack|xacq|xrel|rex)[\w.]*(?=[ \t\n])"
)
_DIRECTIVES = (
    rb"\.(?:section|text|data|bss|pushsection|popsection|previous|subsection|code\d|att_|intel_|afterburn_|macro[ \t]"
    rb"|" + DATA_VALUES + rb")"
)
# A label or a pseudo prefix before the statement, or several statements, or a macro argument on the line. Matched
# against lower-case text: a case-blind pattern takes four times as long.
_CANDIDATE = re.compile(
    rb"\n(?:[ \t]*(?:" + _WORDS + rb"|" + _DIRECTIVES + rb"|\{)"
    rb'|[ \t]*+[\w.$]*+[ \t]*+:[ \t]*+[^\s#]|[^\n#;\\"\']*+(?:[;\\\']|"[^\n"]*+"[^\n;\\:]*+[;\\:]))[^\n]*'
)
_ANY_LINE = rb"\n[^\n]+"

# Patterns that most texts never need stay text; `re` compiles them on first use.

# One statement and what ends it. Strings and character constants hide `;` and `#`.
_STATEMENT = re.compile(rb"""((?:[^;#"'\n]++|"(?:[^"\\\n]|\\.)*(?:"|$)|'(?:\\.|[^\n])?)*)(;|#[^\n]*|$)""", re.M)
_LABELS = re.compile(rb'(?:[ \t]*(?:"[^"\n]*"|(?:[\w.$@]|\\[\w@]|\\\(\))+)[ \t]*:(?!:))*[ \t]*')
_WORD = re.compile(rb"(?:\{[^}\n]*\}[ \t]*)*((?:[\w.$]|\\[\w@]|\\\(\))+)[ \t]*")
_NO_COMMENT_YET = rb"""(?:[^"#'\n]|"(?:[^"\\\n]|\\.)*"|'(?:\\.|[^\\\n]|\\\Z))*"""
_DYNAMIC_OPERAND = rb"(?:^|,)[ \t]*(?:%[ \t]?)?\w*\\[\w()@\\]*[ \t]*(?:,|$)"
_NOTHING = rb"(?:[ \t\n;]|#[^\n]*)*"
_USER_MACRO = rb"(?mi)^[ \t]*\.macro[ \t]+([\w.$]+)([^\n]*)"
# int3 behind a branch that does not return is filler (straight-line speculation hardening).
_FILLER = (
    rb"(?i)[;\n][ \t]*(?:(?:notrack|bnd)[ \t]+)?(?:ret[qn]?|jmpq?)\b[^;\n]*[;\n]"
    rb"(?:[ \t]*+(?:int3[ \t]*+)?(?:#[^\n]*+)?[;\n])*[ \t]*$"
)


class _Text:
    """One text on its way: the edits found so far and the modes the text itself has switched."""

    def __init__(self, text: bytes, name: bytes) -> None:
        self.text = text
        self.edits: list[tuple[int, int, bytes | None]] = []  # start, end, new text; None: prelude.GUARD if needed
        self.sections = SectionFlags()
        self.lines = SourceLines(text, name)
        self.files: dict[bytes, int] = {}
        self.intel = False
        self.bare_registers = False
        self.altmacro = False
        self.initial_syntax = b""
        self.site_count = 0
        self.dynamic = False
        self.tests_registers = False
        self.user_macros: frozenset[bytes] = frozenset()
        self.parameters: frozenset[bytes] = frozenset()
        self.prefix_at = -1  # where a prefix that is a statement of its own began
        self.prefix_end = -1
        self.prefix_values: list[int] = []

    def line(self, start: int, end: int) -> None:
        """Take one line apart; text[start:end] has no newline."""
        if self.text[start:end].lstrip()[:1] == b"/":
            return
        while start < end:
            match = _STATEMENT.match(self.text, start, end)
            if match is None:  # pragma: no cover - the pattern matches any line
                return
            self.statement(start, match.end(1))
            if match[2] != b";":
                return
            start = match.end()

    def statement(self, start: int, end: int) -> None:
        """Look at the statement text[start:end], labels included."""
        text = self.text
        begin = _LABELS.match(text, start, end).end()  # type: ignore[union-attr]
        match = _WORD.match(text, begin, end)
        if match is None:
            return
        word = match[1].lower()
        if word.startswith(b"."):
            self.directive(word, begin, match.end(), end)
            return
        while word in PREFIXES and word not in self.user_macros:
            match_next = _WORD.match(text, match.end(), end)
            if match_next is None:
                self.prefix(begin, end, [])
                return
            match = match_next
            word = match[1].lower()
        if b"\\" in word or word in self.parameters:
            self.dynamic_mnemonic(begin, end)
            return
        if word in self.user_macros:
            return
        operands = text[match.end() : end].strip()
        if operands.startswith(b"="):  # a symbol of that name
            return
        number = 0
        if word in _BY_OPERANDS:
            number = by_operands(word, operands, self.intel, self.bare_registers)
            if not number and word not in FAR_BRANCH and re.search(_DYNAMIC_OPERAND, operands):
                self.dynamic_operand(word, operands, begin, end)
                return
        elif word in BY_MNEMONIC:
            number = BY_MNEMONIC[word]
        if number and not (number == _INT3 and re.search(_FILLER, text[max(0, begin - 200) : begin])):
            self.site(number, begin, end)

    def prefix(self, begin: int, end: int, values: list[int]) -> None:
        """A prefix that is a statement of its own: the site of the instruction behind it begins here."""
        if not self.is_behind_prefix(begin):
            self.prefix_at, self.prefix_values = begin, []
        self.prefix_end = end
        self.prefix_values += values

    def is_behind_prefix(self, begin: int) -> bool:
        """Whether nothing stands between a prefix that is a statement of its own and `begin`."""
        return self.prefix_at >= 0 and re.fullmatch(_NOTHING, self.text[self.prefix_end : begin]) is not None

    def site(self, number: int, begin: int, end: int) -> None:
        """Make a site of the statement text[begin:end], and of a prefix that stands before it as a statement."""
        if self.is_behind_prefix(begin):
            self.label(self.prefix_at)
        else:
            self.label(begin, prelude.front_padding(number))
        if self.text[begin : begin + 1] != b".":
            self.edits.append((begin, begin, None))
        fields = (number, prelude.room_behind(number), prelude.flags_of(number), self.where(begin))
        self.behind(end, b"previrt.end %d,%d,%d,%s" % fields)

    def label(self, at: int, padding: bytes = b"") -> None:
        """Put the label of a site, and padding, before `at`, in order: a prefix may lie behind edits already made."""
        self.site_count += 1
        self.prefix_at = -1
        index = len(self.edits)
        while index and self.edits[index - 1][0] >= at:
            index -= 1
        self.edits.insert(index, (at, at, b"5380470: " + padding))

    def behind(self, end: int, statement: bytes) -> None:
        """Put a statement behind the one that ends at `end`."""
        while self.text[end - 1] in b" \t":
            end -= 1
        self.edits.append((end, end, b"; " + self.our(statement)))

    def our(self, statement: bytes) -> bytes:
        """A call of one of our macros, which are written for `.noaltmacro`."""
        return b".noaltmacro; %s; .altmacro" % statement if self.altmacro else statement

    def where(self, position: int) -> bytes:
        """Line, number of the file's name in this text, name: three macro arguments."""
        line, name = self.lines.at(position)
        number = self.files.setdefault(name, len(self.files))
        return b'%d,%d,"%s"' % (line, number, re.sub(rb'[\\"]', b"?", name))

    def dynamic_mnemonic(self, begin: int, end: int) -> None:
        """`\\op %rax`: the shadow macros of the prelude decide when the assembler expands it."""
        self.dynamic = True
        self.edits.append((begin, begin, self.our(b"previrt.in %s" % self.where(begin)) + b"; "))
        self.behind(end, b"previrt.out")

    def dynamic_operand(self, word: bytes, operands: bytes, begin: int, end: int) -> None:
        """`mov \\a,\\b`, `push \\a`: the register tests of the prelude decide when the assembler expands it."""
        if word == b"int":
            return
        self.tests_registers = True
        self.label(begin)
        self.edits.append((begin, begin, None))
        kind = b"mov" if word in MOV else b"push" if word in PUSH else b"pop"
        self.behind(end, b"previrt.%s %s,%s" % (kind, self.where(begin), operands))

    def directive(self, word: bytes, begin: int, operands_at: int, end: int) -> None:
        """Section changes, code size, syntax, our own directives, `.byte`."""
        operands = self.text[operands_at:end]
        if word in {b".section", b".pushsection"}:
            self.behind(end, b"previrt%s %d" % (word, self.sections.annotated(operands)))
        elif word == b".text":
            self.behind(end, b"previrt.section 1")
        elif word in {b".data", b".bss"}:
            self.behind(end, b"previrt.section 0")
        elif word in {b".popsection", b".previous"}:
            self.behind(end, b"previrt" + word)
        elif word == b".subsection":
            self.behind(end, b".Lprevirt.p=.Lprevirt.x")
        elif word in {b".code64", b".code32", b".code16", b".code16gcc"}:
            self.behind(end, b".Lprevirt.c=%d" % (word == b".code64"))
        elif word in {b".altmacro", b".noaltmacro"}:
            self.altmacro = word == b".altmacro"
            self.edits.append((end, end, b"; .Lprevirt.m=%d" % self.altmacro))
        elif word in {b".intel_syntax", b".att_syntax"}:
            self.intel = word == b".intel_syntax"
            self.bare_registers = operands.strip() != b"prefix" if self.intel else operands.strip() == b"noprefix"
            self.behind(end, self.syntax())
        elif word in {b".afterburn_annotate", b".afterburn_noannotate"}:
            self.edits.append((begin, end, b".Lprevirt.a=%d" % (word == b".afterburn_annotate")))
        elif word in DATA:
            self.data(values_of(word, operands), begin, end)

    def data(self, values: list[int], begin: int, end: int) -> None:
        """An instruction, or prefixes of the one behind them, written as numbers."""
        if is_prefixes(values):
            self.prefix(begin, end, values)
            return
        prefixes = self.prefix_values if self.is_behind_prefix(begin) else []
        number = by_bytes([*prefixes, *values])
        if number:
            self.site(number, begin, end)

    def syntax(self) -> bytes:
        """The statement that tells the macros which syntax the text is in."""
        return b".Lprevirt.i=%d; .Lprevirt.b=%d" % (self.intel, self.bare_registers)

    def result(self, name: bytes) -> bytes:
        """The text with all edits made, behind the prelude it needs and a marker that makes its first line 1."""
        parts = [prelude.BASIC, self.initial_syntax, b"\n"]
        if self.dynamic or self.tests_registers:
            parts.append(prelude.register_tests())
        if self.dynamic:
            parts.append(prelude.shadows(self.user_macros))
        parts.append(b'.list\n# 1 "%s"' % re.sub(rb'(["\\])', rb"\\\1", name))
        guard = b"{nooptimize} " if self.dynamic else b""
        done = 0
        for start, end, new in self.edits:
            parts.append(self.text[done:start])
            parts.append(guard if new is None else new)
            done = end
        parts.append(self.text[done:])
        return b"".join(parts)


def _without_block_comments(text: bytes) -> bytes:
    """Comments become their newlines, so that lines keep their numbers and statements can be told apart."""
    parts: list[bytes] = []
    done = 0
    at = text.find(b"/*")
    while at >= 0:
        line = max(done, text.rfind(b"\n", 0, at) + 1)
        if re.fullmatch(_NO_COMMENT_YET, text[line:at]):
            end = text.find(b"*/", at + 2)
            end = len(text) if end < 0 else end + 2
            parts += (text[done:at], b" ", b"\n" * text.count(b"\n", at, end))
            done = end
        else:
            end = at + 2
        at = text.find(b"/*", end)
    parts.append(text[done:])
    return b"".join(parts)


def rewrite(text: bytes, name: bytes, intel: bool = False, bare_registers: bool = False) -> bytes:
    """The rewritten text, or `text` itself when nothing in it can become a site or when it is our own output.

    `name` is the file name the assembler shall give in messages and debug information; `intel` and `bare_registers` are
    the syntax the text starts in.
    """
    if text.startswith(prelude.MARK):
        return text
    if b"/*" in text:
        text = _without_block_comments(text)
    work = _Text(b"\n" + text, name)
    work.intel, work.bare_registers = intel, bare_registers
    work.initial_syntax = work.syntax()
    macros = re.findall(_USER_MACRO, text) if b".macro" in text else []
    work.user_macros = frozenset(macro.lower() for macro, _ in macros)
    pattern: re.Pattern[bytes] | bytes = _CANDIDATE
    if b".altmacro" in text:  # parameters need no backslash there
        work.parameters = frozenset(word.lower() for _, formals in macros for word in re.findall(rb"[\w$]+", formals))
        pattern = _ANY_LINE
    for match in re.finditer(pattern, work.text.lower()):
        work.line(match.start() + 1, match.end())
    own_directives = b".afterburn_" in text
    if not (work.site_count or work.dynamic or own_directives):
        return text
    return work.result(name)
