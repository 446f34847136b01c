"""What a link and a proof say of code outside sites: nothing without looking, and never just "proven"."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from plain_objects import assemble, guest

import previrt
from linker.bind.uncovered import look_at
from linker.verification.prove import prove

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
START = ".globl startup_64\nstartup_64: cli\nhlt\njmp startup_64\n"
HIDDEN = ".globl hidden\nhidden: nop\nmov %cr3,%rax\nsti\nret\n"
OUTSIDE = "2 sensitive instructions outside sites"
ARE_OUTSIDE = "2 sensitive instructions are outside sites"


def run(command: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", f"linker.commands.{command}", *arguments]
    return subprocess.run(line, check=False, capture_output=True, text=True, env=ENVIRONMENT)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return guest(tmp_path, START, assemble(HIDDEN, tmp_path / "hidden.o"))


@pytest.fixture
def covered(tmp_path: Path) -> Path:
    return guest(tmp_path, START, name="covered")


@pytest.mark.parametrize("target", ["bare", "lol", "xen"])
def test_a_link_says_whether_it_looked(target: str, image: Path, covered: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert "outside sites: not looked at (--uncovered looks)" in run("link", image, "-t", target, "-o", out).stdout
    said = run("link", covered, "-t", target, "-o", out, "--uncovered").stdout
    assert "no sensitive instructions outside sites" in said
    done = run("link", image, "-t", target, "-o", out, "--uncovered")
    assert f"{OUTSIDE}: 'mov %cr3,%rax' at hidden+0x1, 'sti' at hidden+0x4" in done.stdout
    assert done.returncode == 0
    # Bound again, from any state.
    again = json.loads(run("link", out, "-t", "bare", "-n", "--json", "--uncovered").stdout)
    assert (again["coverage"]["outside"], again["coverage"]["uncovered"][0]["symbol"]) == (2, "hidden+0x1")
    assert json.loads(run("link", out, "-t", "bare", "-n", "--json").stdout)["coverage"] is None


def test_looking_changes_nothing_of_the_result(image: Path, tmp_path: Path) -> None:
    looked = previrt.link(image, "lol", output=tmp_path / "a", uncovered=True)
    plain = previrt.link(image, "lol", output=tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert looked.coverage == look_at(image).coverage
    assert plain.coverage is None
    assert looked._replace(output=None, coverage=None) == plain._replace(output=None)


def test_an_object_that_is_linked(tmp_path: Path) -> None:
    """A kernel module with a section that no afterburner saw."""
    (tmp_path / "annotated.s").write_text("f: cli\nret\n")
    (tmp_path / "plain.s").write_text('.section .other,"ax"\ng: sti\nret\n')
    stand_in = ROOT / "afterburner" / "bin" / "as"
    environment = {**os.environ, "PREVIRT_PYTHON": sys.executable}
    subprocess.run([stand_in, "-o", tmp_path / "a.o", tmp_path / "annotated.s"], check=True, env=environment)
    subprocess.run(["as", "-o", tmp_path / "b.o", tmp_path / "plain.s"], check=True)
    subprocess.run(["ld", "-r", "-o", tmp_path / "ab.o", tmp_path / "a.o", tmp_path / "b.o"], check=True)
    report = previrt.link(tmp_path / "ab.o", "bare", output=tmp_path / "bound.o", uncovered=True)
    assert report.coverage is not None
    assert [(row.symbol, row.section, row.va) for row in report.coverage.uncovered] == [("g", ".other", 0)]
    proof = prove(tmp_path / "bound.o")
    assert (proof.is_proven, proof.is_complete) == (True, False)
    assert run("link", tmp_path / "ab.o", "-t", "bare", "-n", "--uncovered").stdout.count("'sti' at g") == 1


@pytest.mark.parametrize("target", ["bare", "lol", "xen"])
def test_a_proof_names_what_it_does_not_reach(target: str, image: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    previrt.link(image, target, output=out)
    done = run("verify", out, "--no-run")
    assert done.returncode == 3
    assert done.stdout.splitlines()[0] == f"{out}: bound to {target}, x86_64: the sites are proven, but {ARE_OUTSIDE}"
    assert "OUTSIDE 'sti' at hidden+0x4" in done.stdout
    assert done.stderr.endswith(f"{ARE_OUTSIDE}; the first is 'mov %cr3,%rax' at hidden+0x1\n")
    said = json.loads(run("verify", out, "--no-run", "--json").stdout)
    assert (said["proven"], said["complete"], said["coverage"]["outside"]) == (True, False, 2)
    quiet = run("verify", out, "--no-run", "-q")
    assert (quiet.returncode, quiet.stdout) == (3, "")
    some = run("verify", out, "--no-run", "--exempt", "sti")
    assert some.returncode == 3
    exempt = run("verify", out, "--no-run", "--exempt", "hid*")
    assert (exempt.returncode, exempt.stderr) == (0, "")
    assert exempt.stdout.splitlines()[0].endswith(": proven")
    assert "exempt: 2, the user says so: hid*" in exempt.stdout


def test_a_proof_of_covered_code(covered: Path, tmp_path: Path) -> None:
    previrt.link(covered, "lol", output=tmp_path / "out")
    done = run("verify", tmp_path / "out", "--no-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0].endswith(": proven")


def test_what_is_wrong_counts_more_than_what_is_outside(image: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    previrt.link(image, "lol", output=out)
    contents = bytearray(out.read_bytes())
    at = contents.index(bytes.fromhex("90 0f 20 d8 fb c3"))  # hidden: its nop becomes another
    contents[at] = 0xF8
    out.write_bytes(contents)
    done = run("verify", out, "--no-run", "--original", image)
    assert done.returncode == 1
    assert "NOT proven" in done.stdout.splitlines()[0] and "OUTSIDE 'sti'" in done.stdout
