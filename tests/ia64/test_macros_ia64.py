"""Assembler macros on ia64: the sites of the stand-in, class by class, and what GNU as keeps from macros."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from ia64_assembling import (
    MACROS,
    ROOT,
    Image,
    Site,
    assemble,
    assemble_plain,
    assemble_with_macros,
    run_with_macros,
)
from test_ia64_as import MODES, SPELLINGS, UNPREDICATED

from linker.sites.ia64.classes import CLASSES

if TYPE_CHECKING:
    from pathlib import Path

WITH_MOV = ("--defsym", ".Lprevirt.mov=1")
ADD = "\tadd r14=r15,r16\n"
OTHER_MOVES = (
    "mov r2=r3|mov b6=r3|mov r3=ar.pfs|mov f8=f9|mov pr=r3,-1|mov r3=ip|mov psr.um=r3|mov.i ar.pfs=r3|mov r2=5"
)


def places(image: Image) -> list[tuple[int, str, int, tuple[str, ...]]]:
    """All that both techniques must agree on: what a site is, where, what stands in it."""
    return [(site.start, site.class_name, site.flags, site.slots) for site in image.sites]


@pytest.mark.parametrize("predicated", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_every_class_and_spelling_is_the_same_by_both_techniques(tmp_path: Path, mode: str, predicated: bool) -> None:
    texts = [text for name, text, _ in SPELLINGS if not (predicated and name in UNPREDICATED)]
    forms = ("(p6) ", "previrt.if p6, ") if predicated else ("", "")
    stop = "\t;;\n" if mode == "explicit stops" else ""
    apart = f"{stop}\tsrlz.i\n{stop}\tsrlz.d\n{stop}"  # as warns of what uses a register before it is serialized
    ours, theirs = ("".join(f"{ADD}{stop}\t{form}{text}\n{apart}" for text in texts) + ADD for form in reversed(forms))
    made = assemble_with_macros(ours, tmp_path, *MODES[mode], *WITH_MOV)
    expected = assemble(theirs, tmp_path, *MODES[mode])
    assert places(made) == places(expected)
    assert made.code == expected.code
    if not predicated:
        assert set(made.classes) == {row.name for row in CLASSES}


def test_behind_auto_a_symbol_says_so(tmp_path: Path) -> None:
    text = f"\t.auto\n{ADD}\tssm psr.i\n{ADD}\tadd r16=r14,r15\n"
    made = assemble_with_macros(text, tmp_path, "-x", "--defsym", ".Lprevirt.auto=1")
    assert places(made) == places(assemble(text, tmp_path, "-x"))


def scratch_of(text: str, directory: Path, *options: str) -> Site:
    (site,) = assemble_with_macros(text, directory, *WITH_MOV, *options).sites
    return site


def test_registers_given_by_the_source_are_recorded_without_those_in_use(tmp_path: Path) -> None:
    given = "\t.afterburn_scratch r8-r10, r31, p6-p7, p12\n"
    all_given = 1 << 8 | 1 << 9 | 1 << 10 | 1 << 31 | 1 << 0
    assert scratch_of(f"{given}\tssm psr.i\n", tmp_path).scratch == all_given
    assert scratch_of(f"{given}\tmov r9=rr[r10]\n", tmp_path).scratch == 1 << 8 | 1 << 31 | 1
    assert scratch_of(f"{given}\tmov ret1=rr[r2]\n", tmp_path).scratch == 1 << 31 | 1
    assert scratch_of(f"{given}\tprevirt.if p6, ssm psr.i\n", tmp_path).scratch == all_given & ~1
    assert scratch_of(f"{given}\trfi\n", tmp_path).scratch == 0
    assert scratch_of(f"{given}\tbsw.0\n", tmp_path).scratch == all_given & 0xFFFF
    assert scratch_of(f"{given}\t.afterburn_scratch\n\tssm psr.i\n", tmp_path).scratch == 0
    assert scratch_of("\tssm psr.i\n", tmp_path, "--defsym", ".Lprevirt.free=0xc0000000").scratch == 0xC0000000


def test_room_can_be_bounded(tmp_path: Path) -> None:
    for bundles in (1, 2, 3):
        made = assemble_with_macros("\tssm psr.i\n", tmp_path, "--defsym", f".Lprevirt.room={bundles}")
        assert len(made.sites[0].slots) == 3 * bundles


@pytest.mark.parametrize("options", [(), WITH_MOV])
def test_other_code_is_left_alone(tmp_path: Path, options: tuple[str, ...]) -> None:
    moves = ";; ".join(OTHER_MOVES.split("|"))
    text = f"\t{moves};;\n\tsum 2;; rum 2;;\n.data\n\tdata8 4\n\tssm psr.i\n.text\n\tnop 3 // ssm psr.i\n"
    (tmp_path / "in.S").write_text(text)
    assert run_with_macros("-x", *options, "-o", "a.o", "in.S", cwd=tmp_path).stderr == ""
    subprocess.run(["ia64-linux-gnu-as", "-x", "-o", "b.o", "in.S"], cwd=tmp_path, check=True)
    assert (tmp_path / "a.o").read_bytes() == (tmp_path / "b.o").read_bytes()


def test_where_nothing_is_annotated_no_mnemonic_is_a_macro(tmp_path: Path) -> None:
    text = "\t.afterburn_noannotate\n(p6)\tssm psr.i\n(p6)\tmov r2=psr\n\t.afterburn_annotate\n\tssm psr.i\n"
    made = assemble_with_macros(text, tmp_path, *WITH_MOV)
    plain = assemble_plain("(p6)\tssm psr.i\n(p6)\tmov r2=psr\n\tssm psr.i\n", tmp_path)
    assert made.classes == ["ssm"]
    assert [slot.removesuffix(" ;;") for slot in made.code] == [slot.removesuffix(" ;;") for slot in plain.code]


def test_a_predicate_in_front_of_a_macro_is_an_error_that_names_the_line(tmp_path: Path) -> None:
    """GNU as 2.40, ia64_start_line: a macro's first line begins a line, and a predicate must not be waiting there."""
    (tmp_path / "in.S").write_text(f"{ADD}(p6)\tssm psr.i\n")
    done = run_with_macros("-o", "a.o", "in.S", cwd=tmp_path)
    assert done.returncode == 1
    assert "in.S:2: Error: qualifying predicate not followed by instruction" in done.stderr


def test_mov_is_a_macro_on_demand_only(tmp_path: Path) -> None:
    text = "\tmov r2=psr\n(p6)\tmov r2=r3\n"
    assert assemble_with_macros(text, tmp_path).sites == []
    assert assemble_with_macros("\tprevirt.mov r2=psr\n(p6)\tmov r2=r3\n", tmp_path).classes == ["mov_from_psr"]


def test_the_macro_file_is_what_the_class_tables_give() -> None:
    command = [sys.executable, "-m", "afterburner.macros", "ia64"]
    made = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert made == MACROS.read_text(), "run `make macros` and commit the result"
