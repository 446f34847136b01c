"""The committed fixture guest is what its sources give, and is made as docs/formats.md wants a guest."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from elftools.elf.constants import P_FLAGS
from elftools.elf.elffile import ELFFile
from guest_on_qemu import GUEST, ROOT, symbols_of

from linker.sites.formats import INFO, NOTE_OWNER, NT_RESERVE, RECORD_64
from linker.sites.x86_64.classes import CLASSES, NAME_OF

PAGE_LEN = 4096
GUEST_LIMIT_LEN = 400 * 1024
XEN_PHYS32_ENTRY = 18


@pytest.fixture(scope="module")
def guest() -> ELFFile:
    return ELFFile(GUEST.open("rb"))


def data_of(guest: ELFFile, name: str) -> bytes:
    section = guest.get_section_by_name(name)
    assert section
    return bytes(section.data())


def build(sources: Path, folder: Path) -> bytes:
    """The guest built from `sources`, with objects and image in `folder`."""
    folder.mkdir()
    image = folder / "guest.elf"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PREVIRT_PYTHON": sys.executable}
    afterburner = f"{sys.executable} -m afterburner.cli"
    command: list[str | Path] = [
        "make",
        "-s",
        "-C",
        sources,
        f"BUILD={folder}",
        f"GUEST={image}",
        f"PREVIRT_AS={afterburner}",
    ]
    subprocess.run(command, check=True, env=environment)
    return image.read_bytes()


def test_rebuilding_gives_the_same_bytes_anywhere(tmp_path: Path) -> None:
    elsewhere = tmp_path / "sources elsewhere"
    shutil.copytree(GUEST.parent, elsewhere)
    assert build(GUEST.parent, tmp_path / "one") == GUEST.read_bytes(), "run `make guest` and commit the result"
    assert build(elsewhere, tmp_path / "two") == GUEST.read_bytes()


def test_segments_can_be_loaded_by_a_monitor_and_by_linux(guest: ELFFile) -> None:
    assert (guest["e_type"], guest["e_machine"]) == ("ET_EXEC", "EM_X86_64")
    loads = list(guest.iter_segments("PT_LOAD"))
    assert [load["p_flags"] for load in loads] == [
        P_FLAGS.PF_R | P_FLAGS.PF_X,
        P_FLAGS.PF_R,
        P_FLAGS.PF_R | P_FLAGS.PF_W,
    ]
    for load in loads:
        assert load["p_vaddr"] == load["p_paddr"] >= 0x400000
        assert load["p_vaddr"] % PAGE_LEN == load["p_offset"] % PAGE_LEN == 0
    for before, behind in pairwise(loads):
        assert before["p_vaddr"] + before["p_memsz"] <= behind["p_vaddr"]
    (stack,) = guest.iter_segments("PT_GNU_STACK")
    assert not stack["p_flags"] & P_FLAGS.PF_X
    assert GUEST.stat().st_size < GUEST_LIMIT_LEN


def test_notes_name_the_entry_and_the_reserve(guest: ELFFile) -> None:
    (segment,) = guest.iter_segments("PT_NOTE")
    # pyelftools gives numbers it does not know as they are and names the others after GNU's notes.
    data = segment.data()
    notes = {}
    while data:
        name_len, desc_len, kind = (int.from_bytes(data[at : at + 4], "little") for at in (0, 4, 8))
        desc_at = 12 + -(-name_len // 4) * 4
        notes[data[12 : 12 + name_len - 1].decode(), kind] = data[desc_at : desc_at + desc_len]
        data = data[desc_at + -(-desc_len // 4) * 4 :]
    symbols = symbols_of(guest)
    assert int.from_bytes(notes["Xen", XEN_PHYS32_ENTRY], "little") == symbols["pvh_start"] == guest["e_entry"]
    assert int.from_bytes(notes[NOTE_OWNER, NT_RESERVE][32:40], "little") == symbols["startup_64"]


def test_every_class_has_sites(guest: ELFFile) -> None:
    info = data_of(guest, ".afterburn.info")
    records = data_of(guest, ".afterburn")
    numbers = {INFO.parse(info[at:]).class_number for at in range(0, len(info), INFO.sizeof())}
    assert {NAME_OF[number] for number in numbers} == {row.name for row in CLASSES}
    assert len(records) // RECORD_64.sizeof() == len(info) // INFO.sizeof()


def test_every_class_is_in_the_harness() -> None:
    source = (GUEST.parent / "intact_classes.c").read_text()
    tried = {first or second for first, second in re.findall(r'\bCLASS(?:_IF)?\((\w+)|\{"(\w+)", \w+_, ', source)}
    assert tried - {"name"} == {row.name for row in CLASSES}


def test_programs_of_ring_3_are_left_alone(guest: ELFFile) -> None:
    symbols = symbols_of(guest)
    records = data_of(guest, ".afterburn")
    starts = [RECORD_64.parse(records[at:]).start_va for at in range(0, len(records), RECORD_64.sizeof())]
    assert not [va for va in starts if symbols["user_image_start"] <= va < symbols["user_image_end"]]
