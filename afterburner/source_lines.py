"""Where a statement of an assembly text comes from: file and line as the C preprocessor, gcc or the user gave them."""

from __future__ import annotations

import re

# `# 38 "irqflags.h" 1` before the text it describes: the C preprocessor (every .S) and gcc (around inline assembly,
# closed by `# 0 "" 2`). On ia64 gcc's begin with `//`. `.loc` and `.file` come with -g.
_MARKER = rb'(?:#|//) (\d+) "((?:[^"\\\n]|\\.)*)"'
_LOC = rb"\.loc[ \t]+(\d+)[ \t]+(\d+)"
_NUMBERED_FILE = rb'(?m)^\s*\.file[ \t]+(\d+)[ \t]+("[^"\n]*")(?:[ \t]+("[^"\n]*"))?'
_COMPILER_FILE = rb'(?m)^\s*\.file[ \t]+"'


class SourceLines:
    """Answers `at(position)` for ascending positions of one text.

    `text` starts with a newline that is not the user's; `name` is the text's own file name. Without marker and `.loc`,
    compiler output (it says `.file "x.c"`) has no line worth recording: its own name is a temporary file's. `comments`
    is what a marker may begin with.
    """

    def __init__(self, text: bytes, name: bytes, comments: tuple[bytes, ...] = (b"#",)) -> None:
        self._text = text
        self._begins = tuple(b"\n%s " % comment for comment in comments)
        self._own_name = name
        self._looked_up_to = 0
        self._marker: tuple[int, int, bytes] = (0, 0, b"")  # position behind it, line that follows, file
        self._loc: tuple[int, int, bytes] = (0, 0, b"")
        self._files: dict[int, bytes] | None = None
        self._compiled: bool | None = None

    def at(self, position: int) -> tuple[int, bytes]:
        """Line and file of the statement at `position`; (0, b"") when unknown."""
        text = self._text
        marker = self._marker_before(position)
        while marker >= 0:
            match = re.match(_MARKER, text[marker + 1 : marker + 4096])
            if match:
                line_end = text.find(b"\n", marker + 1)
                self._marker = (line_end, int(match[1]), match[2])
                break
            marker = self._marker_before(marker)
        loc = text.rfind(b".loc", self._looked_up_to, position)
        if loc >= 0:
            match = re.match(_LOC, text[loc : loc + 80])
            if match:
                self._loc = (loc, int(match[2]), self._numbered_file(int(match[1])))
        self._looked_up_to = position - 1
        return self._nearest(position)

    def _marker_before(self, position: int) -> int:
        return max(self._text.rfind(begin, self._looked_up_to, position) for begin in self._begins)

    def _nearest(self, position: int) -> tuple[int, bytes]:
        marked_at, line, name = self._marker
        if name and self._marker[1] and marked_at > self._loc[0]:
            return line + self._text.count(b"\n", marked_at + 1, position), name
        if self._loc[1]:
            return self._loc[1:]
        if self._compiled is None:
            self._compiled = re.search(_COMPILER_FILE, self._text) is not None
        if self._compiled:
            return 0, b""
        return self._text.count(b"\n", 0, position), self._own_name

    def _numbered_file(self, number: int) -> bytes:
        if self._files is None:
            self._files = {}
            for match in re.finditer(_NUMBERED_FILE, self._text):
                parts = [part.strip(b'"') for part in match.groups()[1:] if part]
                self._files[int(match[1])] = b"/".join(parts) if not parts[-1].startswith(b"/") else parts[-1]
        return self._files.get(number, b"")
