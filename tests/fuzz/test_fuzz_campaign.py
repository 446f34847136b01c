"""A short campaign finds nothing; and what campaigns look with does see each kind of defect.

PREVIRT_FUZZ_SECONDS says how long (CI: 60).
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from pathlib import Path

import fuzz_oracles
import pytest
from elftools.elf.elffile import ELFFile
from fuzz_fields import shape_of
from fuzz_menus import try_menu
from fuzz_mutate import Seed, mutated
from fuzz_oracles import Case
from fuzz_seeds import Corpus, make_corpus

from linker.registry import targets

SECONDS = float(os.environ.get("PREVIRT_FUZZ_SECONDS", "10"))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return make_corpus(tmp_path_factory.mktemp("corpus"))


def test_a_short_campaign_finds_nothing(corpus: Corpus, tmp_path: Path) -> None:
    choose = random.Random(SECONDS)
    end = time.monotonic() + SECONDS
    tried = bound = 0
    while time.monotonic() < end:
        one = choose.choice(corpus.seeds)
        image = mutated(one, choose)
        outcome = Case(one, image, tmp_path, corpus.kernel, choose).run()
        (tmp_path / "finding").write_bytes(image)
        assert not outcome.findings, f"{one.name}, {tmp_path / 'finding'}\n{outcome.findings[0]}"
        tried += 1
        bound += outcome.bound
    assert tried > SECONDS * 5, "too slow to find anything"
    assert bound > tried / 10, "too little gets past the headers"


def test_every_seed_binds_to_all_its_targets_unharmed(corpus: Corpus, tmp_path: Path) -> None:
    """Seeds are good: each is bound, looked at and restored; together they have every target of every architecture."""
    seen: set[tuple[str, str]] = set()
    for one in corpus.seeds:
        for target in one.targets:
            only = one._replace(targets=(target,))
            outcome = Case(only, one.image, tmp_path, corpus.kernel, random.Random(1)).run()
            assert outcome == (True, Counter(), []), (one.name, target)
            seen.add((target, one.name.split("-")[0]))
    assert seen >= {(target, arch) for target, architectures in targets().items() for arch in architectures}


class Damaging(Case):
    """A linker that spoils what it makes: one byte more is changed than it says."""

    spoilt_off = 0

    def _link(self, path: Path, target: str, output: Path, *, count: bool = False) -> None:
        super()._link(path, target, output, count=count)
        spoilt = bytearray(output.read_bytes())
        spoilt[self.spoilt_off] ^= 1
        output.write_bytes(spoilt)


class Raising(Case):
    """A linker with a defect."""

    def _link(self, path: Path, target: str, output: Path, *, count: bool = False) -> None:
        raise ValueError("not foreseen")


class Idling(Case):
    """A linker that does not come back."""

    def _link(self, path: Path, target: str, output: Path, *, count: bool = False) -> None:
        while True:
            time.sleep(0.01)


def good(corpus: Corpus) -> Seed:
    return next(one for one in corpus.seeds if one.name == "x86_64")


@pytest.mark.parametrize(("spoilt_off", "kinds"), [(0x1000, {"reread", "restored"}), (0x2000, {"restored"})])
def test_a_spoilt_result_is_seen(corpus: Corpus, tmp_path: Path, spoilt_off: int, kinds: set[str]) -> None:
    """The first byte of a site, and one of the guest's data."""
    one = good(corpus)
    found = set()
    for number in range(8):
        case = Damaging(one, one.image, tmp_path, corpus.kernel, random.Random(number))
        case.spoilt_off = spoilt_off
        found |= {finding.kind for finding in case.run().findings}
    assert found >= kinds


def test_an_escape_and_an_endless_link_are_seen(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = good(corpus)
    (finding,) = Raising(one, one.image, tmp_path, corpus.kernel, random.Random(1)).run().findings
    assert finding.kind == "escape" and "not foreseen" in finding.text
    monkeypatch.setattr(fuzz_oracles, "SECONDS", 0.5)
    (finding,) = Idling(one, one.image, tmp_path, corpus.kernel, random.Random(1)).run().findings
    assert finding.kind == "too slow"


def test_fields_are_where_others_find_them(corpus: Corpus, tmp_path: Path) -> None:
    """pyelftools reads the same sections, and tables and notes are in sections of their names."""
    one = good(corpus)
    path = tmp_path / "guest"
    path.write_bytes(one.image)
    shape = shape_of(one.image)
    with path.open("rb") as stream:
        sections = list(ELFFile(stream).iter_sections())
    assert [(s["sh_offset"], s["sh_size"]) for s in sections] == [(s.off, s.len) for s in shape.sections]
    for group, names in (("tables", {".afterburn", ".afterburn.info"}), ("notes", {".note.afterburn"})):
        inside = {
            s.name
            for field in shape.groups[group]
            for s in sections
            if s["sh_offset"] <= field.off < s["sh_offset"] + s["sh_size"]
        }
        assert inside == names


def test_the_same_choices_make_the_same_images(corpus: Corpus) -> None:
    one = good(corpus)
    assert mutated(one, random.Random(5)) == mutated(one, random.Random(5)) != mutated(one, random.Random(6))


def test_damaged_menus() -> None:
    choose = random.Random(3)
    for _ in range(200):
        _, findings = try_menu(choose)
        assert not findings, findings[0]
