"""What a proof says: records for a program (JSON) and tables for a person."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from linker.bind.report import format_table
from linker.inspection.uncovered import format_coverage
from linker.quick.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from linker.coverage.look import Coverage

SHOWN_FAILURES = 40


class Failure(NamedTuple):
    """Something that is not as it should be.

    check        bytes, outside, shape, branch, module, entry, note, original or run
    part         what it is about: "site", "reserve text", "note BOUND", ...
    va           address, None where the place is not mapped
    off          offset in the file, None where it is not about bytes
    symbol       the guest's symbol at `va`
    instruction  the site's original instruction, for a site
    """

    check: str
    part: str
    va: int | None
    off: int | None
    symbol: str
    instruction: str
    expected: str
    found: str

    def to_json(self) -> dict[str, object]:
        """The fields as JSON types."""
        return self._asdict()

    def __str__(self) -> str:
        place = f"{self.va:#x}" if self.va is not None else "" if self.off is None else f"offset {self.off:#x}"
        words = [self.part, place, self.symbol and f"<{self.symbol}>", self.instruction and f"'{self.instruction}'"]
        return f"{self.check}: {' '.join(filter(None, words))}: found {self.found}, expected {self.expected}"


class RunCount(NamedTuple):
    """What the emulator did with the sites of one class and form.

    forms       distinct byte strings (the operands of the linker left out)
    runs        times one of them was run
    not_run     why distinct forms were not run -> how many
    """

    class_name: str
    form: str
    forms: int
    runs: int
    not_run: Mapping[str, int]


class Proof(NamedTuple):
    """The outcome. It is proven when there is no failure, and complete when nothing sensitive is outside sites.

    sites       operation class -> form -> sites whose bytes, shape and branches are right
    site_count  all sites of the image
    checked     what was looked at -> how often
    entries     "table" where `entries.py` has the target, "binding" where its own binding was believed
    runs        None where nothing was to be run
    run_why_not why nothing was run
    compared_with  the annotated original given by --original; empty without
    coverage    what is outside sites, where no binding reaches it
    """

    image: str
    target: str
    architecture: str
    site_count: int
    sites: Mapping[str, Mapping[str, int]]
    checked: Mapping[str, int]
    entries: str
    runs: tuple[RunCount, ...] | None
    run_why_not: str
    compared_with: str
    coverage: Coverage
    failures: tuple[Failure, ...]

    @property
    def is_proven(self) -> bool:
        """Whether nothing is wrong with what is bound."""
        return not self.failures

    @property
    def is_complete(self) -> bool:
        """Whether no sensitive instruction is outside sites without a reason."""
        return not self.coverage.outside

    @property
    def verdict(self) -> str:
        """In a few words."""
        if self.failures:
            return "NOT proven"
        if self.is_complete:
            return "proven"
        verb = "is" if self.coverage.outside == 1 else "are"
        return f"the sites are proven, but {self.coverage.verdict.replace(' outside', f' {verb} outside')}"

    def to_json(self) -> dict[str, object]:
        """The fields as JSON types."""
        return {
            **self._asdict(),
            "proven": self.is_proven,
            "complete": self.is_complete,
            "verdict": self.verdict,
            "coverage": self.coverage.to_json(),
            "runs": None if self.runs is None else [run._asdict() for run in self.runs],
            "failures": [failure.to_json() for failure in self.failures],
        }


def count_forms(pairs: Iterable[tuple[str, str]]) -> dict[str, dict[str, int]]:
    """(class, form) pairs counted: class -> form -> number."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for class_name, form in pairs:
        counts[class_name][form] += 1
    return {name: dict(forms) for name, forms in sorted(counts.items())}


def format_proof(proof: Proof, *, all_failures: bool = False) -> list[str]:
    """The proof for a person."""
    shown = len(proof.failures) if all_failures else SHOWN_FAILURES
    proven = sum(sum(forms.values()) for forms in proof.sites.values())
    lines = [f"{proof.image}: bound to {proof.target}, {proof.architecture}: {proof.verdict}"]
    runs = {(run.class_name, run.form): run for run in proof.runs or ()}
    rows: list[tuple[str, ...]] = [("class", "form", "sites", "distinct", "run", "not run")]
    for name, forms in proof.sites.items():
        for form, count in forms.items():
            run = runs.get((name, form))
            cells = ("", "", "")
            if run is not None:
                left_out = sum(run.not_run.values())
                cells = (str(run.forms), str(run.forms - left_out), str(left_out or ""))
            rows.append((name, form, str(count), *cells))
    if len(rows) > 1:
        lines += ["", *format_table(rows, right={2, 3, 4, 5}), ""]
    lines.append(f"{proven} of {proof.site_count} sites proven")
    lines += [f"{count} {what}" for what, count in proof.checked.items()]
    if proof.compared_with:
        lines.append(f"the original was compared with {proof.compared_with}")
    if proof.entries == "binding":
        lines.append("which entries serve which class: as the binding says (no table for this target)")
    if proof.runs is None:
        lines.append(f"nothing was run: {proof.run_why_not}")
    else:
        why: Counter[str] = Counter()
        for run in proof.runs:
            why.update(run.not_run)
        lines.append(f"{sum(run.runs for run in proof.runs)} runs in the emulator")
        lines += [f"{count} distinct forms not run: {reason}" for reason, count in sorted(why.items())]
    lines += format_coverage(proof.coverage)
    outside = proof.coverage.uncovered[: None if all_failures else SHOWN_FAILURES]
    lines += [f"OUTSIDE {finding}" for finding in outside]
    if proof.coverage.outside > len(outside):
        lines.append(f"{proof.coverage.outside - len(outside)} more outside; previrt-inspect --uncovered lists them")
    lines += [f"FAILED {failure}" for failure in proof.failures[:shown]]
    if len(proof.failures) > shown:
        lines.append(f"{len(proof.failures) - shown} more failures; -v shows all")
    return lines
