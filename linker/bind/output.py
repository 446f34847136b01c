"""Where the result of a link goes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from linker import log
from linker.errors import LinkError, UsageError
from linker.image.write import write_whole
from linker.quick.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from linker.bind.report import LinkReport
    from linker.image.file import OpenFile
    from linker.image.windows import Bytes


class Destination(NamedTuple):
    """Where the result goes, whether every site is reported, and whether the disk is waited for.

    `descriptor`: an open file that is filled instead of the one at `path`. `announce` gets the report when all is done
    but naming the output: if it raises, there is no output.
    """

    path: Path
    in_place: bool
    dry_run: bool
    details: bool
    durable: bool = False
    descriptor: int | None = None
    announce: Callable[[LinkReport], None] | None = None


def sink(path: Path, destination: Destination) -> Path | int:
    """Where the result is written: a path, or the descriptor of a file that is open."""
    return output_path(path, destination) if destination.descriptor is None else destination.descriptor


def kept_mode(file: OpenFile, destination: Destination) -> int:
    """The mode of the output: the input's; of a file beside it without the bits that lend an owner's rights."""
    return file.mode if destination.in_place else file.mode & 0o777


def output_path(path: Path, destination: Destination) -> Path:
    """Where the output goes, links followed; UsageError where that is no place for it."""
    named = path if destination.in_place else destination.path
    try:
        named.stat()
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:  # a loop of links, a name too long, no rights
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"cannot be the output: {reason}", where=str(named), advice="name another file") from None
    output = named.resolve()
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


class Done(NamedTuple):
    """A link of `file` that is done but for its output: where that goes, its mode and what is said of it."""

    file: OpenFile
    output: Path | int
    mode: int
    report: LinkReport
    destination: Destination

    def announce(self) -> None:
        """Say that all is done, if the input is as it was; what is raised keeps the output from appearing."""
        self.file.require_unchanged()
        if self.destination.announce is not None:
            self.destination.announce(self.report)

    def write(self, contents: Bytes) -> None:
        """Write all of it, unless this is a rehearsal."""
        if self.destination.dry_run:
            self.announce()
            return
        like = self.file.descriptor if self.destination.in_place else None
        durable = self.destination.durable
        write_whole(self.output, contents, self.mode, durable=durable, announce=self.announce, like=like)
        log.debug("written", output=str(self.output))
