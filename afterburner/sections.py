"""Which sections hold code that may be annotated, as far as the text shows it."""

from __future__ import annotations

import re

# Code here is copied over other code at boot (Linux alternatives): a site would move with it, its record would not.
COPIED_CODE = frozenset((b".altinstr_replacement",))

# What `.section` without flags is no code in: data and debug information by the names GNU as knows (bfd/elf.c,
# special_sections), and what is dropped at link time. Any other name gets no flags at all from as; instructions there
# are code all the same, where a linker script puts the section among code: a hobby kernel's `.section .bootstrap`.
_NO_CODE_BY_NAME = (
    rb"\.(?:data1?|[st]?data|[st]?bss|rodata1?|lrodata|ldata|lbss|comment|notes?|z?debug\w*|line|stab\w*|eh_frame\w*"
    rb"|(?:pre)?init_array|fini_array|ctors|dtors|gcc_except_table|gnu|rela?|got|dyn\w*|interp|discard|afterburn"
    rb"|(?:shstr|str|sym)tab)(?:[._]|$)"
)
_CODE_BY_NAME = rb"\.gnu\.linkonce\.t(?:\.|$)"
_OPERANDS = re.compile(rb'[ \t]*("(?:[^"\\\n]|\\.)*"|[^\s,;#"]+)[ \t]*(?:,[ \t]*(?:"([^"\n]*)"|([^\s,;]+)))?')


class SectionFlags:
    """Answers `annotated(operands)` for the operands of `.section` and `.pushsection`, remembering flags by name."""

    def __init__(self) -> None:
        self._by_name: dict[bytes, bool] = {}

    def annotated(self, operands: bytes) -> bool:
        """Whether the section named by `operands` may hold code, and is not one of `COPIED_CODE`."""
        match = _OPERANDS.match(operands)
        if match is None:
            return False
        name = match[1].strip(b'"')
        if match[2] is not None and not match[2].isdigit():
            self._by_name[name] = b"x" in match[2]
        elif match[3] is not None and match[3].startswith(b"#"):
            self._by_name[name] = b"#execinstr" in operands
        executable = self._by_name.get(name)
        if executable is None:
            executable = not re.match(_NO_CODE_BY_NAME, name) or re.match(_CODE_BY_NAME, name) is not None
        return executable and name not in COPIED_CODE
