"""The configuration file, /etc/previrt.toml: what commands do when nothing is said on their command line.

    [install]
    targets = ["bare", "xen"]      # siblings that previrt-install makes of an installed kernel

`KEYS` is the list of keys; anything else in the file is an error that says where. PREVIRT_CONFIG or `--config` names
another file.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from linker.errors import LinkError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

VARIABLE = "PREVIRT_CONFIG"
PLACE = Path("etc/previrt.toml")


class Key(NamedTuple):
    """One key: what it must be, in words and as a test."""

    expected: str
    is_good: Callable[[object], bool]


def _is_target_list(value: object) -> bool:
    from linker.registry import targets

    return isinstance(value, list) and all(isinstance(one, str) and one in targets() for one in value)


KEYS: Mapping[str, Key] = {
    "install.targets": Key("a list of targets (see previrt-link --list-targets)", _is_target_list),
}


class Config(NamedTuple):
    """The file as read: values by dotted key. `path` None: there is no file."""

    path: Path | None
    values: Mapping[str, object]

    def words(self, key: str) -> tuple[str, ...]:
        """A list of words; empty when the file does not say."""
        value = self.values.get(key, ())
        return tuple(map(str, value)) if isinstance(value, list | tuple) else ()


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
    """The line a key stands in: the parser does not tell."""
    key = name.rpartition(".")[2]
    found = re.search(rf"^[^#\n]*\b{re.escape(key)}\b[^=\n]*=", text, flags=re.MULTILINE)
    return text.count("\n", 0, found.start()) + 1 if found else 1
