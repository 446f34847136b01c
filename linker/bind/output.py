"""Where the result of a link goes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from linker.errors import LinkError, UsageError
from linker.quick.tuples import NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

    pass


class Destination(NamedTuple):
    """Where the result goes, whether every site is reported, and whether the disk is waited for.

    `descriptor`: an open file that is filled instead of the one at `path`.
    """

    path: Path
    in_place: bool
    dry_run: bool
    details: bool
    durable: bool = False
    descriptor: int | None = None


def sink(path: Path, destination: Destination) -> Path | int:
    """Where the result is written: a path, or the descriptor of a file that is open."""
    return output_path(path, destination) if destination.descriptor is None else destination.descriptor


def output_path(path: Path, destination: Destination) -> Path:
    """Where the output goes, links followed; UsageError where that is no place for it."""
    output = (path if destination.in_place else destination.path).resolve()
    if output.is_dir():
        raise UsageError("output is a directory", where=str(output))
    if output.exists():
        if not output.is_file():
            raise UsageError("output is not a regular file", where=str(output))
        if not destination.in_place and output.samefile(path):
            raise UsageError("input and output are the same file", where=str(output), advice="say --in-place")
        if not os.access(output, os.W_OK):
            raise LinkError("cannot write: Permission denied", where=str(output))
    return output
