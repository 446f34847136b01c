"""The C files of the x86 modules stand in an order: which file needs which is read from the objects that gcc makes of
them. Those that need each other are few, and a header says which."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from linker.hypervisors.shared.x86_64_headers import FOLDER

HYPERVISORS = FOLDER.parents[1]
MUTUAL: dict[str, set[str]] = {"lol/src-x86_64": set(), "lol/src-i386": set(), "xen/src-x86_64": {"sites.c", "traps.c"}}
HEADERS = {"lol/src-x86_64": "lol.h", "lol/src-i386": "../src-x86_64/lol.h", "xen/src-x86_64": "xen.h"}
MUTUAL_MAX = 3
LINES_MAX = 300


def compile_command(folder: Path) -> list[str]:
    """The words of the one compiler call that makes the module."""
    made = subprocess.run(["make", "-n", "-B", "-C", folder], capture_output=True, text=True, check=True).stdout
    (line,) = [line for line in made.replace("\\\n", " ").splitlines() if line.startswith("gcc ")]
    return line.split()


def needs(folder: Path, objects: Path) -> dict[str, set[str]]:
    """C file -> the other C files that define what it leaves undefined. Assembly leads in and out of all."""
    words = compile_command(folder)
    sources = [word for word in words if word.endswith(".c")]
    flags = [w for w in words[1:] if w.startswith("-") and not w.startswith("-Wl,") and w not in ("-shared", "-o")]
    defined: dict[str, str] = {}
    undefined: dict[str, set[str]] = {}
    for number, source in enumerate(sources):
        made = objects / f"{number}.o"
        subprocess.run(["gcc", *flags, "-c", source, "-o", made], cwd=folder, check=True)
        symbols = subprocess.run(["nm", made], capture_output=True, text=True, check=True).stdout
        name = Path(source).name
        undefined[name] = set(re.findall(r" U (\S+)$", symbols, re.MULTILINE))
        defined |= dict.fromkeys(re.findall(r" [TDBRCV] (\S+)$", symbols, re.MULTILINE), name)
    assert len(undefined) == len(sources), "two files of one name"
    return {name: {defined[s] for s in wanted if s in defined} - {name} for name, wanted in undefined.items()}


def reached(graph: dict[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    left = list(graph[start])
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += graph[name]
    return found


def mutual(graph: dict[str, set[str]]) -> set[str]:
    """Files that need themselves through others."""
    return {name for name in graph if name in reached(graph, name)}


@pytest.mark.parametrize("module", MUTUAL)
def test_files_stand_in_an_order(module: str, tmp_path: Path) -> None:
    graph = needs(HYPERVISORS / module, tmp_path)
    assert {"emulate.c", "walk.c", "state.c"} <= graph.keys()
    assert len(graph["emulate.c"]) > 3
    found = mutual(graph)
    assert found == MUTUAL[module]
    assert len(found) <= MUTUAL_MAX
    assert graph["state.c"] == set(), "a leaf"
    assert graph["linked.c"] == set(), "a leaf"


@pytest.mark.parametrize("module", MUTUAL)
def test_a_header_says_which(module: str) -> None:
    header = (HYPERVISORS / module / HEADERS[module]).read_text()
    assert "test_module_files.py" in header
    for name in MUTUAL[module]:
        assert re.search(rf"Files that need each other:[^.]*{name}|need each other: \S+ and {name}", header)


def test_a_circle_is_found() -> None:
    assert mutual({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == {"b", "c"}


def test_files_are_read_in_one_sitting() -> None:
    folders = [*MUTUAL, "shared/src-x86_64", "shared/src-i386"]
    files = [path for folder in folders for path in (HYPERVISORS / folder).glob("*.[chS]")]
    assert len(files) > 60
    assert {path.name: n for path in files if (n := len(path.read_text().splitlines())) > LINES_MAX} == {}
