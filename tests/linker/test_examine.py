"""What `linker.bind.examine` says of images: the fixture guests on every target, and small images of each kind."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from elfwriter import Site, make_image

import previrt
from linker.bind.examine import SiteState, examined
from linker.registry import targets

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
ALL = [(arch, target) for target, names in targets().items() for arch in names if (FIXTURES / arch).exists()]
SITES = [Site("fa"), Site("0f20d8"), Site("fb", flags=2), Site("cc", 1), Site("0f011d00000000", 12)]


@pytest.mark.parametrize(("arch", "target"), ALL)
def test_every_byte_of_a_bound_fixture_guest_is_foretold(tmp_path: Path, arch: str, target: str) -> None:
    original = FIXTURES / arch / "guest.elf"
    previrt.link(original, target, output=tmp_path / "bound")
    with examined(tmp_path / "bound") as image:
        assert (image.target, image.is_grown) == (
            target,
            (arch, target) == ("i386", "lol"),
        )  # others have a reserve
        assert bytes(image.present[:]) == bytes(image.expected[:]) == (tmp_path / "bound").read_bytes()
        assert bytes(image.original[:]) == original.read_bytes()
        assert {site.state for site in image.sites} == {SiteState.BOUND}
        assert [site.start_va for site in image.sites] == sorted(site.start_va for site in image.sites)
        report = previrt.link(original, target, dry_run=True)
        forms = Counter(form for form_counts in report.forms.values() for form in Counter(form_counts).elements())
        assert Counter(site.form for site in image.sites) == forms
        for site in image.sites:
            assert len(site.original) == len(site.present) == site.end_va - site.start_va
            assert site.instruction.code in site.original


@pytest.mark.parametrize("target", ["bare", "lol"])
@pytest.mark.parametrize("words", [["cli"], ["int3"], ["cli", "rdmsr", "int3", "ud2"]])
def test_sites_left_out_are_seen(tmp_path: Path, target: str, words: list[str]) -> None:
    report = previrt.link(FIXTURES / "x86_64" / "guest.elf", target, skip=words, output=tmp_path / "bound")
    with examined(tmp_path / "bound") as image:
        assert bytes(image.present[:]) == bytes(image.expected[:])
        states = Counter(site.state for site in image.sites)
        assert states == {SiteState.BOUND: report.bound, SiteState.SKIPPED: report.skipped}
        clear = [site for site in image.sites if len(site.original) > len(site.instruction.code) + 1]
        assert {s.instruction.class_name for s in clear if s.state is SiteState.SKIPPED} == set(words) - {"int3", "ud2"}


def test_an_annotated_image_is_its_own_original(tmp_path: Path) -> None:
    path = tmp_path / "guest"
    path.write_bytes(make_image(SITES))
    with examined(path) as image:
        assert (image.target, image.plan, image.binding) == ("", None, None)
        assert bytes(image.original[:]) == bytes(image.expected[:]) == path.read_bytes()
        assert {site.state for site in image.sites} == {SiteState.ANNOTATED}


@pytest.mark.parametrize("bits", [32, 64])
def test_the_original_format_shows_that_it_is_bound_to_bare(tmp_path: Path, bits: int) -> None:
    path = tmp_path / "guest"
    path.write_bytes(make_image([Site("fa", 8), Site("fb", 8)], bits=bits, version1=False, reserve=False))
    previrt.link(path, "bare", only=["cli"])
    with examined(tmp_path / "guest.bare") as image:
        assert image.target == "bare"
        assert [site.state for site in image.sites] == [SiteState.BOUND, SiteState.SKIPPED]
        assert bytes(image.original[:]) == path.read_bytes()


@pytest.mark.parametrize("skip", [[], ["cli"], ["int3"]])
def test_a_grown_image_is_foretold_from_its_kept_original(tmp_path: Path, skip: list[str]) -> None:
    path = tmp_path / "guest"
    path.write_bytes(make_image(SITES, reserve=False))
    previrt.link(path, "lol", skip=skip)
    with examined(tmp_path / "guest.lol") as image:
        assert (image.target, image.is_grown) == ("lol", True)
        assert bytes(image.present[:]) == bytes(image.expected[:])
        assert bytes(image.original[:]) == path.read_bytes()
        left_out = {site.instruction.class_name for site in image.sites if site.state is SiteState.SKIPPED}
        assert left_out == set(skip)


def test_a_damaged_site_is_named(tmp_path: Path) -> None:
    previrt.link(FIXTURES / "x86_64" / "guest.elf", "lol", output=tmp_path / "bound")
    with examined(tmp_path / "bound") as image:
        site = next(site for site in image.sites if site.form == "call")
        contents = bytearray(image.present[:])
    contents[site.off + 1] ^= 1
    (tmp_path / "bound").write_bytes(contents)
    with examined(tmp_path / "bound") as image:
        assert [s.start_va for s in image.sites if s.state is SiteState.DAMAGED] == [site.start_va]
        assert image.sites[site.position].planned == site.present


def test_an_unknown_target_is_named(tmp_path: Path) -> None:
    bound = tmp_path / "bound"
    previrt.link(FIXTURES / "x86_64" / "guest.elf", "lol", output=bound)
    note = previrt.read_table(bound).annotations.bound_note
    assert note is not None
    contents = bytearray(bound.read_bytes())
    contents[note.off : note.off + 3] = b"zen"
    bound.write_bytes(contents)
    with pytest.raises(previrt.LinkError, match="bound to an unknown target: found 'zen'"), examined(bound):
        pass
