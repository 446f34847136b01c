"""Identities on the fixture guest, a real annotated kernel that is in the repository."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile

import previrt
from linker.registry import targets

FIXTURE = Path(__file__).resolve().parents[2] / "fixtures" / "x86_64" / "guest.elf"
TARGETS = sorted(target for target, architectures in targets().items() if "x86_64" in architectures)


@pytest.fixture(scope="module")
def bound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The fixture guest bound to every target, and itself under the empty name."""
    directory = tmp_path_factory.mktemp("fixture")
    made = {"": directory / "guest"}
    made[""].write_bytes(FIXTURE.read_bytes())
    for target in TARGETS:
        previrt.link(made[""], target)
        made[target] = directory / f"guest.{target}"
    return made


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
    assert (tmp_path / "restored").read_bytes() == FIXTURE.read_bytes()


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_changes_outside_what_may(bound: dict[str, Path], target: str) -> None:
    before, after = FIXTURE.read_bytes(), bound[target].read_bytes()
    assert len(before) == len(after)
    allowed = set(range(24, 32))  # e_entry
    with FIXTURE.open("rb") as stream:
        elf: Any = ELFFile(stream)
        loads = list(elf.iter_segments("PT_LOAD"))
        for name in (".afterburn.undo", ".note.afterburn", ".text.previrt_reserve", ".data.previrt_reserve"):
            section = elf.get_section_by_name(name)
            if section is not None:
                allowed |= set(range(section["sh_offset"], section["sh_offset"] + section["sh_size"]))
        for note_section in elf.iter_sections("SHT_NOTE"):
            allowed |= set(range(note_section["sh_offset"], note_section["sh_offset"] + note_section["sh_size"]))
        table = previrt.read_table(FIXTURE).annotations
        assert table.reserve is not None
        places = list(zip(table.starts_va, table.ends_va, strict=True))
        places += [(table.reserve.text_va, table.reserve.text_va + table.reserve.text_len)]
        places += [(table.reserve.data_va, table.reserve.data_va + table.reserve.data_len)]
        for start, end in places:
            load = next(s for s in loads if s["p_vaddr"] <= start < s["p_vaddr"] + s["p_filesz"])
            delta = load["p_offset"] - load["p_vaddr"]
            allowed |= set(range(start + delta, end + delta))
    changed = {n for n, (a, b) in enumerate(zip(before, after, strict=True)) if a != b}
    assert changed
    assert changed <= allowed


def test_every_site_takes_a_form_on_every_target(bound: dict[str, Path]) -> None:
    for target in TARGETS:
        rows = previrt.list_sites(bound[""], target)
        assert len(rows) > 400
        assert {row.form for row in rows} <= {"native", "inline", "call", "jump", "trap"}
        assert sum(bool(row.source) for row in rows) > 0.95 * len(rows), "all but top-level asm have a line"
