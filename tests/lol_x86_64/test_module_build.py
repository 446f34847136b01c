"""The built LoL module is what its sources give, and is what docs/formats.md asks of a module."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile

from linker.hypervisors.lol.x86_64 import BINDING
from linker.hypervisors.shared.x86_64_vcpu import ROW, SITE
from linker.sites.formats import NOTE_MODULE
from linker.sites.x86_64.classes import CLASSES

MODULE = BINDING.module
SOURCES = MODULE.parent / "src-x86_64"
SHARED = MODULE.parents[1] / "shared/src-x86_64"
R_X86_64_RELATIVE = 8
NOTE_TYPE_AS_SHOWN = "NT_GNU_PROPERTY_TYPE_0"  # pyelftools names type 5 so, whoever owns the note
PT_LOAD_FLAGS = [5, 6]


@pytest.fixture(scope="module")
def module() -> ELFFile:
    return ELFFile(MODULE.open("rb"))


def section(module: ELFFile, name: str) -> Any:
    """A section, of the class its type gives it."""
    return module.get_section_by_name(name)


def test_rebuilding_gives_the_same_bytes(tmp_path: Path) -> None:
    built = tmp_path / "lol.so"
    subprocess.run(["make", "-s", "-B", "-C", SOURCES, f"MODULE={built}"], check=True)
    assert built.read_bytes() == MODULE.read_bytes(), "run `make modules` and commit the result"


def test_two_parts_no_undefined_symbols_only_relative_relocations(module: ELFFile) -> None:
    loads = list(module.iter_segments("PT_LOAD"))
    assert [segment["p_flags"] for segment in loads] == PT_LOAD_FLAGS
    dynamic_symbols = section(module, ".dynsym")
    assert not [s.name for s in dynamic_symbols.iter_symbols() if s.name and s["st_shndx"] == "SHN_UNDEF"]
    kinds = {r["r_info_type"] for r in section(module, ".rela.dyn").iter_relocations()}
    assert kinds == {R_X86_64_RELATIVE}


def test_note_names_target_and_machine(module: ELFFile) -> None:
    (note,) = section(module, ".note.previrt.module").iter_notes()
    assert (note["n_name"], note["n_type"]) == ("previrt", NOTE_TYPE_AS_SHOWN)
    fields = NOTE_MODULE.parse(note["n_descdata"])
    assert (fields.target, fields.machine) == ("lol", module.header["e_machine"] == "EM_X86_64" and 62)


def test_class_numbers_are_those_of_the_table() -> None:
    header = (SHARED / "classes.h").read_text()
    numbers = {name.lower(): int(number) for name, number in re.findall(r"CLASS_(\w+) = (\d+),", header)}
    assert numbers == {row[1]: row[0] for row in CLASSES}


def test_every_class_is_worked_by_the_module() -> None:
    source = (SHARED / "emulate.c").read_text()
    worked = source.split("struct fault emulate(", 1)[1]
    missing = [row[1] for row in CLASSES if f"case CLASS_{row[1].upper()}:" not in worked]
    assert not missing


def test_rows_have_the_layout_of_the_c_structures(tmp_path: Path) -> None:
    """The C compiler says what it makes of `struct row` and `struct site`."""
    fields = ["class_number", "length", "width", "flags", "reg_count", "reg", "base", "index", "scale", "segment"]
    fields += ["address_bits", "carried", "displacement", "immediate", "text_va", "code"]
    checks = "\n".join(
        f'_Static_assert(offsetof(struct row, {name}) == {offset}, "{name}");'
        for name, offset in zip(fields, [0, 2, 3, 4, 5, 6, 10, 11, 12, 13, 14, 15, 16, 24, 32, 40], strict=True)
    )
    source = tmp_path / "layout.c"
    source.write_text(
        f'#include "vcpu.h"\n{checks}\n'
        f'_Static_assert(sizeof(struct row) == {ROW.size}, "row");\n'
        f'_Static_assert(sizeof(struct site) == {SITE.size}, "site");\n'
    )
    subprocess.run(["gcc", "-std=gnu11", "-I", SHARED, "-fsyntax-only", source], check=True)
    packed = ROW.pack(0x0201, 3, 4, 5, 6, b"\7\x08\x09\x0a", 11, 12, 13, 14, 15, 16, 17, 18, 19, bytes(16))
    assert (packed[0], packed[2], packed[6], packed[14], packed[16], packed[24], packed[32]) == (
        1,
        3,
        7,
        15,
        17,
        18,
        19,
    )
