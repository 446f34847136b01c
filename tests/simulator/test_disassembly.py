"""The decoder against the GNU disassembler: random bundles of every template, every row of the tables, and any bits."""

import random
import re
import subprocess
from pathlib import Path

import pytest

from linker.sites.ia64.isa.decoder import TEMPLATES, decode_bundle, unit_rows
from linker.sites.ia64.isa.disassembler import RESERVED, instruction_text

LATER_PROCESSORS = re.compile(r"(lfetch\.count|mov dahr|mov r\d+=dahr|mov r\d+=msr|mpy4|mpyshl4|hint\.m)")
"""What the GNU disassembler knows beyond the manual's revision 2.3, or prints in two radixes (hint.m)."""


def random_word(choices: random.Random, unit: str, kind: str) -> int:
    word = choices.getrandbits(41)
    for position in (6, 13, 20, 27):
        if choices.random() < 0.15:
            word = word & ~(127 << position) | choices.choice((0, 1)) << position
    if choices.random() < 0.3:
        word &= ~63
    if kind == "rows":
        row = choices.choice(unit_rows(unit))
        word = word & ~row.mask | row.value
    return word


def random_bundles(seed: int, kind: str, count: int) -> list[int]:
    choices = random.Random(seed)
    bundles = []
    for _ in range(count):
        template = choices.choice(list(TEMPLATES))
        units = TEMPLATES[template][0]
        if units == "MLX":
            words = [random_word(choices, "M", kind), choices.getrandbits(41), random_word(choices, "X", kind)]
        else:
            words = [random_word(choices, unit, kind) for unit in units]
        bundles.append(template | words[0] << 5 | words[1] << 46 | words[2] << 87)
    return bundles


def gnu_texts(tmp_path: Path, bundles: list[int]) -> list[str]:
    """Return the GNU disassembler's text of each instruction."""
    file = tmp_path / "bundles.bin"
    file.write_bytes(b"".join(bundle.to_bytes(16, "little") for bundle in bundles))
    command = ["ia64-linux-gnu-objdump", "-D", "-b", "binary", "-m", "ia64", str(file)]
    listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    texts = []
    for line in listing.splitlines():
        match = re.match(r"\s*[0-9a-f]+:\t(?:[0-9a-f]{2} )+\s*(?:\[\w+\])?\s*(.*)", line)
        if match and match[1]:
            text = re.sub(r"\s+", " ", match[1].replace(";;", "")).strip()
            texts.append("" if text.startswith("data8") else text)
    return texts


@pytest.mark.parametrize("kind", ["rows", "bits"])
@pytest.mark.parametrize("seed", [1, 2])
def test_text_is_the_gnu_disassembler_s(tmp_path: Path, seed: int, kind: str) -> None:
    bundles = random_bundles(seed, kind, 4000)
    theirs = iter(gnu_texts(tmp_path, bundles))
    wrong, compared = [], 0
    for number, bundle in enumerate(bundles):
        decoded = decode_bundle(bundle)
        assert decoded is not None
        for slot, insn in enumerate(decoded.slots):
            if decoded.units == "MLX" and slot == 1:
                continue
            text = "" if insn is None else instruction_text(insn, number * 16)
            expected = next(theirs)
            if RESERVED in text:
                text = ""
            if LATER_PROCESSORS.search(expected) or LATER_PROCESSORS.search(text):
                continue
            compared += 1
            if text != expected:
                wrong.append((hex(decoded.words[slot]), text, expected))
    assert not wrong, f"{len(wrong)} differ, first: {wrong[:5]}"
    assert compared > 10_000


def test_rows_of_a_unit_do_not_hide_one_another() -> None:
    for unit in "MIFBX":
        rows = unit_rows(unit)
        for row in rows:
            first = next(r for r in rows if row.value & r.mask == r.value)
            assert first is row, f"{unit}: {row.text} is hidden by {first.text}"


def test_a_reserved_template_is_no_bundle() -> None:
    assert decode_bundle(0x06) is None
