"""Coverage for a person: what is outside sites and why, what was not looked at."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from linker.bind.report import format_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linker.bind.uncovered import Looked
    from linker.coverage.judge import Uncovered
    from linker.coverage.look import Coverage

NO_CLASS = "(none)"


def format_uncovered(looked: Looked, *, every_one: bool) -> list[str]:
    """All that is uncovered, by address; `every_one`: what is exempt, too."""
    coverage = looked.coverage
    bound = f"bound to {looked.target}" if looked.target else "not bound"
    sites = "not annotated" if looked.sites is None else f"{bound}, {looked.sites} sites"
    lines = [f"{looked.file}: {looked.architecture}, {sites}, {coverage.verdict}"]
    if coverage.uncovered:
        lines += ["", *_rows(coverage.uncovered, "remark"), *_more(coverage.outside, coverage.uncovered)]
        by_class = Counter(row.class_name or NO_CLASS for row in coverage.uncovered)
        lines += ["", ", ".join(f"{name} {count}" for name, count in by_class.most_common())]
    lines += ["", *format_coverage(coverage)]
    if every_one and coverage.exempt:
        lines += ["", *_rows(coverage.exempt, "why")]
    return lines


def format_coverage(coverage: Coverage) -> list[str]:
    """What was looked at, what is exempt and what was passed over, in a line each."""
    lines = [f"{coverage.code_len} bytes of code in {coverage.areas} sections were looked at"]
    lines += [f"exempt: {count}, {why}" for why, count in coverage.reasons.items()]
    over: Counter[str] = Counter(row.remark for row in coverage.exempt if row.remark)
    if over:
        shown = ", ".join(remark.removeprefix("over ") for remark in list(over)[:SHOWN_PLACES])
        more = f" and {len(over) - SHOWN_PLACES} more; -v lists all" if len(over) > SHOWN_PLACES else ""
        lines.append(f"written over at run time: {shown}{more}")
    lines += [f"{count} sites are written over at run time by {name}" for name, count in coverage.over_sites.items()]
    lines += [
        f"not looked at: {row.len} bytes at {row.va:#x}{f' of {row.name}' if row.name else ''}: {row.why}"
        for row in coverage.passed
    ]
    return lines


SHOWN_PLACES = 5


def _rows(findings: Sequence[Uncovered], last: str) -> list[str]:
    rows: list[tuple[str, ...]] = [("section", "address", "symbol", "instruction", "class", last)]
    rows += [
        (
            row.section,
            f"{row.va:x}",
            row.symbol,
            row.instruction,
            row.class_name or NO_CLASS,
            "; ".join(filter(None, (row.why, row.remark))),
        )
        for row in findings
    ]
    return format_table(rows, right={1})


def _more(count: int, findings: Sequence[Uncovered]) -> list[str]:
    return [f"{count - len(findings)} more"] if count > len(findings) else []
