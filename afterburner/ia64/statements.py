"""Takes ia64 assembly apart: statements, stops, braces, and what a statement is made of.

GNU as for ia64 ends a statement at a newline, `;`, `{` and `}`; `;;` is a stop. `//` begins a comment, `#` only at the
start of a line (elsewhere it is part of a symbol: `printk#`).
"""

from __future__ import annotations

import re

from linker.sites.ia64.classes import CLASSES

TYPE_CHECKING = False  # `typing` is not worth its start-up time here
if TYPE_CHECKING:
    from collections.abc import Iterator

# No possessive groups here or in any pattern of the afterburner: Python before 3.11.5 goes on where the last attempt at
# one more turn gave up (python/cpython issue 106052), and Debian 12 has 3.11.2.
_TOKEN = re.compile(
    rb"""(?P<comment>//[^\n]*|/\*.*?(?:\*/|\Z)|(?:(?<=\n)|\A)[ \t]*\#[^\n]*)"""
    rb"""|(?P<stop>;;)|(?P<end>[;\n])|(?P<brace>[{}])"""
    rb"""|(?P<text>(?:[^;{}\n"'/]++|"(?:[^"\\\n]|\\.)*"?|'(?:\\.|[^\n])'?|/(?![/*]))+)""",
    re.S,
)
_LABELS = re.compile(rb'(?:[ \t]*(?:"[^"\n]*"|[\w.$\\@()]+)[ \t]*:(?!:)(?![ \t]*\]))*[ \t]*')
_PARTS = re.compile(
    rb"(?P<tag>(?:\[[^\]\n]*:\][ \t]*)*)(?:\((?P<qp>[^)\n]*)\)[ \t]*)?(?P<word>[.\w\\$@]+)[ \t]*(?P<operands>.*)", re.S
)
_INDIRECT = {b"rr": "rr", b"pkr": "pkr", b"ibr": "ibr", b"dbr": "dbr", b"pmc": "pmc", b"pmd": "pmd", b"cpuid": "cpuid"}
_SPECIAL = (
    rb"(?i)(?:(?P<psr>psr(?:\.l)?)$|(?P<cr>cr(?:\.|\d|\\))|(?P<indirect>rr|pkr|ibr|dbr|pmc|pmd|cpuid)[ \t]*\["
    rb"|ar(?:\.(?:(?P<kr>k[0-7])|(?P<itc>itc|ruc))|(?:(?P<krn>[0-7])|(?P<itcn>4[45])))$)"
)
WORDS = {word.encode(): row.name for row in CLASSES for word in row.words.split()}


# Found wherever `Statement.class_name` finds something; it may find more.
MAY_BE_SENSITIVE = (
    rb"(?i:(?<![\w.$])(?:" + b"|".join(map(re.escape, WORDS)) + rb")(?![\w$])|(?<![\w.$])mov(?:\.m)?[ \t][^\n;]*"
    rb"(?:psr|cr[.\d\\]|(?:rr|pkr|[id]br|pmc|pmd|cpuid)[ \t]*\[|ar\.(?:k[0-7]|itc|ruc)|ar(?:[0-7]|4[45])(?!\d)))"
)


def tokens(text: bytes, start: int, end: int) -> Iterator[tuple[str, int, int]]:
    """(kind, start, end) of everything in a range of the text; kinds are comment, stop, end, brace and text."""
    for match in _TOKEN.finditer(text, start, end):
        kind = match.lastgroup
        if kind is not None:
            yield kind, match.start(), match.end()


class Statement:
    """One statement: `begin` is where it begins behind its labels; fields are bytes, empty where absent.

    `tag`: `[1:]` with brackets; `predicate`: what stands in parentheses; `word`: mnemonic or directive, lower case.
    """

    def __init__(self, text: bytes, start: int, end: int) -> None:
        labels = _LABELS.match(text, start, end)
        self.start, self.end = start, end
        self.begin = start if labels is None else labels.end()
        self.labels = [label.strip().strip(b'"') for label in text[start : self.begin].split(b":") if label.strip()]
        parts = _PARTS.match(text, self.begin, end)
        self.tag = self.predicate = self.word = self.operands = b""
        if parts is not None:
            self.tag = parts["tag"].strip()
            self.predicate = (parts["qp"] or b"").strip()
            self.word, self.operands = parts["word"].lower(), parts["operands"].strip()
            self.labels += re.findall(rb"\[([^\]\n:]*):\]", self.tag)

    @property
    def class_name(self) -> str:
        """The operation class of a sensitive instruction; empty for anything else."""
        if self.word not in (b"mov", b"mov.m"):
            return "" if self.operands.startswith(b"=") else WORDS.get(self.word, "")
        target, equals, source = self.operands.partition(b"=")
        if not equals:
            return ""
        for direction, operand in (("to", target.strip()), ("from", source.strip())):
            match = re.match(_SPECIAL, operand)
            if match is None:
                continue
            if match["indirect"]:
                return f"mov_{direction}_{_INDIRECT[match['indirect'].lower()]}"
            names = (("psr", "psr"), ("cr", "cr"), ("kr", "kr"), ("krn", "kr"), ("itc", "itc"), ("itcn", "itc"))
            return next(f"mov_{direction}_{name}" for group, name in names if match[group])
        return ""
