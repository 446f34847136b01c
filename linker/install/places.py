"""The siblings of a kernel, for all targets at once: which are there, which shall be, which must go."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from linker.install import entries
from linker.install.siblings import Sibling, install, remove

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from linker.errors import LinkError
    from linker.install.siblings import InstalledKernel


def is_booted(target: str) -> bool:
    """Whether something boots images of this target; LoL's are started as processes and get no boot entry."""
    return bool(getattr(import_module(f"linker.hypervisors.{target}"), "BOOTED", True))


def sibling(target: str, image: Path, entry: Path) -> Sibling:
    """A sibling, with its entry where the target is booted."""
    return Sibling(target, image, entry if is_booted(target) else None)


def present(siblings: Iterable[Sibling], version: str) -> list[Sibling]:
    """Those siblings of this kernel that are there, whole or in part; entries of others are left alone."""
    found = []
    for one in siblings:
        entry = one.entry if one.entry is not None and entries.is_ours(one.entry, version) else None
        if entry is not None or one.image.exists():
            found.append(one._replace(entry=entry))
    return found


def renew(
    kernel: InstalledKernel,
    wanted: Sequence[Sibling],
    possible: Sequence[Sibling],
    entry_for: Callable[[Sibling], str],
    say: Callable[[str], None],
) -> list[LinkError]:
    """Make the wanted siblings, then take away what else there is of the possible ones; returns what went wrong."""
    failures = install(kernel, wanted, entry_for, say)
    kept = {one.target for one in wanted}
    remove([one for one in present(possible, kernel.version) if one.target not in kept], say)
    return failures
