"""Relocations inside sites: the loader changes bytes of the instruction, so they must stay with its operand.

    .text+0x18   0f 01 15 [00 00 00 00] 90       lgdt tables(%rip)     R_X86_64_PC32 at .text+0x1b, tables - 4

One that changes padding, or bytes on both sides of a site's edge, is an error: a bound site would be damaged by it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from typing import TYPE_CHECKING

from linker.errors import LinkError
from linker.image.relocations import SiteRelocation
from linker.table.names import REBUILD, record_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from linker.image.relocations import Relocatable, Relocation
    from linker.table.read import Annotations


def site_relocations(relocatable: Relocatable, annotations: Annotations) -> Mapping[int, tuple[SiteRelocation, ...]]:
    """Index of a site in address order -> the relocations inside it. LinkError when one runs over a site's edge."""
    starts, ends = annotations.starts_va, annotations.ends_va
    types = relocatable.types
    found: defaultdict[int, list[SiteRelocation]] = defaultdict(list)
    for number, section in enumerate(relocatable.image.sections):
        if not section.is_code:
            continue
        for relocation in relocatable.about(number):
            low, high = (section.va + off for off in types.range(relocation.type, relocation.off))
            index = bisect_right(ends, low)
            if low == high or index == len(starts) or starts[index] >= high:
                continue
            if low < starts[index] or high > ends[index]:
                raise _collision("the edge of a site", relocation, types.name(relocation.type), annotations, index)
            name = relocatable.symbol(relocation).name or f"symbol {relocation.symbol}"
            found[index].append(SiteRelocation(relocation, low - starts[index], high - low, name))
    return {index: tuple(inside) for index, inside in found.items()}


def check_inside_instruction(
    annotations: Annotations, index: int, relocated: tuple[SiteRelocation, ...], low: int, high: int
) -> None:
    """Every relocation of a site must change its instruction, bytes `low` to `high` of the site, and nothing else."""
    for one in relocated:
        if one.off < low or one.off + one.len > high:
            raise _collision("the padding of a site", one.relocation, one.text(), annotations, index)


def _collision(what: str, relocation: Relocation, text: str, annotations: Annotations, index: int) -> LinkError:
    return LinkError(
        f"relocation changes {what}",
        where=record_name(annotations, index),
        found=f"{relocation.where} ({text})",
        expected="relocations of the instruction's operand only",
        advice=REBUILD,
    )
