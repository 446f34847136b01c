"""Reads a file system of the ext family (2, 3, 4) with e2fsprogs' debugfs, which mounts nothing and needs no root.

Paths and symbolic links are those of the file system: debugfs walks them, no path of this host is ever opened. What
debugfs prints is parsed with the image's owner as an enemy: sizes are compared with what arrives.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from linker.errors import LinkError
from linker.quick.tuples import NamedTuple
from linker.xl.tools import ToolResult, run_tool

if TYPE_CHECKING:
    from collections.abc import Sequence

# debugfs's `stat`, first line and third; a short link's target ends the text
FIRST_LINE = re.compile(rb"Inode: \d+ +Type: ([a-z ]+?) +Mode: ")
SIZE = re.compile(rb"^User:.* Size: (\d+)$", re.MULTILINE)
SHORT_LINK = re.compile(rb'\nFast link dest: "(.*)"\n?\Z', re.DOTALL)
LINKS_FOLLOWED = 40  # as Linux does
LISTING_LEN_MAX = 4 << 20
LINK_LEN_MAX = 4096
NAME_IN_LISTING = 5  # /inode/mode/user/group/name/size/


class File(NamedTuple):
    """A regular file: the path after all links, and its length in bytes."""

    path: str
    len: int


class ExtFileSystem:
    """The file system at `off` bytes of an open disk."""

    def __init__(self, descriptor: int, off: int) -> None:
        self._descriptor = descriptor
        self._off = off

    def find(self, path: str) -> File | None:
        """The regular file at a path, links followed; None where there is nothing, or something else."""
        for _ in range(LINKS_FOLLOWED):
            said = self._ask("stat", path)
            if said is None:
                return None
            first, size = FIRST_LINE.match(said), SIZE.search(said)
            if first is None or size is None:
                raise LinkError("debugfs says something unknown", where=path, found=repr(said[:60]))
            if first[1] == b"regular":
                return File(path, int(size[1]))
            if first[1] != b"symlink":
                return None
            target = self._link_target(path, said, int(size[1]))
            path = target if target.startswith("/") else f"{path.rpartition('/')[0]}/{target}"
        raise LinkError("too many symbolic links", where=path)

    def names(self, folder: str) -> Sequence[str]:
        """What is in a folder; empty where there is none."""
        said = self._ask("ls -p", folder)
        rows = [row.split(b"/") for row in (said or b"").splitlines()]
        return [os.fsdecode(row[NAME_IN_LISTING]) for row in rows if len(row) > NAME_IN_LISTING]

    def read(self, file: File, limit: int) -> bytes:
        """The contents; LinkError where they are longer than `limit` bytes, or damaged."""
        if file.len > limit:
            raise LinkError("too long", where=file.path, found=f"{file.len} bytes", expected=f"at most {limit}")
        contents = self._ask("cat", file.path, limit) or b""
        self._check_whole(file, len(contents))
        return contents

    def copy(self, file: File, descriptor: int) -> None:
        """Append the contents to an open file of this host."""
        before_len = os.fstat(descriptor).st_size
        os.lseek(descriptor, 0, os.SEEK_END)
        self._run("cat", file.path, descriptor)
        self._check_whole(file, os.fstat(descriptor).st_size - before_len)

    def _link_target(self, path: str, said: bytes, length: int) -> str:
        short = SHORT_LINK.search(said)
        target = short[1] if short else self._ask("cat", path, LINK_LEN_MAX) or b""
        if len(target) != length or not target:
            raise LinkError("symbolic link is damaged", where=path)
        return os.fsdecode(target)

    @staticmethod
    def _check_whole(file: File, length: int) -> None:
        if length != file.len:
            raise LinkError(
                "file cannot be read whole",
                where=file.path,
                found=f"{length} bytes",
                expected=str(file.len),
                advice="there is no room, or the domain's file system is damaged: check it with e2fsck",
            )

    def _ask(self, command: str, path: str, limit: int = LISTING_LEN_MAX) -> bytes | None:
        """What debugfs prints; None where the path does not exist."""
        done = self._run(command, path, None, limit)
        return done.stdout if done.stdout or b"File not found" not in done.stderr else None

    def _run(self, command: str, path: str, output: int | None, limit: int = 0) -> ToolResult:
        if any(character < " " for character in path):
            raise LinkError("path has control characters", where=repr(path))
        quoted = path.replace('"', '""')
        # -c: no bitmaps, so that their damage does not matter; nothing is written without -w.
        request = ["-c", "-R", f'{command} "{quoted}"', f"/proc/self/fd/{self._descriptor}?offset={self._off}"]
        done = run_tool("debugfs", request, keep=self._descriptor, output=output, limit=limit)
        complaint = done.stderr.partition(b"\n")[2].strip()  # its version comes first
        if complaint and not done.stdout and b"File not found" not in complaint:
            raise LinkError("file system cannot be read", where=path, found=os.fsdecode(complaint.splitlines()[0]))
        return done
