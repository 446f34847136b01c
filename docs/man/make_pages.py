"""`make man`: a manual page for every command in pyproject.toml, made by help2man from what `--help` prints.

    python docs/man/make_pages.py [DIRECTORY]

--help stays the one source. What help2man expects of it and argparse does otherwise is put right here on the way.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from linker.commands.entry import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def project() -> tuple[str, dict[str, list[str]]]:
    """The version, and page -> the words behind `python -m` that are the command, or one of its own commands."""
    said = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pages = {}
    for name, entry in said["scripts"].items():
        module = COMMANDS.get(name, entry.partition(":")[0])
        pages[name] = [module]
        make_parser = getattr(import_module(module), "make_parser", None)
        for word in _commands_of(make_parser()) if make_parser else ():
            pages[f"{name}-{word}"] = [module, word]
    return said["version"], pages


def _commands_of(parser: argparse.ArgumentParser) -> list[str]:
    """The commands of a command that are described, as those for people are; hooks have a line in its own page."""
    choices = [action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return [word for commands in choices for word, described in commands.items() if described.description]


def help_of(words: Sequence[str]) -> str:
    """What `--help` prints; wide, so that the pages do not depend on where lines break."""
    environment = {**os.environ, "COLUMNS": "200", "LC_ALL": "C.UTF-8", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", *words, "--help"]
    return subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout


def _see_also(command: str, commands: Iterable[str]) -> str:
    others = ",\n".join(f".BR {other} (1)" for other in sorted(commands) if other != command)
    return f"[SEE ALSO]\n{others}\n.PP\nThe pages under docs/ in the source of previrt.\n"


def page(command: str, commands: Mapping[str, Sequence[str]], version: str) -> str:
    """The manual page of a command, as roff."""
    text = re.sub(r"^usage:", "Usage:", help_of(commands[command]))
    text = re.sub(r"^([a-z][a-z, ]+):$", lambda heading: heading[1].capitalize() + ":", text, flags=re.MULTILINE)
    status = re.search(r"^(?:The exit|Exit) status:? (?:.+\n?)+", text, flags=re.MULTILINE)
    text = text.replace(status[0], "") if status else text
    include = f"[EXIT STATUS]\n{re.sub(r'^Exit status: ', '', status[0])}\n" if status else ""
    include += _see_also(command, commands)
    with tempfile.TemporaryDirectory() as directory:
        said, more, program = (Path(directory, name) for name in ("help", "include", command))
        said.write_text(text)
        more.write_text(include)
        program.write_text(f"#!/bin/sh\ncat '{said}'\n")
        program.chmod(0o755)
        made = subprocess.run(
            [
                *("help2man", "--no-info", "--section", "1", "--locale", "C.UTF-8", "--include", more),
                *("--name", _name(text), "--version-string", version, "--source", f"previrt {version}"),
                *("--manual", "previrt", program),
            ],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    made = re.sub(r"help2man [\d.]+\.", "help2man.", made)
    return re.sub(r'^(\.TH \S+ "1") "[^"]*"', r'\1 ""', made, flags=re.MULTILINE)  # the day it was made says nothing


def _name(text: str) -> str:
    """The first sentence of the description, as the NAME section has it: small, without a full stop."""
    description = " ".join(text.split("\n\n" if text.split("\n", 1)[1].startswith("\n") else "\n", 1)[1].split())
    sentence = re.split(r"(?<=[^.])[.:]( |$)", description, maxsplit=1)[0]
    return sentence[0].lower() + sentence[1:]


def main(directory: Path = HERE) -> None:
    """Write all pages, and remove those of commands that are gone."""
    version, commands = project()
    for command in commands:
        (directory / f"{command}.1").write_text(page(command, commands, version))
    for path in directory.glob("*.1"):
        if path.stem not in commands:
            path.unlink()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
