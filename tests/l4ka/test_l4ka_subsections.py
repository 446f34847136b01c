"""Sub-sections of the original format: listed, counted, checked and bound like sites; what is unknown is named."""

from __future__ import annotations

import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from elfwriter import Site, make_image, site_addresses
from hand_annotated import assemble

import previrt
from linker.sites.l4ka import MEMORY_NAME_OF

ROOT = Path(__file__).resolve().parents[2]

# Every sub-section of the original, each with the instruction that its Linux patch has there, and its padding.
OPERATIONS = (
    ("pte_read", 13, "mov (%{b}dx), %eax"),
    ("pte_read", 15, "xchg %eax, (%{b}dx)"),
    ("pgd_read", 13, "mov 8(%{b}dx), %eax"),
    ("pte_set", 15, "mov %eax, (%{b}dx)"),
    ("pte_set", 15, "or %eax, (%{b}dx)"),
    ("pte_set", 15, "and %eax, (%{b}dx)"),
    ("pmd_set", 15, "mov %eax, (%{b}dx)"),
    ("pgd_set", 15, "mov %eax, 4(%{b}dx)"),
    ("pte_test_clear", 12, "lock btrl %eax, (%{b}dx); sbbl %eax, %eax"),
    ("lapic", 17, "mov %eax, (%{b}dx)"),
    ("lapic", 17, "xchg %eax, (%{b}dx)"),
    ("ioapic", 13, "mov (%{b}dx), %eax"),
    ("dp83820", 13, "mov (%{b}dx), %eax"),
    ("pml4_read", 13, "mov (%{b}dx), %eax"),
    ("pdp_set", 15, "mov %eax, (%{b}dx)"),
    ("pml4_set", 15, "mov %eax, (%{b}dx)"),
)


def guest_text(bits: int) -> str:
    base = "r" if bits == 64 else "e"
    lines = [f"operation {table}, {room}, {text.replace('{b}', base)}" for table, room, text in OPERATIONS]
    return "\n".join(["    .globl _start", "_start:", "annotate 7, cli", *lines, "annotate 6, hlt"])


def objdump(path: Path) -> list[str]:
    listing = subprocess.run(
        ["objdump", "-d", "-w", "--no-show-raw-insn", path], check=True, capture_output=True, text=True
    ).stdout
    return [re.sub(r"\s+", " ", text.strip()) for text in re.findall(r"^\s*[0-9a-f]+:\t(.*)$", listing, re.MULTILINE)]


@pytest.mark.parametrize("bits", [32, 64])
def test_every_subsection_is_listed_counted_and_bound_to_bare(bits: int, tmp_path: Path) -> None:
    image = assemble(guest_text(bits), tmp_path, bits)
    listed = [site.class_name for site in previrt.list_sites(image, "bare")]
    assert listed == ["cli", *(table for table, _, _ in OPERATIONS), "hlt"]
    assert set(MEMORY_NAME_OF.values()) <= set(listed)
    report = previrt.link(image, "bare")
    assert (report.sites, report.bound, report.left_tables) == (len(OPERATIONS) + 2,) * 2 + ((),)
    assert report.forms["pte_set"] == {"native": 3}
    bound = Path(f"{image}.bare")
    before, after = objdump(image), objdump(bound)
    kept = [text for text in before if "nop" not in text]
    assert [text for text in after if "nop" not in text] == kept
    assert len(after) < len(before) / 3  # long no-operations
    previrt.restore(bound, output=tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == image.read_bytes()
    previrt.link(bound, "bare", output=tmp_path / "twice")
    assert (tmp_path / "twice").read_bytes() == bound.read_bytes()


def test_a_module_walks_plain_memory_so_the_operation_stays(tmp_path: Path) -> None:
    image = assemble(guest_text(64), tmp_path, 64)
    report = previrt.link(image, "lol", details=True)
    forms = {name: forms for name, forms in report.forms.items() if name in MEMORY_NAME_OF.values()}
    assert all(set(by_form) == {"native"} for by_form in forms.values())
    assert sum(sum(by_form.values()) for by_form in forms.values()) == len(OPERATIONS)
    assert any("plain memory" in reason for reason in report.reasons)
    assert any("no such device" in reason for reason in report.reasons)
    for detail in report.details:
        if detail.class_name in forms:
            length = len(detail.new.replace("90", "").split("0f 1f")[0].split())
            assert detail.old.startswith(" ".join(detail.new.split()[: min(length, 2)]))


SITES = [Site("8902", 17), Site("fa"), Site("8b02", 15)]


def pair(address: tuple[int, int]) -> bytes:
    return struct.pack("<QQ", *address)


def with_tables(tmp_path: Path, tables: dict[str, bytes]) -> Path:
    """A version 1 image in which `cli` alone is in `.afterburn`."""
    image = tmp_path / "guest"
    records = [site_addresses(SITES)[1]]
    sections = {".afterburn.info": {"sh_size": 16}, ".afterburn.undo": {"sh_size": 16}}
    info = {".afterburn.info": bytes(16)}
    image.write_bytes(make_image(SITES, records=records, tables=tables, sections=sections, contents=info))
    return image


def test_version_1_images_may_have_subsections_too(tmp_path: Path) -> None:
    write, _, read = site_addresses(SITES)
    image = with_tables(tmp_path, {".afterburn.pte_read": pair(read), ".afterburn.pte_set": pair(write)})
    assert [site.class_name for site in previrt.list_sites(image)] == ["pte_set", "cli", "pte_read"]
    bound, twice, again = tmp_path / "bare", tmp_path / "twice", tmp_path / "again"
    assert previrt.link(image, "bare", output=bound).bound == 3
    previrt.link(bound, "bare", output=twice)
    assert twice.read_bytes() == bound.read_bytes()
    previrt.restore(bound, output=again)
    assert again.read_bytes() == image.read_bytes()
    report = previrt.link(image, "bare", skip=["pte_read"], dry_run=True)
    assert (report.bound, report.skipped) == (2, 1)


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({".afterburn.pte_set": lambda write, read: pair(read)}, "no memory operation of .afterburn.pte_set"),
        ({".afterburn.pte_read": lambda write, read: pair(write)}, "no memory operation of .afterburn.pte_read"),
        ({".afterburn.pte_test_clear": lambda write, read: pair(write)}, "expected a bit: btr"),
        ({".afterburn.pte_set": lambda write, read: pair(write)[:-1]}, "truncated"),
        (
            {
                ".afterburn.pte_set": lambda write, read: pair(write),
                ".afterburn.lapic": lambda write, read: pair(write),
            },
            ".afterburn.lapic record 0",
        ),
        ({".afterburn.pte_set": lambda write, read: pair((write[0], read[1]))}, "sites overlap"),
        ({".afterburn.pte_set": lambda write, read: pair((8, 16))}, ".afterburn.pte_set record 0 at 0x8"),
        ({".afterburn.pte_set": lambda write, read: pair((write[0], write[1] + 1))}, "padding behind"),
    ],
)
def test_records_of_subsections_are_checked_like_sites(tables: dict[str, object], said: str, tmp_path: Path) -> None:
    write, _, read = site_addresses(SITES)
    made = {name: make(write, read) for name, make in tables.items() if callable(make)}
    image = with_tables(tmp_path, made)
    with pytest.raises(previrt.LinkError) as caught:
        previrt.link(image, "bare")
    assert said in str(caught.value)
    assert not Path(f"{image}.bare").exists()


def test_an_unknown_subsection_is_named_and_never_ignored(tmp_path: Path) -> None:
    image = with_tables(tmp_path, {".afterburn.foo": pair((1, 2)), ".afterburn32": pair((3, 4))})
    report = previrt.link(image, "bare")
    assert report.left_tables == (".afterburn.foo", ".afterburn32")
    command = [sys.executable, "-m", "linker.commands.link", str(image)]
    done = subprocess.run([*command, "-t", "bare"], capture_output=True, text=True, check=True, cwd=ROOT)
    assert "table .afterburn.foo is of no known kind: its records are not bound" in done.stdout
    done = subprocess.run([*command, "--list"], capture_output=True, text=True, check=True, cwd=ROOT)
    assert "warning: table .afterburn.foo is of no known kind" in done.stderr
