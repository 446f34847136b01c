"""Relocatable objects: read, listed, bound to bare and given back; and hostile ones."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from ko_objects import I386, IA64, X86_64, Entry, assemble, contents, disassembled, put, relocations

import previrt

SOURCES = {"x86_64": X86_64, "i386": I386, "ia64": IA64}
LISTED = {
    "x86_64": [
        (".text", 0x1, "f", "cli"),
        (".text", 0x9, "f+0x8", "mov %cr3,%rax"),
        (".text", 0x11, "f+0x10", "sti"),
        (".text", 0x19, "f+0x18", "lgdt .data(%rip)"),
        (".text", 0x21, "f+0x20", "sidt 0 [.data+0xa]"),
        (".text", 0x29, "f+0x28", "verw .text+0x32"),
        (".init.text", 0x0, "g", "rdmsr"),
        (".init.text", 0x8, "g+0x8", "cpuid"),
    ],
    "i386": [
        (".text", 0x1, "f", "cli"),
        (".text", 0x9, "f+0x8", "lgdt 4 [.data]"),
        (".init.text", 0x0, "g", "rdmsr"),
    ],
    "ia64": [
        (".text", 0x0, "f", "ssm 0x4000"),
        (".text", 0x30, "f+0x30", "mov r8=cr.iva"),
        (".init.text", 0x0, "g", "mov r8=cpuid[r9]"),
    ],
}


@pytest.fixture(params=SOURCES)
def arch(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_sites_are_listed_by_section_and_offset(arch: str, tmp_path: Path) -> None:
    path = assemble(tmp_path, arch, SOURCES[arch])
    listed = previrt.list_sites(path, "bare")
    assert [(site.section, site.va, site.symbol, site.instruction) for site in listed] == LISTED[arch]
    assert {site.form for site in listed} == {"native"}
    if arch != "i386":  # whose original annotations say nothing of lines
        assert all(site.source.startswith(f"{path}.s:") for site in listed)


def test_bound_and_given_back_byte_for_byte(arch: str, tmp_path: Path) -> None:
    path = assemble(tmp_path, arch, SOURCES[arch])
    report = previrt.link(path, "bare")
    bound = tmp_path / "object.o.bare"
    assert report.bound == report.sites == len(LISTED[arch])
    before, after = contents(path), contents(bound)
    changed = {name for name in before if before[name] != after[name]}
    assert changed <= {".text", ".init.text", ".note.afterburn"}
    assert relocations(bound) == relocations(path)
    again = tmp_path / "again"
    previrt.link(bound, "bare", output=again)
    assert again.read_bytes() == bound.read_bytes()
    previrt.restore(bound, output=again)
    assert again.read_bytes() == path.read_bytes()


def test_operands_keep_their_relocations(tmp_path: Path) -> None:
    path = assemble(tmp_path, "x86_64", X86_64)
    previrt.link(path, "bare")
    lines = disassembled(tmp_path / "object.o.bare")
    assert "19: lgdt 0x0(%rip) # 20 <f+0x1f> 1c: R_X86_64_PC32 .data-0x4" in lines
    assert "21: sidt 0x0 25: R_X86_64_32S .data+0xa" in lines
    assert "2: nopl 0x0(%rax)" in lines, "behind cli"


def test_skip_and_only_take_section_and_offset(tmp_path: Path) -> None:
    path = assemble(tmp_path, "x86_64", X86_64)
    for words in ([".init.text+0x8"], ["cpuid"]):
        listed = previrt.list_sites(path, "bare", skip=words)
        assert [site.instruction for site in listed if site.form == "skipped"] == ["cpuid"]
    assert previrt.link(path, "bare", only=["g"], dry_run=True).bound == 2
    with pytest.raises(previrt.UsageError, match=r"^no site at \.text\+0x80"):
        previrt.link(path, "bare", only=[".text+0x80"])
    with pytest.raises(previrt.UsageError, match=r"^'0x10' is no address"):
        previrt.link(path, "bare", only=["0x10"])


def test_the_command_says_sections_never_pseudo_addresses(tmp_path: Path) -> None:
    path = assemble(tmp_path, "x86_64", X86_64)
    for options in (["--list"], ["--list", "--json"], ["-t", "bare", "-v"], ["-t", "bare", "-v", "--json"]):
        done = subprocess.run(
            [sys.executable, "-m", "linker.commands.link", path, *options], check=True, capture_output=True, text=True
        )
        assert "4f000000" not in done.stdout.lower()
        assert ".init.text" in done.stdout
        if "--json" in options:
            json.loads(done.stdout)


def test_tables_in_pieces(tmp_path: Path) -> None:
    """As the assembler leaves them, one for each section of code; ld -r joins those that are in no group."""
    source = ".text\ncli\nret\n" + '.section .text.h, "axG", @progbits, h, comdat\nh: sti\nret\n'
    source += '.section .text.f, "ax"\nf: hlt\n'
    path = assemble(tmp_path, "x86_64", source)
    for options in (["-r"], ["-r", "--force-group-allocation"]):
        subprocess.run(["ld", *options, path, "-o", tmp_path / f"{len(options)}.o"], check=True)
    places = [(".text", 0), (".text.h", 0), (".text.f", 0)]
    for whole, pieces in ((path, 3), (tmp_path / "1.o", 2), (tmp_path / "2.o", 1)):
        with whole.open("rb") as file:
            assert [s.name for s in ELFFile(file).iter_sections()].count(".afterburn") == pieces
        bound = tmp_path / "bound.o"
        report = previrt.link(whole, "bare", output=bound, details=True)
        assert [(detail.section, detail.va) for detail in report.details] == places
        previrt.restore(bound, output=tmp_path / "back.o")
        assert (tmp_path / "back.o").read_bytes() == whole.read_bytes()


def test_code_that_was_dropped_is_passed_over(tmp_path: Path) -> None:
    """R_X86_64_NONE is what linkers leave of a relocation about a section they dropped."""
    path = assemble(tmp_path, "x86_64", X86_64)
    for number in (12, 13):
        put(path, entry(path, ".afterburn", number).at + 8, "<Q", 0)
    report = previrt.link(path, "bare")
    assert (report.bound, report.dropped) == (7, 1)


def entry(path: Path, section: str, number: int = 0) -> Entry:
    return [one for one in relocations(path) if one.section == section][number]


def records(number: int, field: int, layout: str, value: int) -> Callable[[Path], None]:
    """Damage entry `number` of .rela.afterburn: a value at byte `field` of it."""
    return lambda path: put(path, entry(path, ".afterburn", number).at + field, layout, value)


def section_field(path: Path, name: str, field: int, layout: str, value: int) -> None:
    """Damage the header of a section."""
    with path.open("rb") as file:
        elf = ELFFile(file)
        at = elf["e_shoff"] + elf.get_section_index(name) * elf["e_shentsize"]
    put(path, at + field, layout, value)


def in_data(path: Path) -> None:
    for number in (0, 1):
        put(path, entry(path, ".afterburn", number).at + 12, "<I", 2)


HOSTILE: dict[str, tuple[Callable[[Path], None], str]] = {
    "wrong type": (
        records(1, 8, "<I", 10),
        ".rela.afterburn entry 1: relocation has the wrong type: found R_X86_64_32, expected R_X86_64_64",
    ),
    "unknown type": (
        records(1, 8, "<I", 200),
        ".rela.afterburn entry 1: relocation has the wrong type: found relocation",
    ),
    "no such symbol": (
        records(0, 12, "<I", 5000),
        ".rela.afterburn entry 0: relocation names no symbol: found symbol 5000, expected below ",
    ),
    "undefined symbol": (
        records(0, 12, "<I", 0),
        ".rela.afterburn entry 0: relocation is about nothing in the object: found symbol 0 '', undefined",
    ),
    "addend out of range": (
        records(3, 16, "<q", 1 << 40),
        ".rela.afterburn entry 3: relocation leads out of its section: found .text+0x10000000000, expected up to 0x34",
    ),
    "addend below the section": (
        records(3, 16, "<q", -1),
        ".rela.afterburn entry 3: relocation leads out of its section: found .text-0x1",
    ),
    "behind the table": (
        records(0, 0, "<Q", 0x1000),
        ".rela.afterburn entry 0: relocation is not about a word of .afterburn: found offset 0x1000, expected",
    ),
    "between words": (records(0, 0, "<Q", 4), ".rela.afterburn entry 0: relocation is not about a word of .afterburn"),
    "twice": (
        records(2, 0, "<Q", 0),
        ".rela.afterburn entry 2: two relocations of one word: found .afterburn+0x0",
    ),
    "half a record": (
        records(1, 8, "<Q", 0),
        ".afterburn record 0: word has no relocation: found end 0x0, expected a relocation R_X86_64_64",
    ),
    "reversed": (
        records(1, 16, "<q", 0),
        ".afterburn record 0 at .text+0x1: record is reversed: found end .text+0x0, expected an end up",
    ),
    "another section's end": (
        records(1, 12, "<I", 5),
        ".afterburn record 0 at .text+0x1: ",
    ),
    "in data": (
        in_data,
        ".afterburn record 0 at .data+0x1: site is not in code: found section .data",
    ),
    "no relocations": (
        lambda path: section_field(path, ".rela.afterburn", 4, "<I", 1),
        ".afterburn: annotation table has no relocations: expected .rela.afterburn or .rel.afterburn",
    ),
    "two sets": (
        lambda path: section_field(path, ".rela.afterburn.info", 44, "<I", 7),
        ".afterburn: annotation table has two sets of relocations: found .rela.afterburn, .rela.afterburn.info",
    ),
    "cut off": (
        lambda path: section_field(path, ".rela.afterburn", 32, "<Q", 25),
        ".rela.afterburn: relocations are truncated: found 25 bytes, expected a multiple of 24",
    ),
    "no symbol table": (
        lambda path: section_field(path, ".rela.afterburn", 40, "<I", 2),
        ".rela.afterburn: relocations use another symbol table: found section 2",
    ),
    "in the padding": (
        lambda path: put(path, entry(path, ".text").at, "<Q", 0x3),
        ".afterburn record 0 at .text+0x1: relocation changes the padding of a site: found .rela.text entry 0 (.data-",
    ),
    "over the edge": (
        lambda path: put(path, entry(path, ".text").at, "<Q", 0x6),
        ".afterburn record 0 at .text+0x1: relocation changes the edge of a site: found .rela.text entry 0 (R_X86",
    ),
    "from in front": (
        lambda path: put(path, entry(path, ".text").at, "<Q", 0x0),
        ".afterburn record 0 at .text+0x1: relocation changes the edge of a site",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(name: str, tmp_path: Path) -> None:
    damage, message = HOSTILE[name]
    path = assemble(tmp_path, "x86_64", X86_64)
    damage(path)
    before = path.read_bytes()
    with pytest.raises(previrt.LinkError) as caught:
        previrt.link(path, "bare")
    assert str(caught.value).startswith(f"{path}: {message}"), str(caught.value)
    assert "4f000000" not in str(caught.value)
    assert path.read_bytes() == before
    assert not (tmp_path / "object.o.bare").exists()


def test_an_addend_in_place_is_signed(tmp_path: Path) -> None:
    path = assemble(tmp_path, "i386", I386)
    with path.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".afterburn")
        assert table is not None
        at = table["sh_offset"]
    put(path, at, "<i", -2)
    with pytest.raises(
        previrt.LinkError, match=r"\.rel\.afterburn entry 0: relocation leads out of its section: found"
    ):
        previrt.link(path, "bare")


def test_sub_sections_have_relocations_too(tmp_path: Path) -> None:
    source = (
        f"{I386}\n.text\nh:\n6: movl %eax, tables+8; .skip 4, 0x90\n7: ret\n.section .afterburn.pte_set\n.long 6b, 7b\n"
    )
    path = assemble(tmp_path, "i386", source)
    listed = previrt.list_sites(path)
    assert [(site.va, site.class_name) for site in listed if site.symbol == "h"] == [(0x16, "pte_set")]
    assert previrt.link(path, "bare").bound == 4
    assert "16: mov %eax,0x8 17: R_386_32 .data" in disassembled(tmp_path / "object.o.bare")
