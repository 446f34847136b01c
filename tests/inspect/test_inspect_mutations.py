"""Hostile images: whatever bytes are changed, only LinkErrors come out of every way to look at them.

PREVIRT_FUZZ_SECONDS says how long at most (CI: 60, of which this takes a part).
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from elfwriter import Site, make_image
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from test_link_mutations import HOT, INTERESTING, SEEDS

import previrt
from linker.bind.examine import examined
from linker.inspection.compare import compare
from linker.inspection.facts import facts_of
from linker.inspection.functions import find_function, take_apart
from linker.inspection.names import SiteNames
from linker.inspection.page import make_page
from linker.inspection.room import room_against_need, supported_targets
from linker.inspection.tables import format_comparison, format_facts, format_function, format_room
from linker.inspection.tally import by_class, by_function, by_section, functions

SECONDS = min(10.0, float(os.environ.get("PREVIRT_FUZZ_SECONDS", "5")))


def look(path: Path, other: Path) -> None:
    """All that the command does, but for printing."""
    with examined(path) as examination:
        symbols = examination.symbols()
        facts = facts_of(examination, SiteNames(examination, symbols))
        wanted = supported_targets(facts.architecture)
        spans = functions(examination.table.image, symbols)
        format_facts(facts)
        format_room(room_against_need(examination, wanted), wanted)
        for tallies in (by_class(examination), by_section(examination), by_function(examination, spans)):
            assert sum(tally.sites for tally in tallies) == len(examination.sites)
        for site in examination.sites[:2]:
            span = find_function(examination, symbols, hex(site.start_va))
            format_function(take_apart(examination, symbols, span), examination.target, with_code=True)
        page = make_page(examination)
        assert page.count("<script") == 2
        with examined(other) as second:
            format_comparison(compare(examination, second, symbols), every_site=True)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    which = draw(st.integers(0, len(SEEDS) - 1))
    image = bytearray(SEEDS[which])
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.sampled_from(HOT[which])) if draw(st.booleans()) else draw(st.integers(0, len(image) - 8))
        width = draw(st.sampled_from((1, 2, 4, 8)))
        value = draw(st.sampled_from(INTERESTING)) if draw(st.booleans()) else draw(st.integers(0, 255))
        image[at : at + width] = (value % (1 << 8 * width)).to_bytes(width, "little")
    return bytes(image)


def attempt(path: Path, image: bytes, other: Path) -> bool:
    path.write_bytes(image)
    try:
        look(path, other)
    except previrt.LinkError as error:
        assert str(error)
        return False
    assert path.read_bytes() == image
    return True


def test_only_link_errors_come_out(tmp_path: Path) -> None:
    end = time.monotonic() + SECONDS
    path, other = tmp_path / "guest", tmp_path / "other"
    other.write_bytes(make_image([Site("fa"), Site("0f20d8")]))
    tried = taken = 0

    @settings(
        max_examples=200,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(mutated())
    def one_round(image: bytes) -> None:
        nonlocal tried, taken
        if time.monotonic() < end:
            tried += 1
            taken += attempt(path, image, other)

    while time.monotonic() < end:
        one_round()
    assert tried > SECONDS, "too slow to find anything"
    assert taken, "nothing was looked at"


def test_every_hot_byte_of_headers_notes_and_tables_set_to_all_ones(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(SEEDS[0])
    for seed, hot in zip(SEEDS, HOT, strict=True):
        for at in [n for n in hot if n < 0x200 or n > len(seed) - 0x400][::7]:
            image = bytearray(seed)
            image[at] = 0xFF
            attempt(tmp_path / "guest", bytes(image), other)
