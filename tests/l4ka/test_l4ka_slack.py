"""The original printed `cli_remain` and its like: bytes left over at an operation's tightest site."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from elfwriter import Site, make_image

import previrt

ROOT = Path(__file__).resolve().parents[2]
SITES = [Site("fa"), Site("fa", 12), Site("f4", 6), Site("0f011d00000000", 7)]


def test_room_of_each_class_given_needed_and_left(tmp_path: Path) -> None:
    image = tmp_path / "guest"
    image.write_bytes(make_image(SITES))
    report = previrt.link(image, "bare", dry_run=True)
    assert report.slack["cli"]._asdict() == {
        "sites": 2,
        "room_len": 20,
        "used_len": 2,
        "left_len": 18,
        "room_min_len": 8,
        "needed_len": 1,
        "left_min_len": 7,
    }
    assert (report.slack["lidt"].left_min_len, report.slack["lidt"].needed_len) == (0, 7)
    assert sum(slack.left_len for slack in report.slack.values()) == report.room_left_len
    report = previrt.link(image, "bare", dry_run=True, skip=["cli"])
    assert "cli" not in report.slack


def test_the_report_and_json_say_it(tmp_path: Path) -> None:
    image = tmp_path / "guest"
    image.write_bytes(make_image(SITES))
    command = [sys.executable, "-m", "linker.commands.link", str(image), "-t", "bare", "-n"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    rows = {words[0]: words[1:] for words in map(str.split, said.splitlines()) if words}
    assert ["cli", *rows["cli"]] == "cli 2 20 8 1 2 18 7".split()
    said = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert json.loads(said)["slack"]["hlt"]["left_min_len"] == 5


def test_where_a_form_does_not_fit_needed_stands_against_given(tmp_path: Path) -> None:
    """`cpuid` does not fault in a process, so that a site too short for a call cannot be bound to lol."""
    image = tmp_path / "guest"
    image.write_bytes(make_image([Site("0fa2", 4), Site("fa"), Site("0fa2", 3)]))
    with pytest.raises(previrt.LinkError) as caught:
        previrt.link(image, "lol")
    failures = caught.value.to_json()["failures"]
    assert isinstance(failures, list)
    assert [(one["room_len"], "takes 5 bytes" in one["reason"]) for one in failures] == [(4, True), (3, True)]
