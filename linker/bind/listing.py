"""`--list`: every site, and with a target the form it would take. Nothing is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linker.bind.report import format_table
from linker.bind.source import opened
from linker.hypervisors.base import Form
from linker.image.places import Places, column
from linker.image.relocations import Relocatable
from linker.image.symbols import Symbols
from linker.plan.make import SKIPPED, choose_forms
from linker.quick.tuples import NamedTuple
from linker.registry import binding_for
from linker.table.choose import WordMeanings, select_sites
from linker.table.sources import Sources

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from linker.hypervisors.base import Binding, Unbindable
    from linker.image.windows import Bytes
    from linker.table.decode import SiteGroup, Sites
    from linker.table.guest import GuestTable


UNBINDABLE = "none"


class ListedSite(NamedTuple):
    """One site. `room_len` in bytes; `form` and `reason` are empty without a target; `source` is file:line or empty.

    In an object `va` is an offset in `section`, which is empty otherwise.
    """

    va: int
    symbol: str
    instruction: str
    class_name: str
    room_len: int
    form: str
    reason: str
    source: str
    section: str = ""

    def to_json(self) -> dict[str, object]:
        """The fields as JSON types."""
        return self._asdict()


class Listing(NamedTuple):
    """All sites in address order, and sections named like tables of the original format that are of no known kind."""

    sites: list[ListedSite]
    unknown_tables: tuple[str, ...]


def list_sites(
    path: str | Path, target: str | None = None, *, only: Sequence[str] = (), skip: Sequence[str] = ()
) -> list[ListedSite]:
    """All sites in address order; LinkError as `previrt.link`, but for sites the target has no form for."""
    return list_image(path, target, only=only, skip=skip).sites


def list_image(
    path: str | Path, target: str | None = None, *, only: Sequence[str] = (), skip: Sequence[str] = ()
) -> Listing:
    """The same, and what is not listed."""
    with opened(path) as (memory, table, sites):
        symbols = Symbols(table.image, memory)
        sources = Sources(table.image, memory, table.annotations)
        places = Places(table.image)
        chosen = select_sites(sites, only, skip, WordMeanings(places.address, lambda: symbols))
        forms = [(group, "", "") for group in sites.groups]
        if target is not None:
            binding = binding_for(target, table.image.machine)
            forms = [
                (group, form.kind.value if isinstance(form, Form) else UNBINDABLE, form.reason)
                for group, form in _forms(table, sites, binding, memory)
            ]
    rows = [
        ListedSite(
            va=sites.annotations.starts_va[index],
            symbol=symbols.at(sites.annotations.starts_va[index]),
            instruction=places.say(group.instruction.text),
            class_name=group.instruction.class_name,
            room_len=group.room_len,
            form=form if chosen is None or index in chosen else SKIPPED,
            reason=reason,
            source=sources.at(index),
        )
        for group, form, reason in forms
        for index in group.members
    ]
    rows.sort()
    if table.image.is_object:
        rows = [row._replace(va=off, section=section) for row in rows for section, off in [places.split(row.va)]]
    return Listing(rows, table.annotations.left_tables)


def _forms(
    table: GuestTable, sites: Sites, binding: Binding, memory: Bytes
) -> Iterable[tuple[SiteGroup, Form | Unbindable]]:
    if not table.image.is_object:
        return choose_forms(sites, binding, table.codec)
    from linker.objects.plan import choose_object_forms

    relocatable = Relocatable(table.image, memory, table.codec.object_relocations)
    return choose_object_forms(sites, binding, relocatable, table.codec)


def format_listing(rows: Sequence[ListedSite]) -> list[str]:
    """The list for a person, line by line."""
    table: list[tuple[str, ...]] = [("address", "symbol", "instruction", "class", "room", "form", "source", "reason")]
    table += [
        (
            column(r.section, r.va),
            r.symbol,
            r.instruction,
            r.class_name,
            str(r.room_len),
            r.form,
            r.source,
            r.reason,
        )
        for r in rows
    ]
    return format_table(table, right={4})
