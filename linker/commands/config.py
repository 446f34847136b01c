"""The configuration file, /etc/previrt.toml: what commands do when nothing is said on their command line.

    target = "xen"                 # what --target auto is on this machine, instead of finding out

    [install]
    targets = ["bare", "auto"]     # siblings that previrt-install makes of an installed kernel

    [qemu]
    program = "qemu-system-x86_64" # what previrt-boot qemu runs
    arguments = ["-nographic"]     # in front of those on its command line

    [kexec]
    program = "/sbin/kexec"        # what previrt-boot kexec runs
    append = "console=ttyS0"       # the command line of a kernel started without --append

`KEYS` is the list of keys; anything else in the file is an error that says where. PREVIRT_CONFIG or `--config` names
another file.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from linker.commands.options import AUTO
from linker.errors import LinkError, UsageError
from linker.quick.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

VARIABLE = "PREVIRT_CONFIG"
PLACE = Path("etc/previrt.toml")


class Key(NamedTuple):
    """One key: what it must be, in words and as a test."""

    expected: str
    is_good: Callable[[object], bool]


def _is_target(value: object) -> bool:
    from linker.registry import targets

    return value in targets()


def _is_target_list(value: object) -> bool:
    return isinstance(value, list) and all(one == AUTO or _is_target(one) for one in value)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value) and "\0" not in value


def _is_text_list(value: object) -> bool:
    return isinstance(value, list) and all(_is_text(one) for one in value)


KEYS: Mapping[str, Key] = {
    "target": Key("a target (see previrt-link --list-targets)", _is_target),
    "install.targets": Key("a list of targets (see previrt-link --list-targets) or 'auto'", _is_target_list),
    "qemu.program": Key("a program's name or path", _is_text),
    "qemu.arguments": Key("a list of words", _is_text_list),
    "kexec.program": Key("a program's name or path", _is_text),
    "kexec.append": Key("a kernel's command line", _is_text),
}


class Config(NamedTuple):
    """The file as read: values by dotted key. `path` None: there is no file."""

    path: Path | None
    values: Mapping[str, object]

    def words(self, key: str) -> tuple[str, ...]:
        """A list of words; empty when the file does not say."""
        value = self.values.get(key, ())
        return tuple(map(str, value)) if isinstance(value, list | tuple) else ()

    def text(self, key: str, otherwise: str) -> str:
        """A text, or what holds when the file does not say."""
        return str(self.values.get(key, otherwise))


def read_config(
    path: Path | None = None, root: Path = Path("/"), environment: Mapping[str, str] = os.environ
) -> Config:
    """Read the file at `path`, or the one the environment names, or the system's if there is one.

    UsageError for a file that was named and cannot be read, LinkError for one that is wrong.
    """
    named = path or (Path(environment[VARIABLE]) if environment.get(VARIABLE) else None)
    where = named or root / PLACE
    try:
        text = where.read_text()
    except FileNotFoundError as error:
        if named is None:
            return Config(None, {})
        raise UsageError(f"cannot read the configuration: {error.strerror}", where=str(where)) from None
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise UsageError(f"cannot read the configuration: {reason}", where=str(where)) from None
    return Config(where, _parse(text, where))


def _parse(text: str, path: Path) -> dict[str, object]:
    import tomllib

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise LinkError("configuration is not TOML", where=str(path), found=str(error)) from None
    values = dict(_flat(document, ""))
    for name, value in values.items():
        where = f"{path}: line {_line_of(text, name)}"
        if name not in KEYS:
            raise LinkError(f"unknown key '{name}'", where=where, expected=", ".join(sorted(KEYS)))
        if not KEYS[name].is_good(value):
            raise LinkError(f"wrong value of '{name}'", where=where, found=repr(value), expected=KEYS[name].expected)
    return values


def _flat(table: Mapping[str, object], prefix: str) -> list[tuple[str, object]]:
    pairs: list[tuple[str, object]] = []
    for name, value in table.items():
        if isinstance(value, dict):
            pairs += _flat(value, f"{prefix}{name}.")
        else:
            pairs.append((prefix + name, value))
    return pairs


def _line_of(text: str, name: str) -> int:
    """The line a key stands in, from 1 on: the parser does not tell. Tables are followed, values are not read."""
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        heading = re.match(r"\s*\[\s*([^\]]+?)\s*\]", line)
        if heading:
            table = _plain(heading[1]) + "."
        key = re.match(r"\s*([^=#\[]+?)\s*=", line)
        if key and name in (said := table + _plain(key[1]), name if name.startswith(f"{said}.") else ""):
            return number
    return 1


def _plain(key: str) -> str:
    """A dotted key without quotes and blanks."""
    return ".".join(part.strip(" \t\"'") for part in key.split("."))
