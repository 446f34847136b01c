"""The command: what it says of images whose truth is known from elsewhere, and what it says to wrong ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from elfwriter import TEXT_VA, Site, make_image

import previrt
from linker.registry import targets

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "fixtures"
COMMAND = [sys.executable, "-m", "linker.commands.inspect"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
ALL = [
    (arch, target) for target, names in targets().items() for arch in names if (FIXTURES / arch / "guest.elf").exists()
]
SITES = [Site("fa", line=12), Site("0f20d8"), Site("fb", flags=2), Site("0f011d00000000", 12)]
# One byte of `ret` between sites: cli and mov in `first`, sti and lidt in `second`.
SYMBOLS = {"first": (TEXT_VA, 18), "second": (TEXT_VA + 18, 46)}


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], check=False, capture_output=True, text=True, env=ENVIRONMENT)


def told(*arguments: str | Path) -> Any:
    done = run(*arguments, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


@pytest.fixture
def guest(tmp_path: Path) -> Path:
    path = tmp_path / "guest"
    path.write_bytes(make_image(SITES, symbols=SYMBOLS))
    return path


def bound(path: Path, target: str) -> Path:
    previrt.link(path, target, output=path.with_suffix(f".{target}"))
    return path.with_suffix(f".{target}")


def test_what_an_image_is(guest: Path) -> None:
    said = told(guest)
    assert (said["architecture"], said["format"], said["producer"]) == ("x86_64", "version 1", "elfwriter")
    assert (said["target"], said["sites"], said["states"]) == ("", 4, {"annotated": 4})
    assert (said["room_len"], said["code_len"]) == (36, 12)
    assert said["entry"] == "first in .text"
    assert [(part["part"], part["len"], part["used_len"]) for part in said["reserve"]] == [
        ("text", 0x8000, 0),
        ("data", 0x8000, 0),
    ]
    assert [row["name"] for row in said["sections"]] == [".text"]
    assert [(row["name"], row["len"], row["sites"], row["padding_len"]) for row in said["functions"]] == [
        ("first", 18, 2, 12),
        ("second", 46, 2, 12),
    ]


def test_a_table_for_a_person(guest: Path) -> None:
    guest.write_bytes(make_image(SITES, symbols=SYMBOLS, reserve=False))
    module_abi = previrt.link(guest, "lol", dry_run=True).module_abi
    out = run(bound(guest, "lol")).stdout
    lines = [line.split() for line in out.splitlines()]
    assert out.splitlines()[0] == f"{guest}.lol: x86_64, bound to lol, 4 sites"
    assert "format   version 1, annotated by elfwriter" in out
    assert f"bound    to lol, module ABI {module_abi}, grown by the linker" in out
    assert any(line[:1] == ["entry"] and line[2:] == ["interface", "module"] for line in lines)
    assert "the guest's own: 0x401000 first in .text" in out
    assert ["cli", "1", "8", "7", "inline", "1"] in lines
    assert [*"cli 1 8 1: native 1 7: inline 1 7: inline 1".split()] in lines
    guest.write_bytes(make_image(SITES))
    assert run(guest, "-q").stdout == f"{guest}: x86_64, annotated, not bound, 4 sites\n"


@pytest.mark.parametrize(("arch", "target"), ALL)
def test_counts_are_the_linker_s(tmp_path: Path, arch: str, target: str) -> None:
    original, image = FIXTURES / arch / "guest.elf", tmp_path / "bound"
    report = previrt.link(original, target, output=image)
    said = told(image, "-v", "-t", target)
    assert (said["target"], said["module_abi"], said["sites"]) == (target, report.module_abi, report.sites)
    assert (said["entry_va"], said["states"]) == (report.entry_va, {"bound": report.sites})
    assert {row["name"]: row["forms"] for row in said["classes"]} == {n: dict(f) for n, f in report.forms.items()}
    for kind in ("classes", "sections", "functions"):
        assert sum(row["sites"] for row in said[kind]) == report.sites
        assert sum(row["room_len"] for row in said[kind]) == said["room_len"]
        assert sum(row["padding_len"] for row in said[kind]) == said["room_len"] - said["code_len"]
    paddings = [row["padding_len"] for row in said["functions"]]
    assert paddings == sorted(paddings, reverse=True)
    assert report.room_used_len + report.room_left_len == said["room_len"]
    needs = {row["class_name"]: row["needs"][target] for row in said["room"]}
    assert {name: need["forms"] for name, need in needs.items()} == {n: dict(f) for n, f in report.forms.items()}
    assert sum(need["left_len"] for need in needs.values()) == report.room_left_len
    by_function = Counter(row.symbol.partition("+")[0] for row in previrt.list_sites(original))
    named: Counter[str] = Counter()
    for row in said["functions"]:
        named[row["name"]] += row["sites"]
    assert named == by_function


def test_room_is_held_against_every_target_that_supports_the_architecture(guest: Path) -> None:
    rows = {row["class_name"]: row for row in told(guest)["room"]}
    assert set(rows["cli"]["needs"]) == {target for target, names in targets().items() if "x86_64" in names}
    assert (rows["lidt"]["room_len"], rows["lidt"]["needs"]["bare"]["needed_len"]) == (12, 7)
    short = guest.with_name("short")
    short.write_bytes(make_image([Site("9c", 3)]))
    (row,) = told(short)["room"]
    assert row["needs"]["lol"]["forms"] == {"none": 1}
    assert row["needs"]["lol"]["reasons"]
    assert row["needs"]["bare"]["forms"] == {"native": 1}


def test_a_site_that_was_changed_is_damaged(tmp_path: Path) -> None:
    original, image = FIXTURES / "x86_64" / "guest.elf", tmp_path / "bound"
    report = previrt.link(original, "lol", output=image, details=True)
    changed = next(detail for detail in report.details if detail.form == "call")
    contents = bytearray(image.read_bytes())
    contents[contents.index(bytes.fromhex(changed.final)) + 1] ^= 0xFF
    image.write_bytes(contents)
    assert told(image)["states"] == {"damaged": 1, "bound": report.sites - 1}
    assert "damaged: not as this previrt writes them" in run(image).stdout
    assert f"{changed.class_name}: damaged" in run(image, "--function", hex(changed.va)).stdout


def test_images_of_the_original_format(tmp_path: Path) -> None:
    path = tmp_path / "l4ka"
    path.write_bytes(make_image([Site("fa"), Site("0f20d8")], bits=32, version1=False, reserve=False))
    said = told(path)
    assert (said["architecture"], said["format"], said["producer"]) == ("i386", "original L4Ka", "")
    assert said["reserve"] == []


def test_nothing_heavy_is_imported_for_help() -> None:
    code = (
        "import sys; from linker.commands.inspect import make_parser; make_parser().format_help();"
        "print(*(set(sys.modules) & {'iced_x86', 'lief', 'elftools', 'construct', 'structlog', 'simulator', 'json'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=ENVIRONMENT)
    assert done.stdout == "\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--function", "nothing"), "no function 'nothing' in the image's code"),
        (("--function", "0x10"), "no function at 0x10"),
        (("--target", "nowhere"), "unknown target 'nowhere': expected bare"),
        (("--target", "vnuma"), "target 'vnuma' does not support x86_64"),
        (("--html", "x", "--function", "first"), "--function and --html contradict each other"),
        (("other", "--html", "x"), "a second image and --html contradict each other"),
        (("--html", "/"), "/: output is a directory"),
        (("-q", "-v"), "--quiet and --verbose contradict each other"),
    ],
)
def test_usage_errors(guest: Path, arguments: tuple[str, ...], message: str) -> None:
    done = run(guest, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"previrt-inspect: {message}")
    assert list(guest.parent.iterdir()) == [guest]


def test_the_image_is_never_overwritten(guest: Path) -> None:
    before = guest.read_bytes()
    done = run(guest, "--html", guest)
    assert done.returncode == 2
    assert "input and output are the same file" in done.stderr
    assert guest.read_bytes() == before


def test_a_bad_image_is_one_clear_error(tmp_path: Path, guest: Path) -> None:
    path = tmp_path / "bad"
    path.write_bytes(b"nonsense" * 100)
    for arguments in ((path,), (guest, path), (path, "--html", tmp_path / "page")):
        done = run(*arguments, "--json")
        assert done.returncode == 1
        assert done.stderr.startswith(f"previrt-inspect: {path}: not an ELF file")
        assert done.stderr.count("\n") == 1
        assert json.loads(done.stdout)["error"]["file"] == str(path)
    assert not (tmp_path / "page").exists()


def test_names_do_not_command_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "guest"
    path.write_bytes(make_image(SITES, symbols={"\x1b[31mred": (TEXT_VA, 64)}))
    for arguments in ((), ("--function", hex(TEXT_VA))):
        out = run(path, *arguments).stdout
        assert "\x1b" not in out
        assert "\\x1b[31mred" in out


def test_bash_completion() -> None:
    script = run("--print-completion", "bash").stdout
    check = script + "\nCOMP_WORDS=(previrt-inspect --fu); COMP_CWORD=1; _previrt_inspect; echo ${COMPREPLY[@]}"
    done = subprocess.run(["bash", "-c", check], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["--function"]
