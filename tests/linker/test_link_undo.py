"""Exit 0 means that the image is bound and can be restored: whatever cannot be is refused before a byte is written."""

from __future__ import annotations

import shutil
import struct
import subprocess
import zlib
from pathlib import Path
from typing import Any

import pytest
from elfwriter import BASE_VA, TEXT_VA, Site, annotation_note, make_image, note

import previrt
from linker.bind.examine import examined
from linker.registry import targets

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = {arch: ROOT / "fixtures" / arch / "guest.elf" for arch in ("x86_64", "ia64")}
SITES = [Site("fa"), Site("0f20d8"), Site("fb", flags=2)]
PAGE_LEN = 4096


def refused(path: Path, target: str, match: str, **how: Any) -> str:
    """Bind a file, which must be refused with nothing written; the message."""
    before = path.read_bytes()
    with pytest.raises(previrt.LinkError, match=match) as caught:
        previrt.link(path, target, in_place=True, **how)
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    return str(caught.value)


def round_trip(path: Path, target: str, **how: Any) -> None:
    """Bind a copy, look at it in every way, restore it."""
    original = path.read_bytes()
    previrt.link(path, target, in_place=True, **how)
    previrt.list_sites(path, target)
    with examined(path) as examination:
        assert examination.target == target
    previrt.restore(path, in_place=True)
    assert path.read_bytes() == original


def guest(tmp_path: Path, image: bytes) -> Path:
    path = tmp_path / "guest"
    path.write_bytes(image)
    return path


# Destroyed code ---------------------------------------------------------------------------------------------------

START_S = "        .text\n        .globl _start, startup_64\n_start: startup_64: cli\n sti\n hlt\n1: jmp 1b\n"
PRECIOUS_S = "precious: .rept 8000\n .quad 0x1122334455667788\n .endr\n"


@pytest.mark.parametrize("target", ["lol", "xen"])
@pytest.mark.parametrize("section", [".text", '.section .text.zz, "ax"'])
def test_a_module_larger_than_the_reserve_destroys_no_code_behind_it(tmp_path: Path, target: str, section: str) -> None:
    """With only `cli` bound there is no stub, and nothing but the module itself is too large."""
    folder = tmp_path / "build"
    folder.mkdir()
    (folder / "k1.s").write_text(START_S)
    (folder / "k2.s").write_text(f"{section}\n{PRECIOUS_S}")
    stand_in = ROOT / "afterburner" / "bin"
    reserve = ROOT / "afterburner" / "reserve" / "x86_64.S"
    options = "-nostdlib -static -no-pie -Wl,-Ttext=0x1000000 -Wl,-z,max-page-size=4096 -DPREVIRT_RESERVE_TEXT=4096"
    command = ["gcc", f"-B{stand_in}", *options.split(), "k1.s", str(reserve), "k2.s", "-o", "kk"]
    subprocess.run(command, cwd=folder, check=True)
    path = guest(tmp_path, (folder / "kk").read_bytes())
    shutil.rmtree(folder)
    for only in (["cli"], []):
        said = refused(
            path, target, r"the reserve's text part is too small: found 4096 bytes, expected at least \d{5}", only=only
        )
        assert "PREVIRT_RESERVE_TEXT=" in said


def reserve_note(image: bytes) -> int:
    """Where the five words of the RESERVE note are."""
    header = struct.pack("<III", 8, 40, 3) + b"previrt\0"
    assert image.count(header) == 1
    return image.index(header) + len(header)


@pytest.mark.parametrize(
    ("arch", "target"),
    [(a, t) for t, architectures in sorted(targets().items()) for a in architectures if t != "bare" and a != "i386"],
)
@pytest.mark.parametrize("part", ["text", "data"])
def test_every_target_checks_both_parts_of_the_reserve(tmp_path: Path, arch: str, target: str, part: str) -> None:
    """Any smaller reserve is refused by name, down to none at all, or bound and restored.

    On i386 images have none and grow.
    """
    image = bytearray(FIXTURES[arch].read_bytes())
    at = reserve_note(bytes(image)) + (8 if part == "text" else 24)
    (room_len,) = struct.unpack_from("<Q", image, at)
    path = tmp_path / "guest"
    refusals = 0
    for length in (room_len, room_len // 2, PAGE_LEN, 64, 16, 0):
        struct.pack_into("<Q", image, at, length)
        path.write_bytes(image)
        try:
            previrt.link(path, target, in_place=True)
        except previrt.LinkError as error:
            assert f"the reserve's {part} part is too small: found {length} bytes, expected at least" in str(error)
            assert path.read_bytes() == image
            refusals += 1
            continue
        assert length, "bound into nothing"
        previrt.restore(path, in_place=True)
        assert path.read_bytes() == image
    assert refusals >= 1


# Cannot be undone -------------------------------------------------------------------------------------------------


def test_undo_without_a_note_that_says_so(tmp_path: Path) -> None:
    """`objcopy -R` of the notes' section leaves `.afterburn.undo`, and nothing to say that it is in use."""
    path = tmp_path / "guest"
    subprocess.run(["objcopy", "-R", ".notes", FIXTURES["x86_64"], path], check=True)
    refused(path, "lol", "no BOUND note, so that nothing would say that .afterburn.undo is in use")
    refused(path, "lol", "no BOUND note", only=["rdmsr"])


def test_notes_that_their_segment_maps_from_elsewhere(tmp_path: Path) -> None:
    good = make_image(SITES)
    notes_off = good.index(annotation_note(62, 64))
    path = guest(tmp_path, make_image(SITES, programs={4: {"p_offset": notes_off + 4}}))
    refused(path, "bare", "note BOUND is not where its segment has it: found offset")


NOTES = annotation_note(62, 64)
UNMARKED = "but the image is not marked as bound"


@pytest.mark.parametrize(
    ("how", "match"),
    [
        ({"sites": [Site("fa", padding=bytes.fromhex("0f1f8000000000"))]}, f"padding of 'cli' is not .*{UNMARKED}"),
        ({"notes": NOTES + note(2, bytes(16) + b"\x07" + bytes(23))}, f"note BOUND is not as annotated, {UNMARKED}"),
        ({"notes": NOTES + note(2, bytes(40)) + note(4, bytes(60) + b"\1\0\0\0")}, f"note SPACE is not .*{UNMARKED}"),
        (
            {"notes": note(4, bytes(60) + b"\1\0\0\0"), "version1": False, "sites": SITES[:1]},
            f"note SPACE is not .*{UNMARKED}",
        ),
    ],
)
def test_an_original_that_restoring_would_not_give_back(tmp_path: Path, how: dict[str, Any], match: str) -> None:
    path = guest(tmp_path, make_image(how.get("sites", SITES), **{k: v for k, v in how.items() if k != "sites"}))
    refused(path, "bare", match)


def test_a_table_that_the_link_would_overwrite(tmp_path: Path) -> None:
    """`.afterburn.info` is said to be in the room to undo, whose zeros it may hold: no class, no flags, no line."""
    sites = [Site("0f20d8"), Site("0f20df")]
    good = make_image(sites, part_len=0x18000)
    info_off = good.index(b"guest.c") - 16 * len(sites)
    undo_off = good.index(b"guest.c") + len(b"guest.c\0")
    assert good[info_off:undo_off] == bytes(16 * len(sites)) + b"guest.c\0"
    path = guest(tmp_path, make_image(sites, part_len=0x18000, sections={".afterburn.info": {"sh_offset": undo_off}}))
    assert previrt.list_sites(path, "lol")
    refused(path, "lol", "could not be undone: .afterburn.info would be overwritten by .afterburn.undo")


def kept_section(image: bytes) -> tuple[int, int]:
    """Where the contents of `.afterburn.original` are, and where its header's size field is."""
    (table_off,) = struct.unpack_from("<Q", image, 40)
    (count,) = struct.unpack_from("<H", image, 60)
    for at in range(table_off, table_off + 64 * count, 64):
        off, size = struct.unpack_from("<QQ", image, at + 24)
        if image[off : off + 3] == b"lol" and size > 32:
            return off, at + 32
    raise AssertionError("no kept original")


@pytest.mark.parametrize(
    ("original", "match"),
    [
        (lambda original, grown: b"", "kept original is empty: expected an image"),
        (lambda original, grown: grown, "kept original keeps an original itself"),
    ],
)
def test_a_kept_original_that_is_none(tmp_path: Path, original: Any, match: str) -> None:
    path = guest(tmp_path, make_image(SITES, reserve=False))
    before = path.read_bytes()
    previrt.link(path, "lol", in_place=True)
    grown = path.read_bytes()
    off, size_at = kept_section(grown)
    inner = original(before, grown)
    kept = struct.pack("<16sQQ", b"lol", len(inner), 0) + zlib.compress(inner)
    damaged = bytearray(grown) + bytes(-len(grown) % 16)
    struct.pack_into("<QQ", damaged, size_at - 8, len(damaged), len(kept))
    assert off
    path.write_bytes(damaged + kept)
    refused(path, "bare", match)


@pytest.mark.parametrize("target", ["bare", "lol"])
def test_an_image_without_a_reserve_grows_and_shrinks(tmp_path: Path, target: str) -> None:
    round_trip(guest(tmp_path, make_image(SITES, reserve=False)), target)


# Brothers: other images that a link could bind to no good -----------------------------------------------------------


def test_two_segments_of_the_same_bytes(tmp_path: Path) -> None:
    """The site would be changed at both addresses, the table knows one."""
    image = make_image(SITES)
    path = guest(tmp_path, make_image(SITES, programs={1: {"p_offset": TEXT_VA - BASE_VA, "p_filesz": 64}}))
    assert image != path.read_bytes()
    refused(path, "lol", "segments share bytes")


def test_a_reserve_that_no_file_backs(tmp_path: Path) -> None:
    path = guest(tmp_path, make_image(SITES, programs={3: {"p_filesz": 0}}))
    refused(path, "lol", "the reserve's data part is not mapped")


@pytest.mark.parametrize(
    ("part", "match"), [(0, "reserve's text part is in use"), (16, "reserve's data part is in use")]
)
def test_a_reserve_over_the_guests_own(tmp_path: Path, part: int, match: str) -> None:
    image = bytearray(make_image(SITES))
    struct.pack_into("<QQ", image, reserve_note(bytes(image)) + part, TEXT_VA, 64)
    refused(guest(tmp_path, bytes(image)), "lol", match)


def test_the_reserves_parts_over_each_other(tmp_path: Path) -> None:
    image = bytearray(make_image(SITES, contents={".text.previrt_reserve": b""}))
    at = reserve_note(bytes(image))
    struct.pack_into("<Q", image, at, struct.unpack_from("<Q", image, at + 16)[0])
    path = guest(tmp_path, bytes(image))
    refused(path, "lol", "reserve's text part is in use")


def test_notes_outside_segments(tmp_path: Path) -> None:
    """They are in the file alone, and enough to bind and restore it."""
    round_trip(guest(tmp_path, make_image(SITES, sections={".note.afterburn": {"sh_flags": 0}})), "bare")


@pytest.mark.parametrize(("first", "second"), [("bare", "lol"), ("lol", "xen"), ("xen", "bare")])
def test_a_selection_on_a_bound_image_is_one_on_its_original(tmp_path: Path, first: str, second: str) -> None:
    original = tmp_path / "original"
    original.write_bytes(FIXTURES["x86_64"].read_bytes())
    path = guest(tmp_path, original.read_bytes())
    previrt.link(path, first, only=["cli", "sti"], in_place=True)
    previrt.link(path, second, skip=["cli"], in_place=True)
    previrt.link(original, second, skip=["cli"], output=tmp_path / "direct")
    assert path.read_bytes() == (tmp_path / "direct").read_bytes()
    previrt.restore(path, in_place=True)
    assert path.read_bytes() == original.read_bytes()


# Found by campaigns: each was bound with exit 0, and refused afterwards ---------------------------------------------


@pytest.mark.parametrize(("name", "twin"), [(".symtab", ".strtab"), (".afterburn.str", ".symtab")])
def test_two_sections_of_a_name_that_readers_look_for(tmp_path: Path, name: str, twin: str) -> None:
    """Binding reads neither symbols nor files' names, listing does."""
    good = make_image(SITES)
    (table_off,), (count,) = struct.unpack_from("<Q", good, 40), struct.unpack_from("<H", good, 60)
    names_off = struct.unpack_from("<Q", good, table_off + 64 * (count - 1) + 24)[0]
    name_off = good.index(b"\0" + name.encode() + b"\0", names_off) + 1 - names_off
    path = guest(tmp_path, make_image(SITES, sections={twin: {"sh_name": name_off}}))
    refused(path, "bare", f"2 sections named {name}: expected one")


def test_a_table_where_restoring_would_write_the_entry(tmp_path: Path) -> None:
    """Bound again to the same target nothing is written there; the way back writes the guest's own entry."""
    path = guest(tmp_path, make_image(SITES, part_len=0x18000))
    previrt.link(path, "lol", in_place=True)
    image = bytearray(path.read_bytes())
    table_off, count = struct.unpack_from("<Q", image, 40)[0], struct.unpack_from("<H", image, 60)[0]
    strings_off = image.index(b"guest.c\0")
    for at in range(table_off, table_off + 64 * count, 64):
        if struct.unpack_from("<Q", image, at + 24)[0] == strings_off:
            struct.pack_into("<QQ", image, at + 24, 16, 16)
    path.write_bytes(image)
    refused(path, "lol", "could not be undone: .afterburn.str would be overwritten by entry address")


def test_more_of_a_segment_in_the_file_than_in_memory(tmp_path: Path) -> None:
    """What lies behind is loaded nowhere, also a site."""
    path = guest(tmp_path, make_image(SITES, programs={0: {"p_memsz": 8}}))
    refused(path, "bare", "segment has more bytes in the file than in memory: found 0x40, expected at most 0x8")


def test_a_physical_address_above_the_virtual_one(tmp_path: Path) -> None:
    """Xen's note VIRT_BASE says their difference without sign."""
    path = guest(tmp_path, make_image(SITES, part_len=0x18000, space_len=512, programs={2: {"p_paddr": 1 << 40}}))
    refused(path, "xen", "cannot run on xen: Xen maps all of a guest at one distance from where it is loaded")
    said = "how far its virtual address is above its physical one does not fit its field: found -0x"
    refused(path, "xen", said, anyway=True)
