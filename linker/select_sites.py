"""`--only` and `--skip`: which sites an address, a class or a symbol means."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

from linker.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Set

    from linker.decode import Sites
    from linker.symbols import Symbols


def select_sites(
    sites: Sites, only: Iterable[str], skip: Iterable[str], symbols: Callable[[], Symbols]
) -> Set[int] | None:
    """Indexes of the sites to bind, None for all: those that `only` names (all, if it is empty) and `skip` does not."""
    only, skip = list(only), list(skip)
    if not only and not skip:
        return None
    chosen = set(range(len(sites.offs)))
    if only:
        chosen &= set().union(*(_meant(sites, word, symbols) for word in only))
    return chosen.difference(*(_meant(sites, word, symbols) for word in skip))


def _meant(sites: Sites, word: str, symbols: Callable[[], Symbols]) -> set[int]:
    starts, ends = sites.annotations.starts_va, sites.annotations.ends_va
    by_class = [group.members for group in sites.groups if group.instruction.class_name == word]
    if by_class:
        return set().union(*by_class)
    try:
        va = int(word, 0)
    except ValueError:
        pass
    else:
        index = bisect_right(starts, va) - 1
        if index < 0 or va >= ends[index]:
            raise UsageError(f"no site at {va:#x}", advice="--list shows all sites")
        return {index}
    ranges = symbols().ranges(word)
    found = {n for low, high in ranges for n in range(bisect_left(starts, low), bisect_left(starts, high))}
    if not found:
        what = "has no site" if ranges else "is no address, no class of a site and no symbol"
        raise UsageError(f"'{word}' {what}", advice="--list shows all sites")
    return found
