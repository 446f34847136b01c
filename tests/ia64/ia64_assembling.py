"""Runs the ia64 stand-in as gcc does and reads what came out with pyelftools and objdump, never with our own tables."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.elffile import ELFFile
from ia64_binutils import AS, disassemble_bytes

from linker.sites.ia64.classes import NAME_OF

ROOT = Path(__file__).resolve().parents[2]
STAND_IN_DIR = ROOT / "afterburner" / "bin" / "ia64-linux-gnu"
MACROS = ROOT / "afterburner" / "macros" / "ia64.s"
SHF_EXECINSTR = 4
NOPS = {f"nop.{unit} 0x0" for unit in "mifb"}


@dataclass(frozen=True)
class Site:
    """One record of a linked image, and what objdump reads there: text of the slots, `;;` where a group ends."""

    start: int
    class_name: str
    flags: int
    scratch: int
    line: int
    file: str
    slots: tuple[str, ...]

    @property
    def instruction(self) -> str:
        """The only slot that is no no-operation."""
        (found,) = [slot for slot in self.slots if slot.removesuffix(" ;;") not in NOPS]
        return found


@dataclass(frozen=True)
class Image:
    """A linked image: sites by address, `.text` as slots that are no no-operations, sections."""

    path: Path
    sites: list[Site]
    code: list[str]
    sections: dict[str, bytes]

    @property
    def classes(self) -> list[str]:
        return [site.class_name for site in self.sites]


def run_as(
    *arguments: str | Path, cwd: Path, env: dict[str, str] | None = None, program: Path = STAND_IN_DIR / "as"
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PREVIRT_PYTHON": sys.executable, **(env or {})}
    command = [program, *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=environment, check=False)


def slots_of(code: bytes) -> list[str]:
    return [text + (" ;;" if stop else "") for _, slots in disassemble_bytes(code) for text, stop in slots]


def link(directory: Path, name: str) -> Path:
    command = ["ia64-linux-gnu-ld", "-Ttext=0x10000", "-e", "0", "-o", f"{name}.elf", f"{name}.o"]
    subprocess.run(command, cwd=directory, check=True, capture_output=True)
    return directory / f"{name}.elf"


def read_image(path: Path) -> Image:
    with path.open("rb") as file:
        elf = ELFFile(file)
        sections = {s.name: s.data() for s in elf.iter_sections() if s["sh_type"] != "SHT_NOBITS"}
        places = [(s["sh_addr"], s.data()) for s in elf.iter_sections() if s["sh_flags"] & SHF_EXECINSTR]
    records = list(struct.iter_unpack("<QQ", sections.get(".afterburn", b"")))
    infos = list(struct.iter_unpack("<HHIII", sections.get(".afterburn.info", b"")))
    assert len(sections.get(".afterburn.undo", b"")) == 32 * len(records)
    sites = []
    for (start, end), (number, flags, scratch, line, file_off) in zip(records, infos, strict=True):
        assert start % 16 == end % 16 == 0 < end - start
        name = sections.get(".afterburn.str", b"")[file_off:].split(b"\0")[0].decode()
        ((base, code),) = [place for place in places if place[0] <= start < place[0] + len(place[1])]
        slots = tuple(slots_of(code[start - base : end - base]))
        sites.append(Site(start, NAME_OF[number], flags, scratch, line, name, slots))
    text = [slot for slot in slots_of(sections[".text"]) if slot.removesuffix(" ;;") not in NOPS]
    return Image(path, sorted(sites, key=lambda site: site.start), text, sections)


def assemble(text: str, directory: Path, *options: str, name: str = "in.S", env: dict[str, str] | None = None) -> Image:
    """Assemble `text` with the stand-in without a message, link it, read it."""
    (directory / name).write_text(text)
    done = run_as(*options, "-o", "out.o", name, cwd=directory, env=env)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return read_image(link(directory, "out"))


def run_with_macros(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the assembler itself with the macro file in front; returns the finished process."""
    return subprocess.run([AS, MACROS, *arguments], cwd=cwd, capture_output=True, text=True, check=False)


def assemble_with_macros(text: str, directory: Path, *options: str) -> Image:
    """Assemble `text` by the second technique without a message, link it, read it."""
    (directory / "macros.S").write_text(text)
    done = run_with_macros(*options, "-o", "macros.o", "macros.S", cwd=directory)
    assert (done.returncode, done.stderr) == (0, "")
    return read_image(link(directory, "macros"))


def assemble_plain(text: str, directory: Path, *options: str) -> Image:
    """Assemble `text` with the assembler itself."""
    (directory / "plain.S").write_text(text)
    subprocess.run([AS, *options, "-o", "plain.o", "plain.S"], cwd=directory, check=True)
    return read_image(link(directory, "plain"))
