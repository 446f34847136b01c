"""What `previrt-inspect` prints for a person. Names come from the image: characters that do not print are escaped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linker.bind.examine import SiteState
from linker.bind.report import format_table
from linker.image.places import column

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from linker.inspection.compare import Comparison
    from linker.inspection.facts import Facts
    from linker.inspection.functions import Function, FunctionSite, Half
    from linker.inspection.room import Need, Room
    from linker.inspection.tally import Tally

RULE = "|"
CODE_WIDTH = 23  # eight bytes in hex


def format_facts(facts: Facts) -> list[str]:
    """What the image is."""
    bound = f"bound to {facts.target}" if facts.target else "annotated, not bound"
    rows: list[tuple[str, ...]] = [
        ("format", facts.format + (f", annotated by {facts.producer}" if facts.producer else "")),
        ("bound", _bound(facts)),
        ("sites", _sites(facts)),
    ]
    if SiteState.DAMAGED.value in facts.states:
        rows.append(
            ("", "damaged: not as this previrt writes them; another version bound the image, or it was changed")
        )
    if facts.entry_va:
        rows.append(("entry", f"{facts.entry_va:#x} {facts.entry}".rstrip()))
    if facts.entry_va != facts.guest_entry_va:
        rows.append(("", f"the guest's own: {facts.guest_entry_va:#x} {facts.guest_entry}".rstrip()))
    rows += [
        ("reserve", f"{part.part} at {part.va:#x}: {part.used_len} of {part.len} bytes used") for part in facts.reserve
    ] or [("reserve", "none")]
    rows += [("not bound", f"table {name}") for name in facts.left_tables]
    return [f"{facts.file}: {facts.architecture}, {bound}, {facts.sites} sites", "", *format_table(rows)]


def _bound(facts: Facts) -> str:
    if not facts.target:
        return "no"
    abi = f", module ABI {facts.module_abi}" if facts.module_abi else ""
    grown = ", grown by the linker" if facts.is_grown else ""
    return f"to {facts.target}{abi}{grown}"


def _sites(facts: Facts) -> str:
    states = ", ".join(f"{count} {state}" for state, count in facts.states.items())
    dropped = f"; {facts.dropped} records of dropped code" if facts.dropped else ""
    room = f"; {facts.room_len} bytes, {facts.room_len - facts.code_len} of them padding"
    return f"{states or 'none'}{room}{dropped}"


def _forms(forms: Mapping[str, int]) -> str:
    return ", ".join(f"{form} {count}" for form, count in forms.items())


def format_classes(tallies: Sequence[Tally]) -> list[str]:
    """Sites by class."""
    rows: list[tuple[str, ...]] = [("class", "sites", "room", "padding", "forms")]
    rows += [(t.name, str(t.sites), str(t.room_len), str(t.padding_len), _forms(t.forms)) for t in tallies]
    return format_table(rows, right={1, 2, 3})


def format_places(kind: str, tallies: Sequence[Tally]) -> list[str]:
    """Sites by section or function."""
    rows: list[tuple[str, ...]] = [(kind, "address", "bytes", "sites", "padding", "share", "forms")]
    rows += [
        (
            t.name or "(no symbol)",
            column(t.section, t.va),
            str(t.len),
            str(t.sites),
            str(t.padding_len),
            f"{100 * t.padding_share:.1f}%",
            _forms(t.forms),
        )
        for t in tallies
    ]
    return format_table(rows, right={2, 3, 4, 5})


def format_room(rooms: Sequence[Room], targets: Sequence[str]) -> list[str]:
    """Room against need, a column a target."""
    rows: list[tuple[str, ...]] = [("class", "sites", "room", *targets)]
    rows += [
        (
            room.class_name,
            str(room.sites),
            _span(room.room_len, room.most_room_len),
            *(_need(room.needs[target]) for target in targets),
        )
        for room in rooms
    ]
    left = [str(sum(room.needs[target].slack.left_len for room in rooms)) for target in targets]
    rows.append(("bytes left", "", "", *left))
    return format_table(rows, right={1, 2})


def _need(need: Need) -> str:
    return f"{need.slack.needed_len}: {_forms(need.forms)}"


def _span(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}-{high}"


def format_function(function: Function, target: str, *, with_code: bool) -> list[str]:
    """A function, original and present side by side; `>` marks the rows of a site."""
    length = function.end_va - function.start_va
    start = column(function.section, function.start_va)
    title = f"{start} <{function.name}>: {length} bytes, {len(function.sites)} sites"
    bound = f"bound to {target}" if target else ""
    rows: list[tuple[str, ...]] = [("", "address", "original", "", bound, "")]
    shown: int | None = None
    for row in function.rows:
        note = _note(function.sites[row.site]) if row.site is not None and row.site != shown else ""
        shown = row.site
        mark = ">" if row.site is not None else ""
        address = f"{row.original.va:x}" if row.original else ""
        rule = RULE if row.present else ""
        rows.append((mark, address, _half(row.original, with_code), rule, _half(row.present, with_code), note))
    return [title, "", *format_table(rows, right={1})]


def _note(site: FunctionSite) -> str:
    form = site.form if site.state == "bound" else site.state
    reaches = f" -> {' '.join(site.reaches)}" if site.reaches else ""
    return f"{site.class_name}: {form}{reaches}" + (f" ({site.reason})" if site.reason else "")


def _half(half: Half | None, with_code: bool) -> str:
    if half is None:
        return ""
    return f"{half.code:{CODE_WIDTH}}  {half.text}" if with_code else half.text


def format_comparison(comparison: Comparison, *, every_site: bool) -> list[str]:
    """Two images against each other; `every_site` lists all that differs instead of counts."""
    one, other = (
        f"{file} ({f'bound to {target}' if target else 'annotated'})"
        for file, target in zip(comparison.files, comparison.targets, strict=True)
    )
    lines = [f"{one} and {other}: {_verdict(comparison)}"]
    for file, addresses in zip(comparison.files, comparison.only_in, strict=True):
        if addresses:
            lines.append(f"{len(addresses)} sites are in {file} only, the first at {addresses[0]}")
    if comparison.changed:
        rows: list[tuple[str, ...]] = [("class", "in the first", "in the second", "sites")]
        rows += [(*key, str(count)) for key, count in comparison.changed.items()]
        lines += ["", *format_table(rows, right={3})]
    if every_site:
        for site in comparison.sites:
            lines += [
                "",
                f"{column(site.section, site.va)} {site.symbol} '{site.instruction}' {site.class_name}",
                f"    {site.one.form:9}  {site.one.code}  {site.one.text}",
                f"    {site.other.form:9}  {site.other.code}  {site.other.text}",
            ]
    return [*lines, *_elsewhere(comparison, every_site)]


def _verdict(comparison: Comparison) -> str:
    if comparison.is_same:
        return f"the same, {comparison.common} sites"
    return f"{comparison.common} sites in both, {comparison.same} with the same bytes, {len(comparison.sites)} not"


def _elsewhere(comparison: Comparison, every_range: bool) -> list[str]:
    rows: list[tuple[str, ...]] = [("outside the sites", "ranges", "bytes that differ")]
    if every_range:
        rows += [(f"{d.section}+{d.off:#x}..{d.off + d.len:#x}", "1", str(d.changed_len)) for d in comparison.elsewhere]
    else:
        found: dict[str, list[int]] = {}
        for difference in comparison.elsewhere:
            name = f"reserve in {difference.section}" if difference.in_reserve else difference.section
            found.setdefault(name, []).append(difference.changed_len)
        rows += [(name, str(len(lengths)), str(sum(lengths))) for name, lengths in found.items()]
    lines = ["", *format_table(rows, right={1, 2})] if len(rows) > 1 else []
    if comparison.sizes:
        sizes: list[tuple[str, ...]] = [("section", "bytes in the first", "in the second")]
        sizes += [
            (name, *("-" if length is None else str(length) for length in lengths))
            for name, lengths in comparison.sizes.items()
        ]
        lines += ["", *format_table(sizes, right={1, 2})]
    return lines
