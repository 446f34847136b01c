"""What a target that can be run on this machine is asked: `RUNNERS` names functions of a `RunRequest` (`base.py`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linker.quick.tuples import NamedTuple

if TYPE_CHECKING:
    from pathlib import Path


class RunRequest(NamedTuple):
    """What to run: sizes in bytes, paths as the user gave them, None where nothing was said."""

    image: Path
    target: str
    memory_len: int | None
    initrd: Path | None
    console: Path | None
    command_line: str
    statistics: bool
    profile: Path | None
    nodes: int | None
