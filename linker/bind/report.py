"""Phase 8: what was done, for a program (`LinkReport`, JSON) and for a person (tables)."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from linker.errors import printable
from linker.image.places import column
from linker.plan.make import RESTORED, SKIPPED
from linker.quick.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from linker.coverage.look import Coverage
    from linker.image.places import Places
    from linker.image.symbols import Symbols
    from linker.image.windows import Bytes
    from linker.plan.patches import BoundHook, Plan
    from linker.table.read import Annotations


SHOWN_OUTSIDE = 3
WIDEST = 80  # characters of a column


class SiteDetail(NamedTuple):
    """One site's bytes: as found, as planned, as read back. In an object `va` is an offset in `section`."""

    va: int
    symbol: str
    instruction: str
    class_name: str
    form: str
    old: str
    new: str
    final: str
    section: str = ""


class Slack(NamedTuple):
    """Room of one operation class's sites in bytes: what the afterburner gave, what the forms need.

    sites                           how many
    room_len, used_len, left_len    of all sites together: given, filled by forms, filled with no-operations
    room_min_len                    of the smallest site
    needed_len                      of the longest form
    left_min_len                    of the site with the least left: what the class could do without
    """

    sites: int = 0
    room_len: int = 0
    used_len: int = 0
    left_len: int = 0
    room_min_len: int = 0
    needed_len: int = 0
    left_min_len: int = 0

    def with_sites(self, count: int, room_len: int, used_len: int) -> Slack:
        """These and `count` sites of `room_len` bytes of which a form fills `used_len`."""
        left_len = room_len - used_len
        return Slack(
            sites=self.sites + count,
            room_len=self.room_len + count * room_len,
            used_len=self.used_len + count * used_len,
            left_len=self.left_len + count * left_len,
            room_min_len=min(self.room_min_len, room_len) if self.sites else room_len,
            needed_len=max(self.needed_len, used_len),
            left_min_len=min(self.left_min_len, left_len) if self.sites else left_len,
        )


class LinkReport(NamedTuple):
    """The outcome of a link.

    output           the file written; None for a dry run or for memory
    target           what the image is bound to now; empty after a restore
    previous         what it was bound to before; empty if it was not
    architecture     the codec's name
    sites            records of live code
    bound, skipped   of these, the sites bound, and those left out by --only or --skip
    dropped          records of code the guest's linker dropped
    forms            operation class -> form -> number of sites
    reasons          form and reason -> number of sites, where the form says why it is taken
    slack            operation class -> room given and needed by the sites that are bound
    room_used_len    bytes of all sites the forms fill; room_left_len: bytes filled with no-operations
    counted          sites that count their runs; None without --count
    uncounted        why other bound sites do not -> how many
    hooks            hooks of the original format, bound and not
    entry_va         where the image starts
    module_abi       ABI version of the interface module, 0 without one
    stubs            pieces of code the linker placed behind the module
    signature        of a kernel module: "made" or "given up"; empty where there was none
    details          every site, if asked for
    warnings         what may keep the image from running on the target
    left_tables      sections named like tables of the original format, of no known kind: not bound
    coverage         sensitive instructions outside sites; None where nobody looked
    """

    image: str
    output: str | None
    target: str
    previous: str
    architecture: str
    sites: int
    bound: int
    skipped: int
    dropped: int
    forms: Mapping[str, Mapping[str, int]]
    reasons: Mapping[str, int]
    slack: Mapping[str, Slack]
    room_used_len: int
    room_left_len: int
    counted: int | None
    uncounted: Mapping[str, int]
    hooks: tuple[BoundHook, ...]
    entry_va: int
    module_abi: int
    stubs: int
    signature: str
    left_tables: tuple[str, ...]
    warnings: tuple[str, ...]
    details: tuple[SiteDetail, ...]
    coverage: Coverage | None = None

    def to_json(self) -> dict[str, object]:
        """The fields as JSON types; `details` only where they were asked for."""
        fields = {
            **self._asdict(),
            "slack": {name: slack._asdict() for name, slack in self.slack.items()},
            "hooks": [hook._asdict() for hook in self.hooks],
            "details": [detail._asdict() for detail in self.details],
            "coverage": None if self.coverage is None else self.coverage.to_json(),
        }
        if not self.details:
            del fields["details"]
        return fields


def make_details(plan: Plan, memory: Bytes, symbols: Symbols, places: Places) -> tuple[SiteDetail, ...]:
    """Every site of a plan that has been applied to `memory`, in address order."""
    details = []
    for group in plan.groups:
        text, name = places.say(group.instruction.text), group.instruction.class_name
        for (site, before, after, _), off in zip(group.patches(), group.offs, strict=True):
            final = bytes(memory[off : off + group.room_len])
            found, planned, read = (code.hex(" ") for code in (before, after, final))
            va = site.start_va
            details.append(SiteDetail(va, symbols.at(va), text, name, group.form, found, planned, read))
    details.sort()
    return tuple(
        detail._replace(va=off, section=section) for detail in details for section, off in [places.split(detail.va)]
    )


class Outcome(NamedTuple):
    """What a plan does not say: see the fields of the same names in `LinkReport`."""

    image: str
    output: str | None
    previous: str
    architecture: str
    signature: str = ""


def make_report(
    outcome: Outcome, plan: Plan, annotations: Annotations, details: tuple[SiteDetail, ...] = ()
) -> LinkReport:
    """Count what a plan does."""
    forms: defaultdict[str, Counter[str]] = defaultdict(Counter)
    reasons: Counter[str] = Counter()
    slack: defaultdict[str, Slack] = defaultdict(Slack)
    skipped = used_len = left_len = 0
    for group in sorted(plan.groups, key=lambda group: group.instruction.class_number):
        count = len(group.members)
        forms[group.instruction.class_name][group.form] += count
        used_len += count * group.used_len
        left_len += count * (group.room_len - group.used_len)
        skipped += count if group.form == SKIPPED else 0
        if group.form not in (SKIPPED, RESTORED):
            name = group.instruction.class_name
            slack[name] = slack[name].with_sites(count, group.room_len, group.used_len)
        if group.reason and group.form != RESTORED:
            reasons[f"{group.form}: {group.reason}"] += count
    return LinkReport(
        image=outcome.image,
        output=outcome.output,
        target=plan.target,
        previous=outcome.previous,
        architecture=outcome.architecture,
        sites=len(annotations.starts_va),
        bound=plan.site_count,
        skipped=skipped,
        dropped=annotations.dropped,
        forms={name: dict(counts) for name, counts in forms.items()},
        reasons=dict(reasons),
        slack=dict(slack),
        room_used_len=used_len,
        room_left_len=left_len,
        counted=None if plan.counters is None else len(plan.counters.counted),
        uncounted={} if plan.counters is None else plan.counters.reasons,
        hooks=plan.hooks,
        entry_va=plan.entry_va,
        module_abi=plan.module_abi,
        stubs=len(plan.stubs),
        signature=outcome.signature,
        left_tables=annotations.left_tables,
        warnings=plan.warnings,
        details=details,
    )


def format_report(report: LinkReport) -> list[str]:
    """The report for a person, line by line."""
    if report.target:
        what = f"bound to {report.target}" + (f" (was {report.previous})" if report.previous else "")
    else:
        what = f"restored (was bound to {report.previous or 'bare'})"
    lines = [f"{report.image}: {what}, {report.architecture}, {report.sites} sites"]
    if report.output:
        lines[0] += f" -> {report.output}"
    if report.signature:
        lines.append(f"signature: {report.signature}")
    for detail in report.details:
        lines += [
            "",
            f"{column(detail.section, detail.va)} {detail.symbol} '{detail.instruction}' {detail.form}",
            f"    old    {detail.old}",
            f"    new    {detail.new}",
            f"    final  {detail.final}",
        ]
    if report.target and report.sites:
        rows: list[tuple[str, ...]] = [("class", "form", "sites")]
        rows += [(name, form, str(count)) for name, forms in report.forms.items() for form, count in forms.items()]
        lines += ["", *format_table(rows, right={2}), "", *_format_slack(report)]
        total = report.room_used_len + report.room_left_len
        lines += [
            "",
            f"room: {report.room_used_len} of {total} bytes used, {report.room_left_len} left as no-operations",
        ]
    lines += [f"{count} sites {reason}" for reason, count in report.reasons.items()]
    for hook in report.hooks:
        what = f"bound to {hook.symbol}" if hook.symbol else f"{report.target} has none: stays as it is"
        lines.append(f"{hook.direction} {hook.name} at {hook.va:#x}: {what}")
    if report.counted is not None:
        lines.append(f"{report.counted} sites count their runs")
        lines += [f"{count} sites do not: {reason}" for reason, count in report.uncounted.items()]
    if report.dropped:
        lines.append(f"{report.dropped} records of code the guest's linker dropped were passed over")
    lines += [f"table {name} is of no known kind: its records are not bound" for name in report.left_tables]
    lines += [f"warning: {warning}" for warning in report.warnings]
    if report.target:
        lines.append(_coverage(report.coverage))
    if report.stubs:
        lines.append(f"{report.stubs} stubs behind the interface module (ABI {report.module_abi})")
    return lines


def _coverage(coverage: Coverage | None) -> str:
    if coverage is None:
        return "sensitive instructions outside sites: not looked at (--uncovered looks)"
    first = ", ".join(map(str, coverage.uncovered[:SHOWN_OUTSIDE]))
    more = ", ..." if coverage.outside > SHOWN_OUTSIDE else ""
    return coverage.verdict + (f": {first}{more}" if first else "")


def _format_slack(report: LinkReport) -> list[str]:
    rows: list[tuple[str, ...]] = [("room", "sites", "given", "min", "needed", "used", "left", "min left")]
    rows += [
        (name, *map(str, (s.sites, s.room_len, s.room_min_len, s.needed_len, s.used_len, s.left_len, s.left_min_len)))
        for name, s in report.slack.items()
    ]
    return format_table(rows, right=set(range(1, len(rows[0])))) if len(rows) > 1 else []


def format_table(rows: list[tuple[str, ...]], right: frozenset[int] | set[int] = frozenset()) -> list[str]:
    """Columns as wide as their widest cell, but not wider than `WIDEST`; those in `right` flush right.

    A cell that is wider than its column moves its own row's rest, not that of all rows.
    """
    cells = [tuple(map(printable, row)) for row in rows]  # here already: widths are those of what is shown
    widths = [min(max(map(len, column)), WIDEST) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if n in right else cell.ljust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
