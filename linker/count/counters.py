"""Where an image's counters are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linker.quick.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

COUNTER_LEN = 8


class Counters(NamedTuple):
    """Where the counters are: `va` the first, one for each site of `counted` in address order.

    `counted`: index of a site in address order -> which counter is its own. `loose`: those of them that count in one
    instruction and change the arithmetic flags, which nobody reads there. `reasons`: why the other bound sites are not
    counted -> how many.
    """

    va: int
    counted: Mapping[int, int]
    loose: frozenset[int]
    reasons: Mapping[str, int]

    def va_of(self, index: int) -> int:
        """Address of the counter of the site at `index` of the address order."""
        return self.va + COUNTER_LEN * self.counted[index]
