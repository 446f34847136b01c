"""Decode, plan, check: the phases of a link in which nothing is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linker import log
from linker.image.places import Places
from linker.image.symbols import Symbols
from linker.plan.check import (
    check_loaded,
    check_module,
    check_reserve,
    check_writes,
)
from linker.plan.check_target import check_requirements
from linker.plan.make import make_plan
from linker.plan.patches import Request
from linker.plan.place import read_module
from linker.quick.tuples import NamedTuple
from linker.table.choose import WordMeanings, select_sites
from linker.table.decode import decode

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from linker.hypervisors.base import Binding
    from linker.image.windows import Bytes, Window
    from linker.plan.patches import Plan
    from linker.table.decode import Sites
    from linker.table.guest import GuestTable


class Selection(NamedTuple):
    """Sites by address, symbol or class; or, if `indexes` is not None, those of the address order.

    `counts`: those bound count their runs. `anyway`: also where the target cannot run the guest.
    """

    only: Sequence[str] = ()
    skip: Sequence[str] = ()
    indexes: Collection[int] | None = None
    counts: bool = False
    anyway: bool = False


def require_reserve(memory: Bytes, table: GuestTable, windows: Sequence[Window]) -> None:
    """The reserve must be there, and empty unless the image is bound."""
    annotations = table.annotations
    if annotations.reserve is not None:
        unbound = annotations.bound is None or not annotations.bound.target
        check_reserve(annotations.reserve, windows, memory, table.codec, empty=unbound)


def read_sites(memory: Bytes, table: GuestTable, windows: Sequence[Window]) -> Sites:
    """Check the reserve, decode the sites."""
    require_reserve(memory, table, windows)
    sites = decode(table.annotations, memory, windows, table.codec)
    log.debug("decoded", sites=len(sites.offs), distinct=len(sites.groups))
    return sites


def plan_link(
    memory: Bytes,
    table: GuestTable,
    windows: Sequence[Window],
    binding: Binding | None,
    selection: Selection,
    *,
    keeps_original: bool = False,
    sites: Sites | None = None,
    in_memory: bool = False,
) -> Plan:
    """Decode, plan, check: nothing is changed yet. `sites`: what `read_sites` has found already.

    `in_memory`: `memory` is a loaded guest's, not the file.
    """
    image, annotations, codec, symbols, _ = table
    if sites is None:
        sites = read_sites(memory, table, windows)
    chosen = selection.indexes
    if chosen is None:
        names = WordMeanings(Places(image).address, lambda: symbols or Symbols(image, memory))
        chosen = select_sites(sites, selection.only, selection.skip, names)
    module = None
    if binding is not None and binding.module is not None:
        module = read_module(binding.module, codec)
        check_module(module, binding, image, annotations)
    request = Request(image, memory, windows, sites, codec, binding, module, chosen, selection.counts, keeps_original)
    warnings: tuple[str, ...] = ()
    if binding is not None:
        check_loaded(image)
        warnings = check_requirements(binding, request, anyway=selection.anyway)
    plan = make_plan(request)._replace(warnings=warnings)
    check_writes(plan, windows, len(memory), annotations, in_memory=in_memory)
    log.debug("planned and checked", groups=len(plan.groups), stubs=len(plan.stubs), edits=[e.name for e in plan.edits])
    return plan
