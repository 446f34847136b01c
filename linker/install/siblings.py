"""Bound siblings of an installed kernel: made whole, or not at all."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from linker.errors import LinkError, UsageError
from linker.install import entries
from linker.quick.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

ELF_MAGIC = b"\x7fELF"
VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~:-]*")


class Sibling(NamedTuple):
    """A bound image and the entry that names it; `entry` None where the target is not booted."""

    target: str
    image: Path
    entry: Path | None


class InstalledKernel(NamedTuple):
    """What is being installed: its version as `uname -r` says it, and its ELF image."""

    version: str
    image: Path


def check_version(version: str) -> str:
    """The version, if it can be part of a file name; UsageError otherwise."""
    if not VERSION.fullmatch(version):
        raise UsageError("kernel version is not one", found=repr(version), expected="what uname -r prints")
    return version


def is_annotated(image: Path) -> bool:
    """Whether a file is an ELF image with an annotation table. LinkError when it is an ELF file that is damaged."""
    from linker.errors import naming
    from linker.image.file import peek
    from linker.image.read import read_headers
    from linker.sites.formats import SECTION_RECORDS

    with naming(image), peek(image) as contents:
        if contents[: len(ELF_MAGIC)] != ELF_MAGIC:
            return False
        return any(section.name == SECTION_RECORDS for section in read_headers(contents).sections)


def install(
    kernel: InstalledKernel,
    siblings: Sequence[Sibling],
    entry_for: Callable[[Sibling], str],
    say: Callable[[str], None],
) -> list[LinkError]:
    """Bind `kernel` for each sibling, then write its entry; returns what went wrong, one error a sibling.

    A sibling that fails keeps the image and the entry it had.
    """
    from linker.bind.link import link
    from linker.image.write import write_whole

    failures = []
    for sibling in siblings:
        try:
            sweep([sibling])
            report = link(kernel.image, sibling.target, output=sibling.image, durable=True)
            say(f"{sibling.image}: bound to {sibling.target}, {report.bound} sites")
            if sibling.entry is not None:
                contents = entry_for(sibling)
                _make_directory(sibling.entry.parent)
                write_whole(sibling.entry, contents.encode(), 0o644, durable=True)
                say(f"{sibling.entry}: written")
        except LinkError as error:
            failures.append(error)
    return failures


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LinkError(f"cannot make directory: {error.strerror}", where=str(directory)) from None


def sweep(siblings: Iterable[Sibling]) -> None:
    """Take away what a killed run left of these siblings."""
    from linker.image.write import leftovers

    for sibling in siblings:
        for path, start in ((sibling.image, ELF_MAGIC), (sibling.entry, entries.MARK.encode())):
            for leftover in leftovers(path, start) if path is not None else ():
                leftover.unlink(missing_ok=True)


def remove(siblings: Iterable[Sibling], say: Callable[[str], None]) -> None:
    """Take entries away, then the images they name. LinkError when one stays."""
    from linker.image.write import sync_directory

    for sibling in siblings:
        sweep([sibling])
        for path in (sibling.entry, sibling.image):
            if path is None:
                continue
            try:
                path.unlink()
                sync_directory(path.parent)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise LinkError(f"cannot remove: {error.strerror}", where=str(path)) from None
            say(f"{path}: removed")
