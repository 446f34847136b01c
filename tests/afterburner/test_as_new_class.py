"""What CONTRIBUTING says of adding a class is enough, and whatever is forgotten is named.

An invented class (`serialize`, SDM vol. 2) is added to a copy of the tree in all the places that are written by hand.
Then one place after the other is left out.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest
from assembling import ROOT

if TYPE_CHECKING:
    from pathlib import Path

X86, SHARED = "linker/sites/x86_64", "linker/hypervisors/shared/src-x86_64"


class Place(NamedTuple):
    """One edit: `new` goes in front of the last `anchor` of the file."""

    file: str
    anchor: str
    new: str


OPERATION = """
struct fault op_serialize(const struct row *row, u64 next_rip)
{
    (void)row;
    (void)next_rip;
    return NO_FAULT;
}
"""
ROW = '    Row(99, "serialize", "serialize", "np 0f 01 e8", "SERIALIZE"),\n'
SPELLING = '    ("serialize", "serialize", None, "SERIALIZE"),\n'
PLACES = {
    "row": Place(f"{X86}/classes.py", ")\n\nNAME_OF", ROW),
    "operation": Place(f"{SHARED}/op_registers.c", "\nstruct fault op_xgetbv", OPERATION),
    "model": Place("linker/verification/running/model.py", '    "xgetbv": ', '    "serialize": _nothing,\n'),
    "spelling": Place("tests/afterburner/spellings.py", '    ("xgetbv"', SPELLING),
    "site": Place("fixtures/x86_64/intact_sites.h", "SITE(xgetbv", "SITE(serialize, serialize)\n"),
    "harness": Place(
        "fixtures/x86_64/intact_classes.c",
        "};\n\nconst unsigned intact_class_count",
        "    CLASS_IF(serialize, smap),\n",
    ),
}
SITES = Place(
    "fixtures/x86_64/intact_classes.c",
    "static const struct site xgetbv[]",
    "static const struct site serialize[] = {{S(serialize)}};\n",
)
CHECKS = (
    "tests/verify/test_verify_running.py::test_the_model_knows_every_class_but_halting",
    "tests/linker/test_link_x86_codec.py::test_every_spelling_of_every_class_is_decoded",
    "tests/guest_x86_64/test_guest_image.py::test_every_class_is_in_the_harness",
    "tests/afterburner/test_as_table.py::test_kept_patterns_are_made_from_the_table",
)


pytestmark = pytest.mark.xdist_group("new-class")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what git knows of the tree, with the class added everywhere."""
    folder = tmp_path_factory.mktemp("tree")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True)
    subprocess.run(["cp", "--parents", "-t", folder, *listed.stdout.decode().split("\0")[:-1]], cwd=ROOT, check=True)
    for place in (*PLACES.values(), SITES):
        put(folder, place)
    return folder


def put(tree: Path, place: Place) -> None:
    path = tree / place.file
    before, anchor, behind = path.read_text().rpartition(place.anchor)
    assert anchor, place
    path.write_text(before + place.new + anchor + behind)


def complaints(tree: Path) -> str:
    """What the generators, the module's build, the compiler and the quick tests say; empty when all is well."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    said = ""
    compile_harness: list[str | Path] = [
        "gcc",
        "-fsyntax-only",
        "-ffreestanding",
        "-Werror",
        tree / "fixtures/x86_64/intact_classes.c",
    ]
    module = tree / "module.so"
    commands: tuple[list[str | Path], ...] = (
        [sys.executable, "-m", "afterburner.x86_64.candidate_patterns"],
        [sys.executable, "-m", "linker.hypervisors.shared.x86_64_headers"],
        ["make", "-s", "-B", "-C", tree / "linker/hypervisors/lol/src-x86_64", f"MODULE={module}"],
        compile_harness,
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *CHECKS],
    )
    for command in commands:
        done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            said += done.stdout + done.stderr
    return said


def test_the_class_is_whole_where_all_places_have_it(tree: Path) -> None:
    assert len(PLACES) <= 6, "CONTRIBUTING says so"
    assert complaints(tree) == ""
    checklist = (ROOT / "CONTRIBUTING.md").read_text().split("## Add an operation class")[1].split("\n## ")[0]
    assert not [place.file for place in PLACES.values() if place.file.removeprefix(SHARED).strip("/") not in checklist]


@pytest.mark.parametrize("name", PLACES)
def test_a_place_left_out_is_named(tree: Path, name: str) -> None:
    place = PLACES[name]
    path = tree / place.file
    whole = path.read_text()
    path.write_text(whole.replace(place.new, "", 1))
    try:
        said = complaints(tree)
    finally:
        path.write_text(whole)
    assert "serialize" in said
    hint = {"operation": "op_serialize", "site": "site_serialize"}.get(name, "serialize")
    assert hint in said
