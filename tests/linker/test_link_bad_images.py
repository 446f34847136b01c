"""Bad input: one clear error each, nothing written, input intact."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any

import pytest
from elfwriter import BASE_VA, TEXT_VA, Site, annotation_note, make_image, note, site_addresses

import previrt

GOOD = [Site("fa"), Site("f4")]
(FIRST, FIRST_END), (SECOND, SECOND_END) = site_addresses(GOOD)
DATA_VA = TEXT_VA + 0x1000
FAR_VA = 0x500000
NOTE_X86_64 = annotation_note(62, 64)
EMPTY_BOUND = note(2, bytes(40))
REBUILD = "build the guest again with previrt-as"

CASES: dict[str, tuple[dict[str, Any], str]] = {
    "records reversed": (
        {"records": [(FIRST_END, FIRST), (SECOND, SECOND_END)]},
        f".afterburn record 0 at 0x401008: record is reversed: found end 0x401000, expected an end up to 255 "
        f"bytes above "
        f"the start; {REBUILD}",
    ),
    "empty site": (
        {"records": [(FIRST, FIRST), (SECOND, SECOND_END)]},
        f".afterburn record 0 at 0x401000: site is empty: found end 0x401000, expected an end up to 255 bytes "
        f"above the "
        f"start; {REBUILD}",
    ),
    "overlap": (
        {"records": [(FIRST, SECOND + 1), (SECOND, SECOND_END)]},
        f".afterburn record 1 at 0x401009: sites overlap: found a site that ends at 0x40100a (.afterburn record 0), "
        f"expected disjoint sites; {REBUILD}",
    ),
    "unmapped": (
        {"records": [(FIRST, FIRST_END), (FAR_VA, FAR_VA + 8)]},
        f".afterburn record 1 at 0x500000: site is not mapped: found no section there, expected an address inside a "
        f"loaded segment; {REBUILD}",
    ),
    "in data": (
        {"records": [(FIRST, FIRST_END), (DATA_VA, DATA_VA + 8)]},
        f".afterburn record 1 at 0x402000: site is not in code: found section .data, expected an executable section; "
        f"{REBUILD}",
    ),
    "runs over its section": (
        {
            "records": [(FIRST, FIRST_END), (TEXT_VA + 60, TEXT_VA + 68)],
            "programs": {0: {"p_filesz": 80, "p_memsz": 80}},
        },
        f".afterburn record 1 at 0x40103c: site runs over the end of its section: found section .text, expected an end "
        f"up to 0x401040; {REBUILD}",
    ),
    "padding is not nops": (
        {"sites": [Site("fa", padding=b"\xcc" * 7)]},
        ".afterburn record 0 at 0x401000: padding behind 'cli' is not no-operations: found cc cc cc cc cc cc "
        "cc, expected "
        "90 90 90 90 90 90 90; the image is bound by other means or damaged; link from the original",
    ),
    "padding in front expected": (
        {"sites": [Site("fb", padding=b"")], "contents": {".afterburn.info": struct.pack("<HHIII", 2, 2, 0, 0, 0)}}
        | {"records": [(TEXT_VA, TEXT_VA + 1)]},
        "",
    ),
    "not sensitive": (
        {"sites": [Site("4889d8")]},
        ".afterburn record 0 at 0x401000: instruction is not sensitive: found 'mov %rbx,%rax', 48 89 d8; the "
        "annotation "
        "table does not belong to this text; link the image again",
    ),
    "not an instruction": (
        {"sites": [Site("0fff")]},
        ".afterburn record 0 at 0x401000: instruction is not sensitive: found 'ud0",
    ),
    "too short": (
        {"sites": [Site("0f01", 2)]},
        f".afterburn record 0 at 0x401000: site is too short for its instruction: found 2 bytes, 0f 01; {REBUILD}",
    ),
    "class disagrees": (
        {"sites": [Site("fa", class_number=2)]},
        f".afterburn record 0 at 0x401000: class in .afterburn.info is not the instruction's: found class 2, "
        f"expected 1 "
        f"(cli) for 'cli'; {REBUILD}",
    ),
    "unknown flags": (
        {"sites": [Site("fa", flags=0x10)]},
        ".afterburn record 0 at 0x401000: unknown flags in .afterburn.info: found 0x10, expected no bits but "
        "0x3; use a "
        "previrt-link as new as the previrt-as",
    ),
    "table cut": (
        {"sections": {".afterburn": {"sh_size": 31}}},
        ".afterburn: annotation table is truncated: found 31 bytes, expected a multiple of 16; link the guest again",
    ),
    "table shorter than info": (
        {"sections": {".afterburn": {"sh_size": 16}}},
        ".afterburn.info: section does not match .afterburn: found 32 bytes, expected 16, 16 for each of 1 "
        "records; link "
        "the guest again",
    ),
    "undo cut": (
        {"sections": {".afterburn.undo": {"sh_size": 17}}},
        ".afterburn.undo: section does not match .afterburn: found 17 bytes, expected 32, 16 for each of 2 "
        "records; link "
        "the guest again",
    ),
    "no table": (
        {"drop": (".afterburn",)},
        "no annotation table: expected a section .afterburn; build the guest through previrt-as",
    ),
    "table without contents": (
        {"sections": {".afterburn": {"sh_type": 8}}},
        ".afterburn: section has no contents: found SHT_NOBITS, expected SHT_PROGBITS",
    ),
    "unsupported architecture": (
        {"header": {"e_machine": 40}},
        "architecture is not supported: found ELF machine 40, expected 3 (i386) or 50 (ia64) or 62 (x86_64)",
    ),
    "wrong class for architecture": (
        {"header": {"e_machine": 3}},
        "wrong ELF class for i386: found 64 bits, expected 32; link the ELF file itself, not a converted copy",
    ),
    "annotated for something else": (
        {"notes": annotation_note(50, 64) + EMPTY_BOUND},
        "note ANNOTATION: wrong annotated machine: found 50, expected 62; annotate with a previrt-as of this version",
    ),
    "newer annotation version": (
        {"notes": annotation_note(62, 64, version=2) + EMPTY_BOUND},
        "note ANNOTATION: wrong annotation version: found 2, expected 1; annotate with a previrt-as of this version",
    ),
    "other info size": (
        {"notes": annotation_note(62, 64, info_len=24) + EMPTY_BOUND},
        "note ANNOTATION: wrong info size: found 24, expected 16; annotate with a previrt-as of this version",
    ),
    "no BOUND note": (
        {"notes": NOTE_X86_64},
        "no BOUND note: expected one beside ANNOTATION; link the guest again, keeping notes",
    ),
    "two ANNOTATION notes": (
        {"notes": NOTE_X86_64 + EMPTY_BOUND + NOTE_X86_64},
        "offset 0x13084: two notes of type 1 in the image: expected one",
    ),
    "two BOUND notes": (
        {"notes": NOTE_X86_64 + EMPTY_BOUND + note(2, bytes(39) + b"x")},
        "offset 0x13084: the image has two BOUND notes, and the one that is not used says something: expected zeros; "
        "link from the original image",
    ),
    "short note": (
        {"notes": note(1, bytes(8)) + EMPTY_BOUND},
        "note ANNOTATION has the wrong size: found 8 bytes, expected 32",
    ),
    "note cut off": (
        {"notes": struct.pack("<III", 8, 400, 1) + b"previrt\0"},
        ".note.afterburn at offset 0x0: note is cut off",
    ),
    "bound without room to undo": (
        {"contents": {".afterburn.undo": b"\x01\xfa" + bytes(30)}},
        "image is not marked as bound, but instructions are kept in .afterburn.undo: expected zeros there; "
        "link from the "
        "original image",
    ),
    "reserve in use": (
        {"contents": {".text.previrt_reserve": b"\xc3" * 0x8000}},
        "0x403000: the reserve's text part is in use, but the image is not marked as bound: expected 32768 "
        "bytes cc; link "
        "from the original image",
    ),
    "reserve not mapped": (
        {"notes": NOTE_X86_64 + EMPTY_BOUND + note(3, struct.pack("<QQQQQ", FAR_VA, 4096, FAR_VA, 4096, 0))},
        "note RESERVE: the reserve's text part is not mapped: found 0x500000..0x501000, expected one loaded "
        "segment around "
        "it; link the guest again with the reserve object",
    ),
    "reserve larger than memory": (
        {"notes": NOTE_X86_64 + EMPTY_BOUND + note(3, struct.pack("<QQQQQ", 0x403000, 1 << 62, 0x40B000, 4096, 0))},
        "note RESERVE: the reserve's text part is not mapped: found 0x403000..0x4000000000403000, expected one loaded "
        "segment around it; link the guest again with the reserve object",
    ),
    "core file": (
        {"header": {"e_type": 4}},
        "wrong kind of ELF file: found ET_CORE, expected a linked image, ET_EXEC or ET_DYN, or an object, ET_REL",
    ),
    "relocatable in name only": (
        {"header": {"e_type": 1}},
        ".afterburn: annotation table has no relocations: expected .rela.afterburn or .rel.afterburn",
    ),
    "big-endian": (
        {"header": {"e_ident": b"\x7fELF\x02\x02\x01"}},
        "wrong byte order: found data encoding 2, expected 1, little-endian",
    ),
    "unknown ELF class": (
        {"header": {"e_ident": b"\x7fELF\x07\x01\x01"}},
        "ELF class is unknown: found 07, expected 1 or 2",
    ),
    "section headers behind the end": (
        {"header": {"e_shoff": 1 << 40}},
        "section header table is cut off: found a file of",
    ),
    "endless section headers": (
        {"header": {"e_shnum": 0}, "sections": {}},
        "",
    ),
    "odd section header size": (
        {"header": {"e_shentsize": 1}},
        "section header has the wrong size: found 1 bytes, expected 64",
    ),
    "segment behind the end": (
        {"programs": {0: {"p_offset": 1 << 50}}},
        "segment 0 is cut off: found a file of",
    ),
    "segments overlap": (
        {"programs": {1: {"p_vaddr": TEXT_VA}}},
        "0x401000: segments overlap: expected disjoint addresses",
    ),
    "segments share bytes": (
        {"programs": {1: {"p_offset": TEXT_VA - BASE_VA}}},
        "offset 0x1000: segments share bytes: expected disjoint contents",
    ),
    "section names missing": (
        {"header": {"e_shstrndx": 99}},
        "no section name table: found index 99, expected below",
    ),
}
del CASES["endless section headers"], CASES["padding in front expected"]


def assert_refused(path: Path, message: str, **how: Any) -> None:
    before, files = path.read_bytes(), sorted(path.parent.iterdir())
    with pytest.raises(previrt.LinkError) as caught:
        previrt.link(path, "bare", **how)
    said = str(caught.value)
    assert said.startswith(f"{path}: {message}"), said
    assert path.read_bytes() == before
    assert sorted(path.parent.iterdir()) == files


@pytest.mark.parametrize("name", CASES)
def test_bad_image(tmp_path: Path, name: str) -> None:
    broken, message = CASES[name]
    path = tmp_path / "guest"
    path.write_bytes(make_image(**({"sites": GOOD} | broken)))
    assert_refused(path, message)


def test_site_must_end_with_its_instruction_when_padded_in_front(tmp_path: Path) -> None:
    path = tmp_path / "guest"
    path.write_bytes(make_image([Site("fa")], contents={".afterburn.info": struct.pack("<HHIII", 1, 2, 0, 0, 0)}))
    assert_refused(path, ".afterburn record 0 at 0x401000: site does not end with 'cli', as its flag says: found fa 90")


def test_not_an_elf(tmp_path: Path) -> None:
    path = tmp_path / "guest"
    path.write_bytes(b"#!/bin/sh\n" * 20)
    assert_refused(path, "not an ELF file: found magic 23 21 2f 62, expected 7f 45 4c 46")


def test_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "guest"
    path.touch()
    assert_refused(path, "file is empty: expected an ELF image")


def test_directory_fifo_and_missing_file(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path, message in (
        (tmp_path, "is a directory: expected an ELF image"),
        (fifo, "is not a regular file: expected an ELF image"),
        (tmp_path / "none", "cannot open: No such file or directory"),
    ):
        with pytest.raises(previrt.LinkError) as caught:
            previrt.link(path, "bare")
        assert str(caught.value) == f"{path}: {message}"


@pytest.mark.parametrize("bits", [32, 64])
def test_truncated_at_every_64th_byte(tmp_path: Path, bits: int) -> None:
    image = make_image(GOOD, bits=bits)
    path = tmp_path / "guest"
    for length in range(64, len(image), 64):
        path.write_bytes(image[:length])
        assert_refused(path, "")
    for length in range(1, 64):
        path.write_bytes(image[:length])
        assert_refused(path, "")


def test_bound_image_whose_undo_room_is_damaged(tmp_path: Path) -> None:
    bound_note = note(2, struct.pack("<16sIIQQ", b"lol", 1, 0, TEXT_VA, 1))
    for entry in (b"\x10" + bytes(15), b"\x09" + bytes(15), b"\x01\xfa\xfa" + bytes(13)):
        path = tmp_path / "guest"
        image = make_image([Site("fa")], notes=NOTE_X86_64 + bound_note, contents={".afterburn.undo": entry})
        path.write_bytes(image)
        assert_refused(path, ".afterburn record 0 at 0x401000: .afterburn.undo is damaged: found")


def test_already_bound_and_cannot_be_undone(tmp_path: Path) -> None:
    """An image bound with calls whose room to undo was stripped holds no instruction that could be bound."""
    path = tmp_path / "guest"
    bound_note = note(2, struct.pack("<16sIIQQ", b"lol", 1, 0, TEXT_VA, 1))
    site = Site("e800000000", padding=bytes.fromhex("0f1f00"))
    path.write_bytes(make_image([site], notes=NOTE_X86_64 + bound_note, drop=(".afterburn.undo",)))
    message = (
        ".afterburn record 0 at 0x401000: already bound to lol, and what that overwrote is not kept: "
        "expected a section "
        ".afterburn.undo; link from the original image"
    )
    assert_refused(path, message)


def test_restoring_what_is_not_bound(tmp_path: Path) -> None:
    path = tmp_path / "guest"
    path.write_bytes(make_image(GOOD))
    with pytest.raises(previrt.LinkError, match="image is not bound; there is nothing to restore"):
        previrt.restore(path)


def test_unknown_target_and_architecture_are_usage_errors(tmp_path: Path) -> None:
    path = tmp_path / "guest"
    path.write_bytes(make_image(GOOD, bits=32))
    with pytest.raises(previrt.UsageError, match="unknown target 'kvm': expected bare"):
        previrt.link(path, "kvm")
    with pytest.raises(previrt.UsageError, match="target 'xen' does not support i386: expected ia64"):
        previrt.link(path, "xen")
    with pytest.raises(
        previrt.UsageError, match="target 'vnuma' does not support i386: expected ia64; i386 can be bound to bare, lol"
    ):
        previrt.link(path, "vnuma")
