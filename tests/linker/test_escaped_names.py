"""Names from files reach terminals and logs as text: one line stays one line, and no control character gets through."""

from __future__ import annotations

import ast
import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from elfwriter import BASE_VA, TEXT_VA, Site, annotation_note, make_image, note

from linker.errors import LinkError, printable

ROOT = Path(__file__).resolve().parents[2]
SITES = [Site("fa"), Site("f4"), Site("fa")]
EVIL = "e\x1b[2Jv\ni\x07l\x9b31m\u202e"
PLAIN = "evil"
ESCAPED = r"e\x1b[2Jv\x0ai\x07l\x9b31m\u202e"
PROGRAMS = {
    "list": ["link", "--list", "-t", "bare"],
    "link": ["link", "-t", "bare", "-nv"],
    "debug": ["link", "-t", "bare", "-nv", "--debug", "--uncovered"],
    "restore": ["link", "--restore", "-n"],
    "inspect": ["inspect", "-v"],
    "function": ["inspect", "-v", "-f", hex(TEXT_VA)],
    "uncovered": ["inspect", "--uncovered", "-v"],
    "verify": ["verify", "-v", "--no-run"],
}


def image(name: str) -> bytes:
    """A guest whose symbols, sections, sources and producer are called alike; the table of that name is not known."""
    good = make_image(SITES)
    at = good.index(b"previrt\0" + struct.pack("<HHHH", 1, 62, 16, 16)) - 12
    length = len(annotation_note(62, 64))
    producer = name.encode("ascii", "replace").replace(b"?", b"")[:24]
    said = note(1, struct.pack("<HHHH24s", 1, 62, 16, 16, producer))
    end = at + length + len(note(2, bytes(40)) + note(3, bytes(40)) + note(4, bytes(64)))
    return make_image(
        [*SITES, Site("fa", line=7)],
        notes=said + good[at + length : end],
        symbols={name: (TEXT_VA, 64)},
        tables={f".afterburn.{name}": b"x" * 16},
        contents={".afterburn.str": name.encode().ljust(8, b"\0")[:8]} if len(name.encode()) < 8 else {},
        entry_va=BASE_VA + 0x1000,
    )


def run(program: list[str], *arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", f"linker.commands.{program[0]}", *arguments, *program[1:]],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )


@pytest.mark.parametrize("bound", [False, True])
@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_what_commands_print(program: list[str], bound: bool, tmp_path: Path) -> None:
    said = []
    for name in (PLAIN, EVIL):
        path = tmp_path / f"{name} image"
        path.write_bytes(image(name))
        if bound:
            assert run(["link", "-t", "bare", "-iq", "--anyway"], path).returncode == 0
        done = run(program, path)
        for stream in (done.stdout.decode(), done.stderr.decode()):
            assert all(character == "\n" or character.isprintable() for character in stream), stream
            assert "Traceback" not in stream
            said.append(stream)
    plain, complaint, evil, evil_complaint = said
    assert evil.count("\n") == plain.count("\n")
    assert evil_complaint.count("\n") == complaint.count("\n")
    assert ESCAPED in evil + evil_complaint


def test_json_is_escaped_as_json_is(tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(image(EVIL))
    listed = json.loads(run(["link", "--list", "--json"], path).stdout)
    assert listed[0]["symbol"] == EVIL
    assert listed[1]["symbol"].startswith(f"{EVIL}+")


def test_page_holds_names_as_data(tmp_path: Path) -> None:
    path = tmp_path / f"{EVIL} image"
    path.write_bytes(image(EVIL))
    assert run(["inspect", "--html", str(tmp_path / "map.html")], path).returncode == 0
    page = (tmp_path / "map.html").read_text()
    assert all(character == "\n" or character.isprintable() for character in page)


def test_names_that_are_no_text(tmp_path: Path) -> None:
    """Bytes of a path that are not UTF-8, in an error and on the command line."""
    path = bytes(tmp_path) + b"/\xff\x1b"
    done = subprocess.run(
        [sys.executable.encode(), b"-m", b"linker.commands.link", path, b"-t", b"bare"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    where = f"{tmp_path}/\\xff\\x1b"
    assert done.stderr.decode() == f"previrt-link: {where}: cannot open: No such file or directory\n"
    done = run(["link"], "a", "-t", "bare", "--\x1b[2J\n")
    assert done.stderr.decode().endswith(r"previrt-link: error: unrecognized arguments: --\x1b[2J\x0a" + "\n")


def test_printable() -> None:
    assert printable("plain ü 漢") == "plain ü 漢"
    assert printable("\x1b\n\x7f\x9b\u200b\U000e0001\udcff") == r"\x1b\x0a\x7f\x9b\u200b\U000e0001\xff"
    error = LinkError("a\nb", where="\x1b", found="\r", expected="\t", advice="\0")
    error.file = "\x07"
    assert str(error) == r"\x07: \x1b: a\x0ab: found \x0d, expected \x09; \x00"
    assert error.to_json()["what"] == "a\nb"


def test_one_place_prints() -> None:
    """What prints is `say.py`, and `entry.py` for the line that ends a command: nothing gets by the escapes."""
    prints = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "linker").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "sys.stdout.write", "sys.stderr.write")
    }
    assert prints == {"linker/commands/say.py", "linker/commands/entry.py"}
