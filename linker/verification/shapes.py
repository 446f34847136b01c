"""Every site decodes to instructions of its form, whatever the plan says.

native   the original instruction, no-operations around it
trap     the same, or an instruction in its place that traps (a break on ia64, `int $0x80` for Xen)
call     one call, no-operations around it; it ends with the site where the padding is in front
jump     one jump (ia64: code in front of it, the instruction's own predicate on it)
inline   what `entries.py` says of the class: one instruction on a word of the virtual CPU, or nothing. Otherwise
         anything that does not leave the site (ia64: but for one conditional branch)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linker.bind.examine import SiteState
from linker.errors import LinkError
from linker.sites.formats import INFO_PAD_FRONT
from linker.verification.counting import without_counting
from linker.verification.steps import CALL, CONDITIONAL, JUMP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from linker.bind.examine import ExaminedSite
    from linker.verification.entries import Serving
    from linker.verification.image import BoundImage
    from linker.verification.proof import Failure
    from linker.verification.steps import Step

BRANCHES = (CALL, JUMP, CONDITIONAL)


class Shapes:
    """Judges sites; `steps` of each is kept for the other checks."""

    def __init__(
        self, image: BoundImage, serving: Serving | None, read: Callable[[bytes, int], Iterator[Step]]
    ) -> None:
        """`serving` None: nothing is known of the target's words and traps."""
        self._image = image
        self._serving = serving
        self._read = read
        self._known: dict[bytes, Sequence[Step]] = {}

    def steps(self, site: ExaminedSite) -> Sequence[Step]:
        """The site decoded, what counts its runs left out; LinkError when it cannot be."""
        known = self._known.get(site.present)
        if known is None:
            known = list(self._read(site.present, site.start_va))
            if not any(step.target_va is not None or step.memory_va is not None for step in known):
                self._known[site.present] = known
        return without_counting(self._image, site, known, self._read)

    def check(self, site: ExaminedSite) -> Iterator[Failure]:
        """What is wrong with a site's instructions."""
        if site.state is SiteState.SKIPPED:
            if site.present != site.original:
                yield self._image.site_failure("shape", site, "the site as annotated", site.present.hex(" "))
            return
        try:
            steps = self.steps(site)
        except LinkError as error:
            yield self._image.site_failure("shape", site, f"a site in form {site.form}", str(error))
            return
        work = [step for step in steps if not step.is_nop]
        expected = _CHECKS[site.form](self, site, work) if site.form in _CHECKS else "a known form"
        if expected:
            found = "; ".join(step.text for step in work) or "no-operations"
            yield self._image.site_failure("shape", site, expected, found)

    def _native(self, site: ExaminedSite, work: Sequence[Step]) -> str:
        return "" if self._is_original(site, work) else f"'{site.instruction.text}' and no-operations"

    def _is_original(self, site: ExaminedSite, work: Sequence[Step]) -> bool:
        code = site.instruction.code
        return len(work) == 1 and work[0].code == code and self._stands_right(site, work[0])

    @staticmethod
    def _stands_right(site: ExaminedSite, step: Step) -> bool:
        """At the start, or, where the padding is in front, at the end."""
        if site.flags & INFO_PAD_FRONT:
            return step.end_off == len(site.present)
        return step.offset == 0

    def _trap(self, site: ExaminedSite, work: Sequence[Step]) -> str:
        if self._is_original(site, work):
            return ""
        traps = self._serving.traps if self._serving is not None else ()
        in_place = len(work) == 1 and (work[0].code in traps or work[0].mnemonic == "break")
        if in_place and self._stands_right(site, work[0]):
            return ""
        return f"'{site.instruction.text}' or a trap in its place, and no-operations"

    def _call(self, site: ExaminedSite, work: Sequence[Step]) -> str:
        if len(work) != 1 or work[0].branch != CALL or work[0].target_va is None:
            return "one call and no-operations"
        if site.flags & INFO_PAD_FRONT and work[0].end_off != len(site.present):
            return "a call that ends with the site"
        if not site.flags & INFO_PAD_FRONT and work[0].offset and site.instruction.class_name != "sti":
            return "a call that begins the site"
        return ""

    def _jump(self, site: ExaminedSite, work: Sequence[Step]) -> str:
        branches = [step for step in work if step.branch]
        wanted = CONDITIONAL if site.instruction.predicate else JUMP
        if len(branches) == 1 and branches[0] is work[-1] and branches[0].branch == wanted:
            return ""
        return f"one {wanted} branch, the site's last instruction, and no-operations"

    def _inline(self, site: ExaminedSite, work: Sequence[Step]) -> str:
        name = site.instruction.class_name
        if self._serving is not None and name in self._serving.words:
            word, offset, step_len = self._serving.words[name]
            number = site.instruction.registers[1] if step_len else 0
            va = self._image.exports.get(word, 0) + offset + number * step_len
            if len(work) == 1 and work[0].mnemonic == "mov" and work[0].memory_va == va and self._moves(site, work[0]):
                return ""
            return f"one mov {'of 0 to' if not step_len else 'from'} {word}+{offset + number * step_len} ({va:#x})"
        leaving = [step for step in work if step.branch]
        if len(leaving) > 1 or any(step.branch != CONDITIONAL for step in leaving):
            return "no instruction that leaves the site"
        return ""

    @staticmethod
    def _moves(site: ExaminedSite, step: Step) -> bool:
        """A byte of zero, or the instruction's own destination."""
        if site.instruction.registers:
            return step.register == site.instruction.registers[0] and step.immediate is None
        return step.immediate == 0 and step.register is None


_CHECKS: dict[str, Callable[[Shapes, ExaminedSite, Sequence[Step]], str]] = {
    "native": Shapes._native,
    "trap": Shapes._trap,
    "call": Shapes._call,
    "jump": Shapes._jump,
    "inline": Shapes._inline,
}
