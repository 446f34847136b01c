"""The committed ia64 fixture guest is what its sources give, and is made as docs/formats.md wants a guest."""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path

import pytest
from elftools.elf.constants import P_FLAGS
from elftools.elf.elffile import ELFFile
from ia64_guest import GUEST, build, symbols_of

import previrt
from linker.registry import targets
from linker.sites.formats import INFO, RECORD_64
from linker.sites.ia64.classes import BUNDLE_LEN, CLASSES, NAME_OF

PAGE_LEN = 16384
GUEST_LIMIT_LEN = 2 << 20
TARGETS = sorted(target for target, architectures in targets().items() if "ia64" in architectures)


def section(name: str) -> bytes:
    with GUEST.open("rb") as stream:
        found = ELFFile(stream).get_section_by_name(name)
        assert found
        return bytes(found.data())


def records() -> list[tuple[int, int]]:
    data = section(".afterburn")
    parsed = (RECORD_64.parse(data[at:]) for at in range(0, len(data), RECORD_64.sizeof()))
    return [(record.start_va, record.end_va) for record in parsed]


def test_rebuilding_gives_the_same_bytes_anywhere(tmp_path: Path, ia64_compiler: str) -> None:
    elsewhere = tmp_path / "sources elsewhere"
    shutil.copytree(GUEST.parent, elsewhere)
    assert build(elsewhere, tmp_path / "objects", ia64_compiler) == GUEST.read_bytes(), (
        "run `make guest`, commit the result"
    )


def test_segments_can_be_loaded_by_a_monitor_and_by_linux() -> None:
    with GUEST.open("rb") as stream:
        elf = ELFFile(stream)
        assert (elf["e_type"], elf["e_machine"]) == ("ET_EXEC", "EM_IA_64")
        loads = [segment.header for segment in elf.iter_segments("PT_LOAD")]
    code = P_FLAGS.PF_R | P_FLAGS.PF_X
    assert [load["p_flags"] for load in loads] == [code, P_FLAGS.PF_R, P_FLAGS.PF_R | P_FLAGS.PF_W, code]
    assert loads[0]["p_vaddr"] == 0x4000000
    for load in loads:
        assert load["p_vaddr"] == load["p_paddr"]
        assert load["p_vaddr"] % PAGE_LEN == load["p_offset"] % PAGE_LEN == 0
    for before, behind in pairwise(loads):
        assert before["p_vaddr"] + before["p_memsz"] <= behind["p_vaddr"]
    assert loads[-1]["p_vaddr"] + loads[-1]["p_memsz"] <= 128 << 20
    assert GUEST.stat().st_size < GUEST_LIMIT_LEN


def test_the_vector_table_has_its_place_and_size() -> None:
    symbols = symbols_of(GUEST)
    assert symbols["ivt"] % 32768 == 0
    starts = [start for start, _ in records()]
    assert [start for start in starts if symbols["ivt"] <= start < symbols["ivt"] + 32768], "no site in the table"


def test_every_class_has_sites_with_and_without_free_registers() -> None:
    data = section(".afterburn.info")
    infos = [INFO.parse(data[at:]) for at in range(0, len(data), INFO.sizeof())]
    assert len(infos) == len(records())
    # vmsw needs firmware that turned virtualization on, and a paravirtualized guest cannot have it at all.
    classes = {row.name for row in CLASSES} - {"vmsw"}
    assert {NAME_OF[info.class_number] for info in infos} == classes
    with_free = {NAME_OF[info.class_number] for info in infos if info.scratch}
    without_free = {NAME_OF[info.class_number] for info in infos if not info.scratch}
    assert with_free == classes - {"rfi"}  # nothing is free where control goes elsewhere for good
    assert without_free == classes


def test_programs_of_level_3_are_left_alone() -> None:
    symbols = symbols_of(GUEST)
    inside = [start for start, _ in records() if symbols["user_image"] <= start < symbols["user_image_end"]]
    assert not inside


def test_sites_are_whole_bundles_in_executable_segments() -> None:
    with GUEST.open("rb") as stream:
        loads = [segment.header for segment in ELFFile(stream).iter_segments("PT_LOAD")]
    for start, end in records():
        assert start % BUNDLE_LEN == end % BUNDLE_LEN == 0
        assert any(
            load["p_flags"] & P_FLAGS.PF_X and load["p_vaddr"] <= start < end <= load["p_vaddr"] + load["p_filesz"]
            for load in loads
        )


@pytest.fixture(scope="module")
def bound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The guest bound to every target, and itself under the empty name."""
    made = {"": tmp_path_factory.mktemp("ia64guest") / "guest"}
    made[""].write_bytes(GUEST.read_bytes())
    for target in TARGETS:
        previrt.link(made[""], target)
        made[target] = made[""].with_name(f"guest.{target}")
    return made


@pytest.mark.parametrize("target", TARGETS)
def test_every_site_is_bound(bound: dict[str, Path], target: str) -> None:
    report = previrt.link(bound[""], target, dry_run=True)
    assert report.bound == report.sites == len(records())


@pytest.mark.parametrize("second", TARGETS)
@pytest.mark.parametrize("first", TARGETS)
def test_binding_a_bound_image_equals_binding_the_original(
    bound: dict[str, Path], tmp_path: Path, first: str, second: str
) -> None:
    previrt.link(bound[first], second, output=tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == bound[second].read_bytes()


@pytest.mark.parametrize("target", TARGETS)
def test_restoring_gives_the_original(bound: dict[str, Path], tmp_path: Path, target: str) -> None:
    previrt.restore(bound[target], output=tmp_path / "restored")
    assert (tmp_path / "restored").read_bytes() == GUEST.read_bytes()


def test_bound_to_bare_only_notes_and_kept_bytes_change(bound: dict[str, Path]) -> None:
    before, after = GUEST.read_bytes(), bound["bare"].read_bytes()
    with GUEST.open("rb") as stream:
        elf = ELFFile(stream)
        allowed = [
            range(part["sh_offset"], part["sh_offset"] + part["sh_size"])
            for part in elf.iter_sections()
            if part.name in {".notes", ".afterburn.undo"}
        ]
    assert len(before) == len(after)
    changed = [at for at in range(len(before)) if before[at] != after[at]]
    assert changed
    assert all(any(at in part for part in allowed) for at in changed)
