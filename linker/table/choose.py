"""`--only` and `--skip`: which sites an address, a class or a symbol means."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

from linker.errors import UsageError
from linker.quick.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Set

    from linker.image.symbols import Symbols
    from linker.table.decode import Sites


class WordMeanings(NamedTuple):
    """How words are understood: `address` gives what one says as an address, `symbols` are read when one is needed."""

    address: Callable[[str], int | None]
    symbols: Callable[[], Symbols]


def select_sites(sites: Sites, only: Iterable[str], skip: Iterable[str], names: WordMeanings) -> Set[int] | None:
    """Indexes of the sites to bind, None for all: those that `only` names (all, if it is empty) and `skip` does not."""
    only, skip = list(only), list(skip)
    if not only and not skip:
        return None
    chosen = set(range(len(sites.offs)))
    if only:
        chosen &= set().union(*(_meant(sites, word, names) for word in only))
    return chosen.difference(*(_meant(sites, word, names) for word in skip))


def _meant(sites: Sites, word: str, names: WordMeanings) -> set[int]:
    starts, ends = sites.annotations.starts_va, sites.annotations.ends_va
    by_class = [group.members for group in sites.groups if group.instruction.class_name == word]
    if by_class:
        return set().union(*by_class)
    va = names.address(word)
    if va is not None:
        index = bisect_right(starts, va) - 1
        if index < 0 or va >= ends[index]:
            raise UsageError(f"no site at {word}", advice="--list shows all sites")
        return {index}
    ranges = names.symbols().ranges(word)
    found: set[int] = set()
    done_va = 0
    for low, high in sorted(ranges):  # symbols of one name may lie over each other
        found.update(range(bisect_left(starts, max(low, done_va)), bisect_left(starts, high)))
        done_va = max(done_va, high)
    if not found:
        what = "has no site" if ranges else "is no address, no class of a site and no symbol"
        raise UsageError(f"'{word}' {what}", advice="--list shows all sites")
    return found
