"""The committed ia32 guest is what its sources give, and is annotated as the original afterburner annotates."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from i386_guest import GUEST, ROOT

import previrt
from linker.sites.formats import RECORD_32
from linker.sites.x86_64.classes import CLASSES

PAGE_LEN = 4096
HEADER = GUEST.parent / "l4ka.h"
# Not of ia32 (SWAPGS, SYSRET, FSGSBASE), or nothing that every ia32 processor has.
NOT_TRIED = frozenset(
    "invpcid sysret sysexit swapgs rdpmc rdtscp rdfsbase rdgsbase wrfsbase wrgsbase xsetbv monitor mwait "
    "clac stac xsaves xrstors wrpkru rdpkru xrstor xgetbv".split()
)


@pytest.fixture(scope="module")
def guest() -> ELFFile:
    return ELFFile(GUEST.open("rb"))


def build(sources: Path, folder: Path) -> bytes:
    folder.mkdir()
    image = folder / "guest.elf"
    subprocess.run(["make", "-s", "-C", sources, f"BUILD={folder}", f"GUEST={image}"], check=True)
    return image.read_bytes()


def test_rebuilding_gives_the_same_bytes_anywhere(tmp_path: Path) -> None:
    elsewhere = tmp_path / "fixtures elsewhere"
    for folder in ("i386", "x86_64"):  # string.c and two headers are the x86-64 guest's
        shutil.copytree(ROOT / "fixtures" / folder, elsewhere / folder)
    assert build(elsewhere / "i386", tmp_path / "built") == GUEST.read_bytes(), "run `make guest` and commit the result"


def test_it_is_a_32_bit_image_without_anything_of_ours(guest: ELFFile) -> None:
    assert (guest.elfclass, guest["e_machine"], guest["e_type"]) == (32, "EM_386", "ET_EXEC")
    names = {section.name for section in guest.iter_sections()}
    assert ".afterburn" in names
    assert not {name for name in names if name.startswith((".afterburn.", ".note.afterburn"))}
    for load in guest.iter_segments("PT_LOAD"):
        assert load["p_vaddr"] == load["p_paddr"]
        assert load["p_vaddr"] % PAGE_LEN == load["p_offset"] % PAGE_LEN == 0


def test_every_site_has_the_padding_the_original_chose(guest: ELFFile) -> None:
    """`.long start, end`: an instruction of a sensitive class, then so many single-byte NOPs."""
    pads = {name: int(pad) for name, pad in re.findall(r"#define PAD_(\w+) +(\d+)", HEADER.read_text())}
    by_class = {"mov_from_cr": "mov", "mov_to_cr": "mov", "mov_from_dr": "mov", "mov_to_dr": "mov"}
    by_class |= {"mov_from_seg": "mov", "mov_to_seg": "mov", "push_seg": "push", "pop_seg": "pop"}
    by_class |= {"load_far_pointer": "lxs"}
    rows = previrt.link(GUEST, "bare", dry_run=True, details=True).details
    section = guest.get_section_by_name(".afterburn")
    assert section
    table = section.data()
    records = {RECORD_32.parse(table[at:]).start_va for at in range(0, len(table), RECORD_32.sizeof())}
    assert len(rows) == len(records) > 300
    assert {row.va for row in rows} == records
    for row in rows:
        code = bytes.fromhex(row.old)
        pad = pads.get(by_class.get(row.class_name, row.class_name), pads["rest"])
        assert code.endswith(b"\x90" * pad), row
        assert not code[: len(code) - pad].endswith(b"\x90"), row


def test_every_class_has_sites() -> None:
    assert {row.class_name for row in previrt.list_sites(GUEST)} == {row.name for row in CLASSES} - NOT_TRIED
