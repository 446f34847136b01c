"""The built LoL module is what its sources give, and is what docs/formats.md asks of a module."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile

from linker.hypervisors.lol.x86_64 import BINDING
from linker.sites.formats import NOTE_MODULE

MODULE = BINDING.module
SOURCES = MODULE.parent / "src-x86_64"
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
