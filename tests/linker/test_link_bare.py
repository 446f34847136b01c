"""Binding to bare: what changes, what does not, and the way back."""

from __future__ import annotations

import re
import stat
import subprocess
from pathlib import Path

import pytest
from elfwriter import BASE_VA, TEXT_VA, Site, make_image, site_addresses

import previrt
from linker.table.read import read_bound_to

ROOM_LENGTHS = list(range(1, 40))
SITES = [Site("fa"), Site("0f20d8", 11, line=7), Site("fb", 9, flags=2), Site("f4", 1), Site("0f011d00000000", 16)]


def objdump(path: Path, start_va: int, end_va: int) -> list[tuple[int, str]]:
    """(address, text) of each instruction, by GNU objdump."""
    listing = subprocess.run(
        ["objdump", "-d", "-w", "--no-show-raw-insn", f"--start-address={start_va}", f"--stop-address={end_va}", path],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    found = re.findall(r"^\s*([0-9a-f]+):\t(.*)$", listing, re.MULTILINE)
    return [(int(va, 16), text.split("#")[0].strip()) for va, text in found]


@pytest.fixture
def guest(tmp_path: Path) -> Path:
    path = tmp_path / "guest"
    path.write_bytes(make_image(SITES))
    return path


def test_padding_becomes_long_nops_and_instructions_stay(guest: Path) -> None:
    report = previrt.link(guest, "bare")
    bound = Path(f"{guest}.bare")
    assert (report.sites, report.bound, report.skipped) == (5, 5, 0)
    first, second, third, fourth, fifth = site_addresses(SITES)
    assert objdump(bound, *first) == [(first[0], "cli"), (first[0] + 1, "nopl   0x0(%rax)")]
    assert [text for _, text in objdump(bound, *second)] == ["mov    %cr3,%rax", "nopl   0x0(%rax,%rax,1)"]
    assert [text for _, text in objdump(bound, *third)] == ["nopl   0x0(%rax,%rax,1)", "sti"]
    assert [text for _, text in objdump(bound, *fourth)] == ["hlt"]
    assert [text for _, text in objdump(bound, *fifth)] == ["lidt   0x0(%rip)", "nopw   0x0(%rax,%rax,1)"]


@pytest.mark.parametrize("room", ROOM_LENGTHS)
def test_every_length_of_padding_decodes_as_the_fewest_nops(tmp_path: Path, room: int) -> None:
    guest = tmp_path / "guest"
    guest.write_bytes(make_image([Site("fa", room)]))
    previrt.link(guest, "bare")
    decoded = objdump(Path(f"{guest}.bare"), TEXT_VA, TEXT_VA + room)
    assert decoded[0][1] == "cli"
    assert all(re.match(r"(data16 )?(cs )?nop|xchg   %ax,%ax", text) for _, text in decoded[1:]), decoded
    assert len(decoded) - 1 == -(-(room - 1) // 9)


def test_nothing_changes_outside_sites_and_note(guest: Path) -> None:
    previrt.link(guest, "bare")
    before, after = guest.read_bytes(), Path(f"{guest}.bare").read_bytes()
    assert len(before) == len(after)
    changed = {n for n, (a, b) in enumerate(zip(before, after, strict=True)) if a != b}
    sites = {va - BASE_VA for start, end in site_addresses(SITES) for va in range(start, end)}
    note_off = before.index(b"previrt\0" + bytes(40))  # the empty BOUND note's name and descriptor
    note = set(range(note_off + 8, note_off + 48))
    assert changed & sites
    assert changed & note
    assert changed <= sites | note


def test_bound_image_says_so_and_restores_exactly(guest: Path) -> None:
    previrt.link(guest, "bare", in_place=False)
    bound = Path(f"{guest}.bare")
    assert read_bound_to(bound).target == "bare"
    assert not read_bound_to(guest).target
    report = previrt.restore(bound)
    assert (report.target, report.previous) == ("", "bare")
    assert Path(f"{bound}.restored").read_bytes() == guest.read_bytes()


def test_binding_again_changes_nothing(guest: Path) -> None:
    previrt.link(guest, "bare")
    bound = Path(f"{guest}.bare")
    previrt.link(bound, "bare", output=guest.with_name("again"))
    assert guest.with_name("again").read_bytes() == bound.read_bytes()
    before = bound.stat()
    previrt.link(bound, "bare", in_place=True)
    assert bound.stat().st_ino == before.st_ino, "nothing to change, nothing to write"


def test_records_may_come_in_any_order(tmp_path: Path) -> None:
    straight, shuffled = tmp_path / "straight", tmp_path / "shuffled"
    sites = [Site("fa"), Site("f4"), Site("fb"), Site("0f09")]
    straight.write_bytes(make_image(sites))
    shuffled.write_bytes(make_image(sites, records=[site_addresses(sites)[n] for n in (2, 0, 3, 1)]))
    for path in (straight, shuffled):
        previrt.link(path, "bare")
    text = slice(TEXT_VA - BASE_VA, TEXT_VA - BASE_VA + 64)
    assert Path(f"{straight}.bare").read_bytes()[text] == Path(f"{shuffled}.bare").read_bytes()[text]


def test_dropped_records_are_counted_and_passed_over(tmp_path: Path) -> None:
    guest = tmp_path / "guest"
    sites = [Site("fa"), Site("f4")]
    guest.write_bytes(make_image(sites, records=[(0, 0), site_addresses(sites)[1]]))
    report = previrt.link(guest, "bare")
    assert (report.sites, report.dropped, report.bound) == (1, 1, 1)
    previrt.restore(f"{guest}.bare")
    assert Path(f"{guest}.bare.restored").read_bytes() == guest.read_bytes()


def test_image_without_sites_is_bound_too(tmp_path: Path) -> None:
    guest = tmp_path / "guest"
    guest.write_bytes(make_image([]))
    report = previrt.link(guest, "bare")
    assert (report.sites, report.bound) == (0, 0)
    assert read_bound_to(Path(f"{guest}.bare")).target == "bare"


@pytest.mark.parametrize("bits", [32, 64])
def test_original_format_links_and_restores(tmp_path: Path, bits: int) -> None:
    """L4Ka's table: pairs of `.long` or `.quad`, single-byte padding, no note."""
    guest = tmp_path / "guest"
    sites = [Site("fa"), Site("9d", 22), Site("0f20d8", 15), Site("fb", 24)]
    guest.write_bytes(make_image(sites, bits=bits, version1=False, reserve=False))
    report = previrt.link(guest, "bare")
    assert (report.sites, report.bound) == (4, 4)
    bound = Path(f"{guest}.bare")
    for (start, end), name in zip(site_addresses(sites), ("cli", "pop", "mov", "sti"), strict=True):
        decoded = objdump(bound, start, end)
        assert decoded[0][1].startswith(name)
        assert all("nop" in text or text == "xchg   %ax,%ax" for _, text in decoded[1:])
    previrt.link(bound, "bare", output=tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == bound.read_bytes()
    previrt.restore(bound)
    assert Path(f"{bound}.restored").read_bytes() == guest.read_bytes()


def test_ia32_has_its_own_decoding(tmp_path: Path) -> None:
    """`0f 01 1d disp32` is absolute in 32-bit code; `ea ptr16:32` exists there only."""
    guest = tmp_path / "guest"
    sites = [Site("0f011d44332211"), Site("ea443322110800", 12), Site("1e", 5)]
    guest.write_bytes(make_image(sites, bits=32))
    rows = previrt.list_sites(guest)
    assert [row.class_name for row in rows] == ["lidt", "ljmp", "push_seg"]
    assert "0x11223344" in rows[0].instruction.lower()
    previrt.link(guest, "bare")
    assert objdump(Path(f"{guest}.bare"), *site_addresses(sites)[1])[0][1].startswith("ljmp")


@pytest.mark.parametrize(
    ("only", "skip", "bound"),
    [
        (["cli"], [], {0, 3}),
        ([hex(TEXT_VA + 3)], [], {0}),
        ([str(TEXT_VA)], [], {0}),
        (["second"], [], {2, 3}),
        ([], ["cli"], {1, 2}),
        (["cli", "hlt"], ["second"], {0, 1}),
    ],
)
def test_only_and_skip(tmp_path: Path, only: list[str], skip: list[str], bound: set[int]) -> None:
    guest = tmp_path / "guest"
    sites = [Site("fa"), Site("f4"), Site("0f09"), Site("fa")]
    places = site_addresses(sites)
    symbols = {"first": (TEXT_VA, 18), "second": (places[2][0], 0)}
    guest.write_bytes(make_image(sites, symbols=symbols))
    report = previrt.link(guest, "bare", only=only, skip=skip)
    after = Path(f"{guest}.bare").read_bytes()
    touched = {n for n, (start, end) in enumerate(places) if b"\x90\x90" not in after[start - BASE_VA : end - BASE_VA]}
    assert touched == bound
    assert (report.bound, report.skipped) == (len(bound), 4 - len(bound))
    previrt.restore(f"{guest}.bare")
    assert Path(f"{guest}.bare.restored").read_bytes() == guest.read_bytes()
    previrt.link(f"{guest}.bare", "bare", output=tmp_path / "all")
    previrt.link(guest, "bare")
    assert (tmp_path / "all").read_bytes() == Path(f"{guest}.bare").read_bytes()


@pytest.mark.parametrize("word", ["lgdt", "0x1", "nowhere", "0x401008"])
def test_selecting_nothing_is_a_usage_error(guest: Path, word: str) -> None:
    with pytest.raises(previrt.UsageError, match="--list shows all sites"):
        previrt.link(guest, "bare", only=[word])
    assert not Path(f"{guest}.bare").exists()


def test_dry_run_writes_nothing(guest: Path) -> None:
    report = previrt.link(guest, "bare", dry_run=True)
    assert (report.bound, report.output) == (5, None)
    assert list(guest.parent.iterdir()) == [guest]


@pytest.mark.parametrize("mode", [0o644, 0o755, 0o600])
def test_mode_is_kept(guest: Path, mode: int) -> None:
    guest.chmod(mode)
    previrt.link(guest, "bare")
    assert stat.S_IMODE(Path(f"{guest}.bare").stat().st_mode) == mode
    previrt.link(guest, "bare", in_place=True)
    assert stat.S_IMODE(guest.stat().st_mode) == mode


def test_in_place_follows_a_link(guest: Path) -> None:
    pointer = guest.with_name("pointer")
    pointer.symlink_to(guest.name)
    original = guest.read_bytes()
    previrt.link(pointer, "bare", in_place=True)
    assert pointer.is_symlink()
    assert guest.read_bytes() != original


def test_details_show_old_new_and_final_bytes(guest: Path) -> None:
    report = previrt.link(guest, "bare", details=True)
    cli = report.details[0]
    assert (cli.va, cli.symbol, cli.instruction, cli.form) == (TEXT_VA, "start", "cli", "native")
    assert cli.old == "fa 90 90 90 90 90 90 90"
    assert cli.new == cli.final == "fa 0f 1f 80 00 00 00 00"


def test_report_counts_room(guest: Path) -> None:
    report = previrt.link(guest, "bare")
    assert (report.room_used_len, report.room_left_len) == (1 + 3 + 1 + 1 + 7, 7 + 8 + 8 + 0 + 9)
    assert report.forms["cli"] == {"native": 1}
    assert sum(report.reasons.values()) == report.sites
