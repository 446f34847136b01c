"""Rewrites ia64 assembly: every sensitive instruction alone in its bundle, between stops, with padding, recorded.

    ssm psr.i            ;; { .mfi; [5380470:] ssm psr.i; nop.f 0; nop.i 0 } <padding>; previrt.end 1,...

on one line, so that what the assembler says about a line is true of the user's line. The site is marked with a tag, not
with a label: where a label is, the assembler forgets which predicates exclude each other. Padding is bundles of
`{ .mfi; nop.m 0; nop.f 0; nop.i 0 }`; the site's last bundle ends with a stop. Where stops are automatic the site is
put between `.explicit` and the mode it was; GNU as puts the stop in front by itself then.

An explicit bundle that holds a sensitive instruction is dissolved: its braces and template go, its instructions stay in
order, in explicit mode, and the assembler bundles what is left. A stop more changes no meaning: instructions of one
group behave as if executed in order (SDM vol. 1, 3.4), and none that must begin or end a group loses its place.
What reads ip in such a bundle still gets the bundle's address:

    { rsm psr.i; mov r15=ip }    5380468: <site> 5380469: mov r15=ip ;; adds r15=5380468b-5380469b,r15 ;;
"""

from __future__ import annotations

import re

from afterburner.ia64 import prelude
from afterburner.ia64.liveness import Liveness, is_predictable, registers, registers_named, scratch_word
from afterburner.ia64.statements import MAY_BE_SENSITIVE, Statement, tokens
from afterburner.sections import SectionFlags
from afterburner.source_lines import SourceLines
from linker.sites.ia64.classes import BUNDLE_LEN, CLASSES, LAST_IN_GROUP, NUMBER_OF

TYPE_CHECKING = False  # `typing` is not worth its start-up time here
if TYPE_CHECKING:
    from collections.abc import Iterator

ROOM_BUNDLES = {row.name: row.room_bundles for row in CLASSES}
PADDING = b" { .mfi; nop.m 0; nop.f 0; nop.i 0 }"
LAST_PADDING = b" { .mfi; nop.m 0; nop.f 0; nop.i 0 ;; }"

# Where the instruction stands in its bundle, %s, and the stop that ends the site if the bundle is its last, %s. The tag
# is in slot 0, so that its value is the bundle's address.
BUNDLES = {
    "M": b"{ .mfi; [5380470:] %s; nop.f 0; nop.i 0 %s}",
    "M;": b"{ .mmi; [5380470:] %s ;; nop.m 0; nop.i 0 %s}",
    "I": b"{ .mii; [5380470:] nop.m 0; nop.i 0; %s %s}",
    "F": b"{ .mfi; [5380470:] nop.m 0; %s; nop.i 0 %s}",
    "B": b"{ .mfb; [5380470:] nop.m 0; nop.f 0; %s %s}",
    "X": b"{ .mlx; [5380470:] nop.m 0; %s %s}",
}
BRANCH_UNIT = frozenset(("rfi", "cover", "bsw", "vmsw", "epc"))
BREAK_UNITS = {b"break.i": "I", b"break.f": "F", b"break.b": "B", b"break.x": "X"}

_COMPILER_FILE = rb'(?m)^[ \t]*\.file[ \t]+"[^"\n]*\.(?:c|i|cc|cpp)"'
_FUNCTION = re.compile(rb"(?ms)^[ \t]*\.proc[ \t].*?^[ \t]*\.endp\b[^\n]*\n")
_LOOK_AT = re.compile(
    MAY_BE_SENSITIVE
    + rb"|\.(?:section|pushsection|popsection|previous|text|data|s?bss|sdata|rodata|explicit|auto|default"
    rb"|afterburn_\w+)\b"
)
_MODES = {b".explicit": True, b".auto": False}
_TEMPLATE = re.compile(rb"\.(?:mii|mlx|mmi|mfi|mmf|mib|mbb|bbb|mmb|mfb)$")
_FROM_IP = re.compile(rb"[^=]+=[ \t]*ip$", re.I)
_RANGE = re.compile(rb"([rp])(\d+)(?:[ \t]*-[ \t]*[rp](\d+))?")


def register_ranges(text: bytes) -> int:
    """Register bits of `r30-r31, p6`; both separators `,` and blanks do."""
    mask = 0
    for match in _RANGE.finditer(text):
        for number in range(int(match[2]), int(match[3] or match[2]) + 1):
            mask |= registers(match[1] + b"%d" % number)
    return mask


def _is_filler(statement: Statement) -> bool:
    """Whether a statement only fills a slot, so that an explicit bundle which is dissolved loses nothing with it."""
    plain = not (statement.labels or statement.tag or statement.predicate)
    return (
        plain and re.fullmatch(rb"nop\.[mifb][ \t]+(?:0|0x0)", statement.word + b" " + statement.operands) is not None
    )


class _Found:
    """A statement that becomes a site: which, registers given by a directive, mode, whether it is in a bundle."""

    def __init__(self, index: int, given: int, mode: bytes, in_bundle: bool) -> None:
        self.index, self.given, self.mode, self.in_bundle = index, given, mode, in_bundle


class _Bundle:
    """An explicit bundle: where it opens, how many sites came before, and what changes when it is dissolved."""

    def __init__(self, start: int, sites_before: int) -> None:
        self.start, self.sites_before = start, sites_before
        self.dropped: list[Statement] = []
        self.from_ip: list[Statement] = []


class _Sections:
    """Follows the section directives; `is_code`: what comes next is code that is annotated."""

    def __init__(self) -> None:
        self.is_code = True
        self._previous = True
        self._stack: list[tuple[bool, bool]] = []
        self._flags = SectionFlags()

    def take(self, word: bytes, operands: bytes) -> bool:
        """Whether a directive changes the section."""
        if word == b".popsection":
            self.is_code, self._previous = self._stack.pop() if self._stack else (True, True)
        elif word == b".previous":
            self.is_code, self._previous = self._previous, self.is_code
        elif word in (b".section", b".pushsection", b".text", b".data", b".bss", b".sbss", b".sdata", b".rodata"):
            if word == b".pushsection":
                self._stack.append((self.is_code, self._previous))
            named = word in (b".section", b".pushsection")
            self._previous, self.is_code = self.is_code, self._flags.annotated(operands) if named else word == b".text"
        else:
            return False
        return True


class _Text:
    """One text on its way: its statements and the edits found so far."""

    def __init__(self, text: bytes, name: bytes, explicit: bool, fixed: bytes) -> None:
        self.text = text
        self.edits: list[tuple[int, int, bytes]] = []  # start, end, new text
        self.lines = SourceLines(text, name, (b"#", b"//"))
        self.files: dict[bytes, int] = {}
        self.default_explicit = explicit
        self.mode = b".default"
        self.statements: list[Statement] = []
        self.by_compiler: list[bool] = []  # of each statement: follows the psABI
        self.breaks: set[int] = set()  # statements that the next does not follow in memory
        self.sites: list[_Found] = []
        self.sections = _Sections()
        self.opened: _Bundle | None = None
        self.annotated, self.by_hand = True, False
        self.given = 0  # registers of .afterburn_scratch
        self.compiled = re.search(_COMPILER_FILE, text) is not None
        self.fixed = register_ranges(fixed) & ~registers_named(text) if self.compiled and fixed else 0
        # Code at fixed addresses (an interruption vector table) has no space for padding.
        self.room_max = 1 if re.search(rb"(?m)(?:^|;)[ \t]*\.org\b", text) else 3

    def explicit(self, mode: bytes) -> bool:
        """Whether the assembler takes stops as written outside bundles in a mode."""
        return _MODES.get(mode, self.default_explicit)

    def run(self) -> bool:
        """Find all edits; whether there are any."""
        for start, end in self.parts():
            self.read(start, end)
            self.breaks.add(len(self.statements) - 1)
        if not self.sites:
            return bool(self.edits)
        liveness = Liveness(self.statements, self.by_compiler, self.breaks) if is_predictable(self.text) else None
        for found in self.sites:
            dead = 0 if liveness is None else liveness.dead(found.index, self.fixed)
            self.site(found, scratch_word(self.statements[found.index], found.given | dead))
        return True

    def parts(self) -> Iterator[tuple[int, int]]:
        """The text without the compiler's functions that have nothing in them to look at, most of what it writes."""
        start = 0
        for function in _FUNCTION.finditer(self.text) if self.compiled else ():
            if not _LOOK_AT.search(self.text, function.start(), function.end()):
                yield start, function.start()
                start = function.end()
        yield start, len(self.text)

    def read(self, start: int, end: int) -> None:
        """Look at a part of the text."""
        for kind, begin, stop in tokens(self.text, start, end):
            if kind == "comment":
                line = self.text[begin:stop].strip()
                self.by_hand = line == b"#APP" or (self.by_hand and line != b"#NO_APP")
            elif kind == "brace":
                self.brace(begin)
            elif kind == "text":
                statement = Statement(self.text, begin, stop)
                if statement.word or statement.labels:
                    self.statement(statement)

    def brace(self, at: int) -> None:
        """A bundle begins or ends; one that holds a site is dissolved."""
        if self.text[at : at + 1] == b"{":
            self.opened = _Bundle(at, len(self.sites))
        elif self.opened is not None:
            if len(self.sites) > self.opened.sites_before:
                self.dissolve(self.opened, at)
            self.opened = None

    def statement(self, statement: Statement) -> None:
        """Look at the next statement."""
        index, word = len(self.statements), statement.word
        self.statements.append(statement)
        self.by_compiler.append(self.compiled and not self.by_hand)
        if self.sections.take(word, statement.operands):
            self.breaks.add(index)
        elif word in (b".explicit", b".auto", b".default"):
            self.mode = word
        elif word.startswith(b".afterburn_"):
            self.edits.append((statement.begin, statement.end, b""))
            if word == b".afterburn_scratch":
                self.given = register_ranges(statement.operands)
            else:
                self.annotated = word == b".afterburn_annotate"
        elif self.opened is not None and (_TEMPLATE.match(word) or _is_filler(statement)):
            self.opened.dropped.append(statement)
        elif self.opened is not None and word in (b"mov", b"mov.i") and _FROM_IP.match(statement.operands):
            self.opened.from_ip.append(statement)
        elif self.sections.is_code and self.annotated and statement.class_name:
            self.sites.append(_Found(index, self.given, self.mode, self.opened is not None))

    def site(self, found: _Found, scratch: int) -> None:
        """Make a site of a statement."""
        statement = self.statements[found.index]
        name = statement.class_name
        unit = "B" if name in BRANCH_UNIT else "M;" if name in LAST_IN_GROUP else BREAK_UNITS.get(statement.word, "M")
        room = min(ROOM_BUNDLES[name], self.room_max)
        instruction = self.text[statement.begin : statement.end].strip()
        padding = PADDING * (room - 2) + LAST_PADDING if room > 1 else b""
        bundle = BUNDLES[unit] % (instruction, b"" if padding else b";; ")
        explicit = found.in_bundle or self.explicit(found.mode)
        line, file = self.lines.at(statement.begin)
        number = self.files.setdefault(file, len(self.files))
        end = b'previrt.end %d,%d,%#x,%d,%d,"%s"' % (
            room * BUNDLE_LEN,
            NUMBER_OF[name],
            scratch,
            line,
            number,
            re.sub(rb'[\\"]', b"?", file),
        )
        new = bundle + padding + b"; " + end
        new = b";; " + new if explicit else b".explicit; " + new + b"; " + found.mode
        self.edits.append((statement.begin, statement.end, new))

    def dissolve(self, bundle: _Bundle, end: int) -> None:
        """Take braces, template and fillers off a bundle; `end`: where it closes."""
        start, explicit = bundle.start, self.explicit(self.mode)
        label = b"5380468: " if bundle.from_ip else b""
        self.edits.append((start, start + 1, (b"; " if explicit else b"; .explicit; ") + label))
        for statement in bundle.from_ip:
            predicate = b"(%s) " % statement.predicate if statement.predicate else b""
            target = statement.operands.partition(b"=")[0].strip()
            adds = b" ;; %sadds %s=5380468b-5380469b,%s ;; " % (predicate, target, target)
            self.edits.append((statement.begin, statement.begin, b"5380469: "))
            self.edits.append((statement.end, statement.end, adds))
        self.edits.append((end, end + 1, b"; " if explicit else b"; " + self.mode + b"; "))
        self.edits += [(statement.begin, statement.end, b"") for statement in bundle.dropped]

    def result(self, name: bytes) -> bytes:
        """The text with all edits made, behind the prelude and a marker that makes its first line 1."""
        parts = [prelude.PRELUDE, b'# 1 "%s"' % re.sub(rb'(["\\])', rb"\\\1", name)]
        done = 0
        for start, end, new in sorted(self.edits):
            parts += (self.text[done:start], new)
            done = end
        parts.append(self.text[done:])
        return b"".join(parts)


def rewrite(text: bytes, name: bytes, explicit: bool = False, fixed: bytes = b"") -> bytes:
    """The rewritten text, or `text` itself when nothing in it is a site or when it is our own output.

    `name` is the file name the assembler shall give in messages; `explicit`: stops are explicit unless the text says
    otherwise; `fixed`: registers that `-mfixed-range` keeps out of the compiler's hands, free in its code.
    """
    if text.startswith(prelude.MARK):
        return text
    work = _Text(b"\n" + text, name, explicit, fixed)
    return work.result(name) if work.run() else text
