"""Binding in memory: the same as binding the file and loading it."""

from __future__ import annotations

import mmap
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elfwriter import TEXT_VA, Site, make_image

import previrt

ROOT = Path(__file__).resolve().parents[2]
FIXTURE = ROOT / "fixtures" / "x86_64" / "guest.elf"
SITES = [Site("fa"), Site("0f20d8"), Site("fb", flags=2)]


def load(path: Path, memory: bytearray | mmap.mmap | memoryview, spread: int) -> list[tuple[int, int, int]]:
    """What a bootloader does: each segment somewhere in memory, not where the file has it. The load map."""
    load_map, off = [], 64
    with path.open("rb") as stream:
        for segment in ELFFile(stream).iter_segments("PT_LOAD"):
            data = segment.data()
            memory[off : off + len(data)] = data
            load_map.append((segment["p_vaddr"], len(data), off))
            off += len(data) + spread
    return load_map


def make_memory(kind: str, length: int) -> bytearray | mmap.mmap | memoryview:
    if kind == "mmap":
        return mmap.mmap(-1, length)
    return bytearray(length) if kind == "bytearray" else memoryview(bytearray(length))


@pytest.mark.parametrize("kind", ["bytearray", "mmap", "memoryview"])
@pytest.mark.parametrize("target", ["bare", "lol"])
def test_memory_equals_a_loaded_bound_file(tmp_path: Path, kind: str, target: str) -> None:
    path = tmp_path / "guest"
    path.write_bytes(FIXTURE.read_bytes())
    previrt.link(path, target)
    length = 2 * len(path.read_bytes())
    guest, expected = make_memory(kind, length), make_memory(kind, length)
    load_map = load(path, guest, spread=100)
    load(Path(f"{path}.{target}"), expected, spread=100)
    report = previrt.link_buffer(guest, load_map, target, table=previrt.read_table(path))
    assert bytes(guest[:]) == bytes(expected[:])
    assert report.bound == previrt.link(path, target, dry_run=True).bound
    with Path(f"{path}.{target}").open("rb") as stream:
        assert report.entry_va == ELFFile(stream).header["e_entry"]


@pytest.fixture
def guest(tmp_path: Path) -> Path:
    path = tmp_path / "guest"
    path.write_bytes(make_image(SITES))
    return path


def test_selection_works_on_memory(guest: Path) -> None:
    memory = bytearray(1 << 20)
    load_map = load(guest, memory, 0)
    report = previrt.link_buffer(memory, load_map, "bare", table=previrt.read_table(guest), skip=["start"])
    assert (report.bound, report.skipped) == (0, 3)


def test_what_memory_has_goes_before_what_the_file_has(guest: Path) -> None:
    """A guest may have been changed after it was loaded, or its file damaged: the sites are then decoded again."""
    table = previrt.read_table(guest)
    assert table.sites is not None
    memory = bytearray(1 << 20)
    load_map = load(guest, memory, 0)
    at = memory.index(bytes.fromhex("0f20d8"))
    memory[at + 2] = 0xDB  # mov %cr3, %rbx
    previrt.link_buffer(memory, load_map, "bare", table=table)
    assert memory[at : at + 5] == bytes.fromhex("0f20db0f1f")

    damaged = bytearray(guest.read_bytes())
    damaged[damaged.index(bytes.fromhex("0f20d8"))] = 0x90
    assert previrt.read_table(damaged).sites is None
    memory = bytearray(1 << 20)
    load_map = load(guest, memory, 0)
    assert previrt.link_buffer(memory, load_map, "bare", table=previrt.read_table(damaged)).bound == 3


def refused(memory: bytearray, load_map: list[tuple[int, int, int]], guest: Path, message: str) -> None:
    before = bytes(memory)
    with pytest.raises(previrt.LinkError) as caught:
        previrt.link_buffer(memory, load_map, "bare", table=previrt.read_table(guest))
    assert str(caught.value).startswith(message), str(caught.value)
    assert memory == before


def test_memory_that_is_already_bound(guest: Path) -> None:
    memory = bytearray(1 << 20)
    load_map = load(guest, memory, 0)
    previrt.link_buffer(memory, load_map, "bare", table=previrt.read_table(guest))
    refused(memory, load_map, guest, "memory: already bound to bare: expected a guest as annotated; load it again")


def test_memory_that_holds_something_else(guest: Path) -> None:
    memory = bytearray(1 << 20)
    load_map = load(guest, memory, 0)
    off = next(off for va, _, off in load_map if va == TEXT_VA)
    memory[off + 1] = 0xCC
    refused(
        memory, load_map, guest, "memory: .afterburn record 0 at 0x401000: padding behind 'cli' is not no-operations"
    )


@pytest.mark.parametrize(
    ("load_map", "message"),
    [
        ([], "memory: .afterburn record 0 at 0x401000: site is not mapped"),
        ([(TEXT_VA, 16, 0)], "memory: .afterburn record 1 at 0x401009: site is not mapped"),
        ([(TEXT_VA, 64, 1 << 20)], "memory: 0x401000: load map is outside memory: expected 1048576 bytes"),
        ([(TEXT_VA, 64, -1)], "memory: 0x401000: load map is outside memory"),
        ([(TEXT_VA, 64, 0), (TEXT_VA + 63, 64, 64)], "memory: 0x40103f: segments overlap"),
        ([(TEXT_VA, 64, 0), (TEXT_VA + 64, 64, 63)], "memory: offset 0x3f: segments share bytes"),
    ],
)
def test_load_maps_that_cannot_be(guest: Path, load_map: list[tuple[int, int, int]], message: str) -> None:
    refused(bytearray(1 << 20), load_map, guest, message)


def test_offsets_of_the_file_are_none_of_memory(tmp_path: Path) -> None:
    """What is in the file alone lies behind the end of this memory, or by number on what is loaded there."""
    path = tmp_path / "guest"
    path.write_bytes(make_image([Site("fa"), Site("0f20d8")], part_len=0x18000))
    previrt.link(path, "lol")
    bound = Path(f"{path}.lol").read_bytes()
    table = previrt.read_table(path)
    windows = table.image.windows
    assert table.annotations.undo_pieces[0][0] > sum(window.len for window in windows)
    for order in (windows, windows[::-1]):
        memory, load_map, expected = bytearray(), [], b""
        for window in order:
            load_map.append((window.va, window.len, len(memory)))
            memory += path.read_bytes()[window.off : window.off + window.len]
            expected += bound[window.off : window.off + window.len]
        previrt.link_buffer(memory, load_map, "lol", table=table)
        assert memory == expected
    undo_off = table.annotations.undo_pieces[0][0]
    memory = bytearray(undo_off + windows[2].len)
    load_map, expected = [], b""
    for number, window in enumerate(windows):
        off = undo_off if number == 2 else window.off  # the reserve's text, where the file has the room to undo
        load_map.append((window.va, window.len, off))
        memory[off : off + window.len] = path.read_bytes()[window.off : window.off + window.len]
    previrt.link_buffer(memory, load_map, "lol", table=table)
    assert memory[undo_off : undo_off + windows[2].len] == bound[windows[2].off : windows[2].off + windows[2].len]
