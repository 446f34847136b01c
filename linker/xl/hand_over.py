"""What xl gets: copies of kernel and RAM disk, which it maps and then unlinks, and the text that names them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from linker.errors import LinkError
from linker.quick.tuples import NamedTuple

ITEM_LEN_MAX = 2 * 4096 - 1  # libxl_bootloader.c, parse_bootloader_result: a longer item is dropped with a warning
SEPARATORS = {"simple": "\n", "simple0": "\0"}


class HandOver(NamedTuple):
    """What to boot: paths of this host; `ramdisk` and `args` may be empty."""

    kernel: str
    ramdisk: str
    args: str


def format_hand_over(what: HandOver, output_format: str) -> bytes:
    """In pygrub's words. LinkError for what the format, or libxl's buffer, has no room for."""
    if output_format == "sxp":
        text = f"linux (kernel {what.kernel!r})"
        text += f"(ramdisk {what.ramdisk!r})" if what.ramdisk else ""
        text += f"(args {what.args!r})" if what.args else ""
        return os.fsencode(text)
    separator = SEPARATORS[output_format]
    items = [os.fsencode(f"{name} {value}") for name, value in what._asdict().items() if value]
    for item in items:
        if separator.encode() in item:
            raise LinkError(
                f"format {output_format} has no way to say {item[:60]!r}", advice="say --output-format=simple0"
            )
        if len(item) > ITEM_LEN_MAX:
            raise LinkError(
                "longer than xl reads",
                where=os.fsdecode(item[:40]),
                found=f"{len(item)} bytes",
                expected=f"{ITEM_LEN_MAX}",
            )
    return b"".join(item + separator.encode() for item in items) + separator.encode()


class Copy:
    """A file in the output directory that has no name, and is gone when the process is, until it is kept."""

    def __init__(self, directory: Path, prefix: str) -> None:
        self._path: Path | None = None
        self._kept = False
        self._directory = directory
        self._prefix = prefix
        try:
            self.descriptor = os.open(directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError:  # a file system that cannot
            self.descriptor = self._named()

    def _named(self) -> int:
        try:
            descriptor, name = tempfile.mkstemp(prefix=self._prefix, dir=self._directory)
        except OSError as error:
            raise LinkError(f"cannot write: {error.strerror}", where=str(self._directory)) from None
        self._path = Path(name)
        return descriptor

    def keep(self) -> str:
        """Give it a name, which stays."""
        if self._path is None:
            folder = os.open(self._directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                path = Path(tempfile.mktemp(prefix=self._prefix, dir=self._directory))  # noqa: S306 (link fails if taken)
                os.link(f"/proc/self/fd/{self.descriptor}", path, src_dir_fd=folder, follow_symlinks=True)
            except OSError as error:
                raise LinkError(f"cannot write: {error.strerror}", where=str(self._directory)) from None
            finally:
                os.close(folder)
            self._path = path
        os.fchmod(self.descriptor, 0o600)
        return str(self._path)

    def drop(self) -> None:
        """As if it had never been."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        os.close(self.descriptor)
