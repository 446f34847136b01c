"""docs/l4ka.md: the tests and files it names are there, and its tables of names are those of the linker."""

from __future__ import annotations

import re
from pathlib import Path

from linker.sites.l4ka import EXPORTS, IMPORTS, MEMORY_NAME_OF

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "l4ka.md").read_text()
LOL_HOOKS = ROOT / "linker" / "hypervisors" / "lol" / "src-x86_64" / "hooks.c"


def test_files_named_are_there() -> None:
    named = set(re.findall(r"`((?:tests|linker|benchmarks)/[\w/.-]+)`", TEXT))
    named |= {f"tests/l4ka/{name}" for name in re.findall(r"`(test_l4ka_\w+\.py)`", TEXT)}
    named |= {f"docs/{name}" for name in re.findall(r"\]\((\w[\w-]*\.md)\)", TEXT)}
    assert len(named) > 15
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_every_test_file_here_is_in_a_row() -> None:
    named = set(re.findall(r"test_l4ka_\w+", TEXT))
    own = {path.stem for path in (ROOT / "tests" / "l4ka").glob("test_*.py")}
    assert own - named == {"test_l4ka_document"}


def test_hooks_and_sections_are_those_of_the_linker() -> None:
    (row,) = [line for line in TEXT.splitlines() if line.startswith("| 0 exit")]
    imports, exports = row.strip("| ").split(" | ")
    assert {int(n): name.strip("*") for n, name in re.findall(r"(\d+) ([\w*]+)", imports)} == IMPORTS
    assert {int(n): name.strip("*") for n, name in re.findall(r"(\d+) ([\w*]+)", exports)} == EXPORTS
    source = LOL_HOOKS.read_text()
    functions = set(re.findall(r"\bhook_(\w+)\(", source))
    words = set(re.findall(r"LINKER_WORD guest_(\w+);", source))
    assert set(re.findall(r"\*\*(\w+)\*\*", row)) == functions | words
    sections = set(
        re.findall(r"`\.(?:afterburn\.)?(\w+)`", "".join(re.findall(r"^\| `\.afterburn\.[^|]*\|", TEXT, re.MULTILINE)))
    )
    assert sections == set(MEMORY_NAME_OF.values())
