"""Sites that count their runs, read as if they did not: what is left is judged like any other site.

    site  e8 rel32                     call counting stub
    stub  xchg, lea, xchg; e9 rel32    the site's own counter, and on to where the site would call
    read  call there

The counting code must be one of the two sequences here, on the site's own counter; its stub must come back into the
site, or go on to where a call or jump would lead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linker.errors import LinkError
from linker.sites.formats import INFO_PAD_FRONT
from linker.verification.steps import CALL, JUMP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from linker.bind.examine import ExaminedSite
    from linker.verification.image import BoundImage
    from linker.verification.steps import Step

LONGEST_STUB_LEN = 64
# Opcode bytes in front of the counter's address, and which byte of the counter that is; None: a whole instruction.
SEQUENCES: tuple[tuple[tuple[bytes, int | None], ...], ...] = (
    ((b"\x9c", None), (b"\xf0\x48\xff\x05", 0), (b"\x9d", None)),
    ((b"\x48\x87\x05", 0), (b"\x48\x8d\x40\x01", None), (b"\x48\x87\x05", 0)),
    ((b"\x9c", None), (b"\xf0\x83\x05", 0), (b"\xf0\x83\x15", 4), (b"\x9d", None)),
    ((b"\x87\x05", 0), (b"\x8d\x40\x01", None), (b"\x87\x05", 0)),
)
# These change the arithmetic flags: for sites where the linker found that nobody reads them.
LOOSE_SEQUENCES: tuple[tuple[tuple[bytes, int | None], ...], ...] = (
    ((b"\xf0\x48\xff\x05", 0),),
    ((b"\xf0\x83\x05", 0), (b"\xf0\x83\x15", 4)),
)


def without_counting(
    image: BoundImage, site: ExaminedSite, steps: Sequence[Step], read: Callable[[bytes, int], Iterator[Step]]
) -> Sequence[Step]:
    """The site's instructions without what counts; LinkError when it does not count as it should."""
    counters = image.plan.counters
    if counters is None or site.position not in counters.counted:
        return steps
    work = [step for step in steps if not step.is_nop]
    to_stub = [step for step in work if step.branch in (CALL, JUMP) and step.target_va is not None]
    if not to_stub:
        raise LinkError("no branch to a stub that counts")
    branch = to_stub[0]
    sequences = LOOSE_SEQUENCES if site.position in counters.loose else SEQUENCES
    done, end_va = _read_stub(image, branch.target_va or 0, counters.va_of(site.position), sequences, read)
    others = [step for step in work if step is not branch]
    if branch.branch == CALL or not site.start_va < end_va <= site.end_va:
        if done or others:
            raise LinkError("a stub that does more than count")
        return [branch._replace(target_va=end_va)]
    if end_va < site.end_va:  # counted in front of what stands at the end of the site
        if done or any(site.start_va + step.offset < end_va for step in others):
            raise LinkError("a stub that does more than count")
        in_front = site.flags & INFO_PAD_FRONT
        return [step if in_front else step._replace(offset=step.offset - others[0].offset) for step in others]
    if done and others:
        raise LinkError("work both in the site and in its stub")
    return others or [_as_in_site(site, step, done[0].offset) for step in done]


def _read_stub(
    image: BoundImage,
    va: int,
    counter_va: int,
    sequences: Sequence[tuple[tuple[bytes, int | None], ...]],
    read: Callable[[bytes, int], Iterator[Step]],
) -> tuple[list[Step], int]:
    """What a stub does beside counting, and where it leads."""
    reserve = image.reserve
    length = 0 if reserve is None else min(LONGEST_STUB_LEN, reserve.text_va + reserve.text_len - va)
    steps: list[Step] = []
    for step in read(image.present_at(va, length) or b"", va):
        steps.append(step)
        if step.branch:
            break
    if not steps or steps[-1].branch != JUMP or steps[-1].target_va is None:
        raise LinkError("a stub that ends in no jump")
    sequence = next((sequence for sequence in sequences if _counts(steps, sequence, counter_va)), None)
    if sequence is None:
        raise LinkError(f"a stub that does not count at {counter_va:#x}", found="; ".join(step.text for step in steps))
    return steps[len(sequence) : -1], steps[-1].target_va


def _counts(steps: Sequence[Step], sequence: tuple[tuple[bytes, int | None], ...], counter_va: int) -> bool:
    return len(steps) > len(sequence) and all(
        step.code == code if offset is None else step.code.startswith(code) and step.memory_va == counter_va + offset
        for step, (code, offset) in zip(steps, sequence, strict=False)
    )


def _as_in_site(site: ExaminedSite, step: Step, first_off: int) -> Step:
    """An instruction of the stub where it would stand in the site; one relative to itself with its original bytes."""
    insn = site.instruction
    moved = step._replace(offset=step.offset - first_off)
    if insn.ip_relative and insn.memory is not None and step.memory_va == insn.memory.displacement:
        return moved._replace(code=insn.code)
    return moved
