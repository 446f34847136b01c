"""The fixture guest built by assembler macros: sites and code of the kept one, and what it does when it runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from assembling import ROOT
from guest_on_qemu import GUEST, TRANSCRIPT, compare, run_qemu
from image_sites import records_of, section_of

import previrt


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built with `TECHNIQUE=macros`; no Python runs but the one that prints where the macros are."""
    folder = tmp_path_factory.mktemp("guest")
    image = folder / "guest.elf"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PREVIRT_PYTHON": "/bin/false"}
    afterburner = f"PREVIRT_AS={sys.executable} -m afterburner.cli"
    command: list[str | Path] = ["make", "-s", "-C", GUEST.parent, f"BUILD={folder}", f"GUEST={image}", afterburner]
    subprocess.run([*command, "TECHNIQUE=macros"], check=True, env=environment)
    return image


def test_sites_and_code_are_those_of_the_stand_in(guest: Path) -> None:
    assert records_of(guest) == records_of(GUEST)
    for name in (".text", ".rodata", ".data"):
        assert section_of(guest, name) == section_of(GUEST, name)


def test_bound_to_bare_it_does_the_same(guest: Path, tmp_path: Path) -> None:
    bound = tmp_path / "guest.bare"
    report = previrt.link(guest, "bare", output=bound)
    assert report.bound == report.sites > 900
    assert not compare(TRANSCRIPT.read_text().splitlines(), run_qemu(bound).lines)
    previrt.restore(bound, output=tmp_path / "restored")
    assert (tmp_path / "restored").read_bytes() == guest.read_bytes()


def test_bound_to_lol_it_does_the_same(guest: Path, tmp_path: Path) -> None:
    bound = tmp_path / "guest.lol"
    previrt.link(guest, "lol", output=bound)
    done = subprocess.run([bound], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert not compare(TRANSCRIPT.read_text().splitlines(), done.stdout.splitlines())
