"""Which sections hold code that may be annotated, as far as the text shows it."""

from __future__ import annotations

import re

# Code here is copied over other code at boot (Linux alternatives): a site would move with it, its record would not.
COPIED_CODE = frozenset((b".altinstr_replacement",))

# What GNU as takes for code when `.section` gives no flags: gas/config/obj-elf.c, bfd/elf.c (special_sections).
_CODE_BY_NAME = rb"\.(?:text|init|fini|plt|gnu\.linkonce\.t)(?:\.|$)"
_OPERANDS = re.compile(rb'[ \t]*("(?:[^"\\\n]|\\.)*"|[^\s,;#"]+)[ \t]*(?:,[ \t]*(?:"([^"\n]*)"|([^\s,;]+)))?')


class SectionFlags:
    """Answers `annotated(operands)` for the operands of `.section` and `.pushsection`, remembering flags by name."""

    def __init__(self) -> None:
        self._by_name: dict[bytes, bool] = {}

    def annotated(self, operands: bytes) -> bool:
        """Whether the section named by `operands` is executable and not one of `COPIED_CODE`."""
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
            executable = re.match(_CODE_BY_NAME, name) is not None
        return executable and name not in COPIED_CODE
