"""Every interface module kept in the package is what its sources give, and what docs/formats.md asks of a module."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile

from linker.sites.formats import NOTE_MODULE

ROOT = Path(__file__).resolve().parents[2]
HYPERVISORS = ROOT / "linker" / "hypervisors"
MODULES = sorted(HYPERVISORS.glob("*/*.so"))

MACHINES = {"x86_64": ("EM_X86_64", 62), "i386": ("EM_386", 3), "ia64": ("EM_IA_64", 50)}
RELATIVE = {"x86_64": 8, "i386": 8, "ia64": 0x6F}  # R_X86_64_RELATIVE, R_386_RELATIVE, R_IA64_REL64LSB
READ_EXECUTE, READ_WRITE = 5, 6
NOTE_TYPE_AS_SHOWN = "NT_GNU_PROPERTY_TYPE_0"  # pyelftools names type 5 so, whoever owns the note


def architecture(path: Path) -> str:
    return path.stem.partition("-")[2]


@pytest.fixture(params=MODULES, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    module: Path = request.param
    return module


@pytest.fixture
def module(path: Path) -> Any:
    """Untyped: pyelftools gives sections the class of their type."""
    return ELFFile(path.open("rb"))


def test_each_target_and_architecture_is_there() -> None:
    lol, others = {"lol-i386", "lol-ia64", "lol-x86_64"}, {"vnuma-ia64", "xen-ia64", "xen-x86_64"}
    assert {path.stem for path in MODULES} == lol | others


def rebuild(path: Path, tmp_path: Path, search_path: str) -> None:
    built = tmp_path / path.name
    sources = path.parent / f"src-{architecture(path)}"
    environment = {**os.environ, "PATH": search_path}
    subprocess.run(["make", "-s", "-B", "-C", sources, f"MODULE={built}"], check=True, env=environment)
    assert built.read_bytes() == path.read_bytes(), "run `make modules` and commit the result"


@pytest.mark.parametrize("path", [path for path in MODULES if architecture(path) != "ia64"], ids=lambda path: path.stem)
def test_rebuilding_gives_the_same_bytes(path: Path, tmp_path: Path) -> None:
    rebuild(path, tmp_path, os.environ["PATH"])


@pytest.mark.parametrize("path", [path for path in MODULES if architecture(path) == "ia64"], ids=lambda path: path.stem)
def test_rebuilding_for_ia64_gives_the_same_bytes(path: Path, tmp_path: Path, ia64_compiler: str) -> None:
    rebuild(path, tmp_path, ia64_compiler)


def test_two_parts_no_undefined_symbols_only_relative_relocations(path: Path, module: Any) -> None:
    assert [segment["p_flags"] for segment in module.iter_segments("PT_LOAD")] == [READ_EXECUTE, READ_WRITE]
    symbols = module.get_section_by_name(".dynsym").iter_symbols()
    assert not [s.name for s in symbols if s.name and s["st_shndx"] == "SHN_UNDEF"]
    relocations = module.get_section_by_name(".rela.dyn") or module.get_section_by_name(".rel.dyn")
    kinds = {r["r_info_type"] for r in relocations.iter_relocations()} if relocations else set()
    assert kinds <= {RELATIVE[architecture(path)]}


def test_note_names_target_and_machine(path: Path, module: Any) -> None:
    (note,) = module.get_section_by_name(".note.previrt.module").iter_notes()
    assert (note["n_name"], note["n_type"]) == ("previrt", NOTE_TYPE_AS_SHOWN)
    fields = NOTE_MODULE.parse(note["n_descdata"])
    assert (module["e_machine"], fields.machine) == MACHINES[architecture(path)]
    assert fields.target == path.parent.name
