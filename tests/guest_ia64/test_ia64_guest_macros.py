"""The ia64 fixture guest built by assembler macros: the sites of the kept one, and what it does when it runs."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from ia64_guest import GUEST, build, compare, simulate

import previrt

NO_LIVENESS = "macros do not follow the code: free is what the source says with .afterburn_scratch, and no more"


def records_of(path: Path) -> dict[tuple[int, int, int, int], int]:
    """(start, end, class, flags) of every record -> the registers that are free there."""
    with path.open("rb") as stream:
        elf = ELFFile(stream)
        tables = [elf.get_section_by_name(name).data() for name in (".afterburn", ".afterburn.info")]  # type: ignore[union-attr]
    rows = zip(struct.iter_unpack("<QQ", tables[0]), struct.iter_unpack("<HHIII", tables[1]), strict=True)
    return {(*place, *info[:2]): info[2] for place, info in rows}


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory, ia64_compiler: str) -> Path:
    folder = tmp_path_factory.mktemp("guest") / "objects"
    build(GUEST.parent, folder, ia64_compiler, "TECHNIQUE=macros")
    return folder / "guest.elf"


def test_sites_are_those_of_the_stand_in(guest: Path) -> None:
    expected, found = records_of(GUEST), records_of(guest)
    assert found.keys() == expected.keys()
    fewer = [place for place in found if found[place] != expected[place]]
    print(f"{len(found)} sites; registers free at {len(fewer)} are fewer: {NO_LIVENESS}")
    assert fewer
    assert all(found[place] & ~expected[place] == 0 for place in fewer)


def test_it_binds_to_every_target(guest: Path, tmp_path: Path) -> None:
    for target in ("bare", "lol", "vnuma", "xen"):
        report = previrt.link(guest, target, output=tmp_path / target)
        assert report.bound == report.sites == len(records_of(guest))
        previrt.restore(tmp_path / target, output=tmp_path / "restored")
        assert (tmp_path / "restored").read_bytes() == guest.read_bytes()


def test_bound_to_bare_it_does_the_same(guest: Path, tmp_path: Path) -> None:
    previrt.link(guest, "bare", output=tmp_path / "bound")
    run = simulate(tmp_path / "bound")
    assert not compare(run.lines)
    assert run.status == 0
