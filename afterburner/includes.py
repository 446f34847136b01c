"""`.include`: the included text must be rewritten too, so it is put in place, between line markers."""

from __future__ import annotations

import os
import re

from afterburner.source_lines import SourceLines

_INCLUDE = rb'(?mi)^[ \t]*\.include[ \t]+"([^"\\\n]+)"[ \t]*(?:#[^\n]*)?$'
_DEPTH_MAX = 100  # what includes itself is left to the assembler to complain about


def in_place(text: bytes, name: bytes, directories: list[str], read: list[str], depth: int = 0) -> bytes:
    """`text` with each `.include` replaced by the file, looked for in the working directory and then `directories`.

    A file that is not found becomes the assembler's own error. Names of the files taken in are appended to `read`.
    """
    if b".include" not in text.lower() or depth > _DEPTH_MAX:
        return text
    lines = SourceLines(b"\n" + text, name)
    parts: list[bytes] = []
    done = 0
    for match in re.finditer(_INCLUDE, text):
        for directory in ("", *directories):
            path = os.path.join(directory, os.fsdecode(match[1]))
            try:
                with open(path, "rb") as file:
                    included = file.read()
            except OSError:
                continue
            read.append(path)
            line, here = lines.at(match.start() + 1)
            inner = in_place(included, os.fsencode(path), directories, read, depth + 1)
            parts += (text[done : match.start()], b'# 1 "%s"\n%s\n' % (os.fsencode(path), inner))
            parts.append(b'# %d "%s"' % (line + 1, here or name))
            break
        else:
            # The assembler would give the line of its standard input, not the user's.
            message = b"can't open %s for reading: No such file or directory" % match[1]
            parts += (text[done : match.start()], b'.error "%s"' % message)
        done = match.end()
    parts.append(text[done:])
    return b"".join(parts)
