"""Two images against each other."""

from __future__ import annotations

from pathlib import Path

import pytest
from elfwriter import Site, make_image

import previrt
from linker.bind.examine import examined
from linker.errors import UsageError
from linker.inspection.compare import Comparison, compare
from linker.inspection.tables import format_comparison

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
GUEST = FIXTURES / "x86_64" / "guest.elf"


def compared(one: Path, other: Path) -> Comparison:
    with examined(one) as first, examined(other) as second:
        return compare(first, second, first.symbols())


def bound(directory: Path, target: str, *, only: tuple[str, ...] = (), skip: tuple[str, ...] = ()) -> Path:
    path = directory / f"{target}{'.'.join(only + skip)}"
    previrt.link(GUEST, target, output=path, only=only, skip=skip)
    return path


def test_an_image_is_the_same_as_itself(tmp_path: Path) -> None:
    image = bound(tmp_path, "lol")
    comparison = compared(image, image)
    assert comparison.is_same
    assert format_comparison(comparison, every_site=False) == [
        f"{image} (bound to lol) and {image} (bound to lol): the same, {comparison.common} sites"
    ]


def test_annotated_against_bound(tmp_path: Path) -> None:
    report = previrt.link(GUEST, "lol", output=tmp_path / "lol", details=True)
    comparison = compared(GUEST, tmp_path / "lol")
    differing = {detail.va for detail in report.details if detail.old != detail.final}
    assert {site.va for site in comparison.sites} == differing
    assert comparison.common == report.sites == comparison.same + len(differing)
    assert {key[1] for key in comparison.changed} == {"annotated"}
    assert sum(comparison.changed.values()) == len(differing)
    forms = {(detail.va, detail.form) for detail in report.details if detail.va in differing}
    assert {(site.va, site.other.form) for site in comparison.sites} == forms
    for site in comparison.sites:
        assert site.one.text.startswith(site.instruction.split()[0])
    places = {difference.section for difference in comparison.elsewhere if not difference.in_reserve}
    assert places == {"entry address in the ELF header", ".notes", ".afterburn.undo"}
    assert {difference.section for difference in comparison.elsewhere if difference.in_reserve} == {".text", ".data"}
    # Sites and the rest together are all that differs.
    one, other = GUEST.read_bytes(), (tmp_path / "lol").read_bytes()
    total = sum(a != b for a, b in zip(one, other, strict=True))
    in_sites = sum(
        sum(a != b for a, b in zip(site.one.code.split(), site.other.code.split(), strict=True))
        for site in comparison.sites
    )
    assert total == in_sites + sum(difference.changed_len for difference in comparison.elsewhere)


def test_two_targets_and_sites_left_out(tmp_path: Path) -> None:
    lol, xen, partly = bound(tmp_path, "lol"), bound(tmp_path, "xen"), bound(tmp_path, "lol", skip=("cli",))
    assert {key[1:] for key in compared(lol, xen).changed} >= {("call", "trap"), ("inline", "inline")}
    left_out = compared(lol, partly)
    assert {key for key in left_out.changed if key[0] == "cli"} == {("cli", "inline", "skipped")}
    text = "\n".join(format_comparison(left_out, every_site=True))
    assert "    skipped    fa 90 90 90 90 90 90 90  cli" in text


def test_a_byte_outside_the_sites_is_found(tmp_path: Path) -> None:
    image = bound(tmp_path, "bare")
    with examined(image) as examination:
        section = examination.table.image.section(".rodata") or examination.table.image.section(".data")
    assert section is not None
    contents = bytearray(image.read_bytes())
    contents[section.off + 5] ^= 1
    other = tmp_path / "other"
    other.write_bytes(contents)
    comparison = compared(image, other)
    assert not comparison.sites
    assert [(d.section, d.off, d.len, d.changed_len) for d in comparison.elsewhere] == [(section.name, 5, 1, 1)]


def test_sites_only_one_of_them_has(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(make_image([Site("fa"), Site("fa"), Site("f4")]))
    other.write_bytes(make_image([Site("fa"), Site("fa")]))
    comparison = compared(one, other)
    assert [len(addresses) for addresses in comparison.only_in] == [1, 0]
    assert comparison.sizes[".afterburn"] == (48, 32)
    assert f"1 sites are in {one} only" in "\n".join(format_comparison(comparison, every_site=False))


def test_architectures_must_agree() -> None:
    with pytest.raises(UsageError, match="different architectures"):
        compared(GUEST, FIXTURES / "ia64" / "guest.elf")
