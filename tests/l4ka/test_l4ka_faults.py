"""Faults of the original that ours must not have; `docs/l4ka.md` says where they are in its source."""

from __future__ import annotations

import struct
from pathlib import Path
from random import Random

import pytest
from elfwriter import Site, make_image, site_addresses
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import previrt

CODES = ("fa", "fb", "9c", "9d", "f4", "0f20d8", "0f22d8", "0f32", "0f30", "0f01f8", "0f06", "ec", "ee", "cd80")
QUIET = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_space_is_checked_before_a_byte_is_written(tmp_path: Path) -> None:
    """The original overwrote first and compared pointers afterwards: the next instruction was gone by then."""
    sites = [Site("fa"), Site("0fa2", 2), Site("fa")]
    image = tmp_path / "guest"
    image.write_bytes(make_image(sites, gap=0))
    before = image.read_bytes()
    with pytest.raises(previrt.LinkError, match="takes 5 bytes, the site has 2"):
        previrt.link(image, "lol", in_place=True)
    assert image.read_bytes() == before
    memory = bytearray(before)
    table = previrt.read_table(image)
    with pytest.raises(previrt.LinkError, match="takes 5 bytes"):
        previrt.link_buffer(memory, [(w.va, w.len, w.off) for w in table.image.windows], "lol", table=table)
    assert memory == before


@QUIET
@given(st.lists(st.sampled_from(CODES), min_size=2, max_size=30), st.randoms(use_true_random=False))
def test_the_order_of_the_table_is_irrelevant(tmp_path: Path, codes: list[str], random: Random) -> None:
    """The original looked for back-to-back sites in table order and sorted its profile by bubble."""
    sites = [Site(code) for code in codes]
    records = site_addresses(sites)
    order = list(range(len(sites)))
    random.shuffle(order)
    text = {}
    for name, numbers in (("straight", range(len(sites))), ("shuffled", order)):
        image = tmp_path / name
        image.write_bytes(make_image(sites, records=[records[n] for n in numbers]))
        previrt.link(image, "bare", output=tmp_path / f"{name}.bare")
        contents = bytearray((tmp_path / f"{name}.bare").read_bytes())
        table = previrt.read_table(image)
        section = table.image.section(".afterburn")
        assert section is not None
        contents[section.off : section.off + section.len] = bytes(section.len)
        text[name] = bytes(contents)
    assert text["straight"] == text["shuffled"]


def test_every_failure_is_reported_not_only_the_first(tmp_path: Path) -> None:
    """The original returned at the first site it could not rewrite; of memory operations it ignored the result."""
    sites = [Site("0fa2", 2), Site("fa"), Site("0f00c0", 4), Site("0f01e0", 3), Site("0fa2", 2)]
    image = tmp_path / "guest"
    image.write_bytes(make_image(sites))
    with pytest.raises(previrt.LinkError, match="4 of 5 sites") as caught:
        previrt.link(image, "lol")
    failures = caught.value.to_json()["failures"]
    assert isinstance(failures, list)
    assert {(one["class_name"], one["room_len"], one["site_count"]) for one in failures} == {
        ("cpuid", 2, 2),
        ("sldt", 4, 1),
        ("smsw", 3, 1),
    }


def test_every_subsection_is_applied_once(tmp_path: Path) -> None:
    """On amd64 the original applied `.afterburn.pte_read` twice, the second time over its own calls."""
    sites = [Site("8b02", 15), Site("fa"), Site("8902", 17)]
    read, _, write = site_addresses(sites)
    tables = {".afterburn.pte_read": struct.pack("<QQ", *read), ".afterburn.pte_set": struct.pack("<QQ", *write)}
    image = tmp_path / "guest"
    image.write_bytes(
        make_image(sites, records=[site_addresses(sites)[1]], tables=tables, version1=False, reserve=False)
    )
    report = previrt.link(image, "bare", details=True)
    assert [detail.class_name for detail in report.details] == ["pte_read", "cli", "pte_set"]
    assert len({detail.va for detail in report.details}) == report.bound == 3


def test_there_is_no_limit_on_the_number_of_sites(tmp_path: Path) -> None:
    """The original's profiler stopped the guest at 2,048 sites (`max_instr`)."""
    count = 200_000
    image = tmp_path / "guest"
    image.write_bytes(make_image([Site("fa")] * count, gap=0, reserve=False))
    report = previrt.link(image, "bare")
    assert (report.sites, report.bound) == (count, count)
    previrt.restore(f"{image}.bare", output=tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == image.read_bytes()
