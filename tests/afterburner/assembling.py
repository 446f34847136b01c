"""Runs the stand-in as gcc does and reads what came out with pyelftools and objdump, never with our own tables."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import iced_x86
from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection
from elftools.elf.sections import SymbolTableSection

from linker.sites.x86_64.classes import NAME_OF

ROOT = Path(__file__).resolve().parents[2]
STAND_IN_DIR = ROOT / "afterburner" / "bin"
MACROS = ROOT / "afterburner" / "macros" / "x86_64.s"
RESERVE = ROOT / "afterburner" / "reserve" / "x86_64.S"


@dataclass(frozen=True)
class Site:
    """One record: section of the code, [start, end) in it, and what `.afterburn.info` says."""

    section: str
    start: int
    end: int
    class_name: str
    flags: int
    line: int
    file: str
    code: bytes

    @property
    def is_padded_in_front(self) -> bool:
        return bool(self.flags & 2)

    @property
    def instruction(self) -> bytes:
        """The instruction without its padding, as iced-x86 sees it; fails if there is more than NOPs beside it."""
        if self.is_padded_in_front:
            instruction, padding = self.code.lstrip(b"\x90"), self.code[: -len(self.code.lstrip(b"\x90"))]
        else:
            length = next(iter(iced_x86.Decoder(64, self.code))).len
            instruction, padding = self.code[:length], self.code[length:]
        assert padding == b"\x90" * len(padding)
        return instruction


@dataclass
class Assembled:
    """An object file: sites in the order of their records, contents of every section by name."""

    path: Path
    sites: list[Site] = field(default_factory=list)
    sections: dict[str, bytes] = field(default_factory=dict)

    @property
    def classes(self) -> list[str]:
        return [site.class_name for site in self.sites]

    def without_padding(self, section: str = ".text") -> bytes:
        """The section with the NOPs of every site cut out."""
        code = bytearray(self.sections[section])
        for site in sorted(self.sites, key=lambda site: -site.start):
            if site.section == section:
                code[site.start : site.end] = site.instruction
        return bytes(code)


def disassemble(path: Path, section: str = ".text") -> list[str]:
    """objdump's lines of a section: `address:\\tbytes\\tinstruction`."""
    out = subprocess.run(
        ["objdump", "-dw", "--insn-width=16", "-j", section, path], check=True, capture_output=True, text=True
    ).stdout
    return [line.strip() for line in out.splitlines() if line.startswith(" ") and ":\t" in line]


def run_as(
    *arguments: str | Path, cwd: Path, stdin: bytes = b"", env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run the stand-in; returns the finished process, output as bytes."""
    environment = {**os.environ, "PREVIRT_PYTHON": sys.executable, **(env or {})}
    return subprocess.run(
        [STAND_IN_DIR / "as", *arguments], cwd=cwd, input=stdin, capture_output=True, env=environment, check=False
    )


def read_object(path: Path) -> Assembled:
    """Sites and sections of an object file."""
    result = Assembled(path)
    with path.open("rb") as file:
        elf = ELFFile(file)
        sections = list(elf.iter_sections())
        for section in sections:
            result.sections.setdefault(section.name, section.data() if section["sh_type"] != "SHT_NOBITS" else b"")
        symbols = elf.get_section_by_name(".symtab")
        assert symbols is None or isinstance(symbols, SymbolTableSection)

        def resolved(index: int) -> dict[int, tuple[int, int]]:
            """Offset -> (section index, offset in it) of every relocation of section `index`."""
            found = {}
            for section in sections:
                if isinstance(section, RelocationSection) and section["sh_info"] == index:
                    assert symbols is not None
                    for relocation in section.iter_relocations():
                        symbol = symbols.get_symbol(relocation["r_info_sym"])
                        value = symbol["st_value"] + relocation["r_addend"]
                        found[relocation["r_offset"]] = (symbol["st_shndx"], value)
            return found

        tables = [index for index, section in enumerate(sections) if section.name == ".afterburn"]
        infos = [index for index, section in enumerate(sections) if section.name == ".afterburn.info"]
        undos = [section for section in sections if section.name == ".afterburn.undo"]
        assert len(tables) == len(infos) == len(undos)
        for table, info, undo in zip(tables, infos, undos, strict=True):
            count = sections[table]["sh_size"] // 16
            assert sections[table]["sh_size"] == sections[info]["sh_size"] == undo["sh_size"] == 16 * count
            assert undo.data() == bytes(16 * count)
            addresses, files = resolved(table), resolved(info)
            data = sections[info].data()
            for number in range(count):
                code_index, start = addresses[16 * number]
                end_index, end = addresses[16 * number + 8]
                assert code_index == end_index
                class_number, flags, scratch, line = struct.unpack_from("<HHII", data, 16 * number)
                assert scratch == 0
                name = ""
                if 16 * number + 12 in files:
                    names_index, name_off = files[16 * number + 12]
                    assert sections[names_index].name == ".afterburn.str"
                    name = sections[names_index].data()[name_off:].split(b"\0")[0].decode()
                else:  # the macros know neither line nor file
                    assert line == 0
                code = sections[code_index].data()[start:end]
                class_name = NAME_OF[class_number]
                result.sites.append(Site(sections[code_index].name, start, end, class_name, flags, line, name, code))
    return result


def assemble(
    text: str, directory: Path, *options: str, name: str = "in.s", env: dict[str, str] | None = None
) -> Assembled:
    """Assemble `text` with the stand-in and read the object."""
    source = directory / name
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text(text)
    done = run_as(*options, "-o", "out.o", name, cwd=directory, env=env)
    assert done.returncode == 0, done.stderr.decode()
    return read_object(directory / "out.o")


def run_with_macros(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the assembler itself with the macro file in front; returns the finished process."""
    return subprocess.run(["as", MACROS, *arguments], cwd=cwd, capture_output=True, text=True, check=False)


def assemble_with_macros(text: str, directory: Path, *options: str, name: str = "in.s") -> Assembled:
    """Assemble `text` by the second technique and read the object."""
    (directory / name).write_text(text)
    done = run_with_macros(*options, "-o", "macros.o", name, cwd=directory)
    assert done.returncode == 0, done.stderr
    return read_object(directory / "macros.o")


def assemble_plain(text: str, directory: Path, *options: str, name: str = "in.s") -> Assembled:
    """Assemble `text` with the assembler itself."""
    (directory / name).write_text(text)
    subprocess.run(["as", *options, "-o", "plain.o", name], cwd=directory, check=True)
    return read_object(directory / "plain.o")
