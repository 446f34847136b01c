"""`python -m linker.sites.make_layouts`: write `layouts.py` from construct's and pyelftools' definitions.

Both libraries cost many starts of Python to import, so a link reads what is kept here. ELF headers are pyelftools'
(`ELFStructs`); its names of types are those that all machines share.
"""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import construct
from elftools import construct as elf_construct
from elftools.elf.structs import ELFStructs

from linker.sites.definitions import ALL

PLACE = Path(__file__).with_name("layouts.py")
CLASS_BITS = {1: 32, 2: 64}  # EI_CLASS
ANY_MACHINE = "EM_NONE"
HEADERS = {"ELF_HEADER": "Elf_Ehdr", "SECTION_HEADER": "Elf_Shdr", "PROGRAM_HEADER": "Elf_Phdr"}
TYPES = {
    "FILE_TYPES": ("Elf_Ehdr", "e_type"),
    "SECTION_TYPES": ("Elf_Shdr", "sh_type"),
    "SEGMENT_TYPES": ("Elf_Phdr", "p_type"),
}
LONGEST_TEXT_LEN = 90


def elf_structs(ei_class: int) -> ELFStructs:
    """pyelftools' structures of a little-endian file of a class."""
    structs = ELFStructs(little_endian=True, elfclass=CLASS_BITS[ei_class])
    structs.create_basic_structs()
    structs.create_advanced_structs(None, ANY_MACHINE, None)
    return structs


def kept() -> str:
    """The contents of `layouts.py`."""
    lines = [
        '"""Made by `make layouts` of `definitions.py` (construct) and of pyelftools\' ELF headers: do not edit."""',
        "",
        "from linker.sites.layout import Layout",
        "",
        *(f"{name} = Layout({_quoted(_of_construct(layout))})" for name, layout in ALL.items()),
        "",
        "# By EI_CLASS.",
    ]
    structs = {ei_class: elf_structs(ei_class) for ei_class in CLASS_BITS}
    for name, of_elftools in HEADERS.items():
        lines += [f"{name} = {{"]
        for ei_class, one in structs.items():
            code, fields = _of_elftools(getattr(one, of_elftools))
            texts = textwrap.wrap(fields, LONGEST_TEXT_LEN)
            texts = [f'        "{text} "' for text in texts[:-1]] + [f'        "{texts[-1]}",']
            lines += [f"    {ei_class}: Layout(", f'        "{code}",', *texts, "    ),"]
        lines += ["}"]
    for name, (header, field) in TYPES.items():
        names = {sub.name: sub for sub in getattr(structs[2], header).subcons}[field].decoding
        lines += ["", f"{name} = {{", *(f'    0x{number:X}: "{names[number]}",' for number in sorted(names)), "}"]
    return "\n".join((*lines, ""))


def _quoted(words: tuple[str, str]) -> str:
    return ", ".join(f'"{word}"' for word in words)


def _of_construct(layout: construct.Struct) -> tuple[str, str]:
    codes, fields = [], []
    for renamed in layout.subcons:
        what, kind = renamed.subcon, ""
        if isinstance(what, construct.Const):
            what, kind = what.subcon, f":{what.value}"
        elif isinstance(what, construct.StringEncoded):
            what, kind = what.subcon, ":text"
        codes.append(f"{what.length}s" if kind == ":text" else _code(what.fmtstr))
        fields.append(renamed.name + kind)
    return "<" + "".join(codes), " ".join(fields)


def _of_elftools(layout: Any) -> tuple[str, str]:
    codes = []
    for field in layout.subcons:
        if isinstance(field, elf_construct.Struct):  # e_ident, which is kept as bytes
            codes.append(f"{field.sizeof()}s")
        else:
            codes.append(_code(getattr(field, "subcon", field).packer.format))
    return "<" + "".join(codes), " ".join(field.name for field in layout.subcons)


def _code(of_struct: str) -> str:
    if not of_struct.startswith("<"):
        raise ValueError(f"not little-endian: {of_struct}")
    return of_struct[1:]


if __name__ == "__main__":
    PLACE.write_text(kept())
