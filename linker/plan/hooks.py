"""Hooks of the original format, bound both ways by name (docs/l4ka.md).

    guest  .afterburn.imports   1, afterburn_set_pte_hook       word <- address of the module's hook_set_pte
    guest  .afterburn.exports   3, __burn_prof_counters_start   module's guest_burn_prof_counters_start <- that address

What an import's word held is kept behind everything else in the reserve's data part, 8 bytes a record, so that binding
again and restoring find it. A hook that the module does not have stays as the guest has it, and is reported.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from linker.errors import LinkError
from linker.image.windows import offset_of
from linker.plan.patches import BoundHook, Edit
from linker.quick.tuples import NamedTuple
from linker.sites.l4ka import EXPORTS, IMPORTS, SECTION_EXPORTS, SECTION_IMPORTS
from linker.sites.reach import require_unsigned

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from linker.plan.patches import Request
    from linker.table.read import HookRecord

KEPT_LEN = 8  # bytes a record of what an import's word held
MODULE_FUNCTION, MODULE_WORD = "hook_", "guest_"


class HookPlan(NamedTuple):
    """What binding the hooks changes: words of the guest, words of the module, and what the guest's words held."""

    hooks: tuple[BoundHook, ...]
    edits: tuple[Edit, ...]
    module_words: Mapping[str, int]
    kept: bytes


def plan_hooks(request: Request, symbols: Mapping[str, int]) -> HookPlan:
    """Bind the hooks to these symbols of the module; without any, everything as annotated."""
    annotations = request.sites.annotations
    hooks: list[BoundHook] = []
    edits: list[Edit] = []
    originals = original_words(request)
    for record, original in zip(annotations.imports, originals, strict=True):
        name = IMPORTS.get(record.kind, f"number {record.kind}")
        symbol = MODULE_FUNCTION + name
        target = symbols.get(symbol)
        hooks.append(BoundHook("import", name, record.va, symbol if target is not None else ""))
        off, length = _word_off(request, record), request.codec.word_len
        if target is None:
            after = original
        else:
            after = require_unsigned(target, 8 * length, place(record), f"'{symbol}'").to_bytes(length, "little")
        edits.append(Edit(f"hook {name}", off, bytes(request.memory[off : off + length]), after))
    _require_apart(annotations.imports, request.codec.word_len)
    loads = sorted((load.va, load.va + load.memory_len) for load in request.image.loads)
    ends = list(accumulate((end for _, end in loads), max))
    module_words: dict[str, int] = {}
    exported: set[str] = set()
    for record in annotations.exports:
        name = EXPORTS.get(record.kind, f"number {record.kind}")
        _require_mapped(record, loads, ends)
        symbol = MODULE_WORD + name
        if name in exported:
            raise LinkError(f"two exports of {name}", where=place(record), expected="one")
        exported.add(name)
        hooks.append(BoundHook("export", name, record.va, symbol if symbol in symbols else ""))
        if symbol in symbols:
            module_words[symbol] = record.va
    kept = b"".join(word.ljust(KEPT_LEN, b"\0") for word in originals)
    return HookPlan(tuple(hooks), tuple(edits), module_words, kept)


def original_words(request: Request) -> Sequence[bytes]:
    """What each import's word held in the annotated original."""
    annotations, length = request.sites.annotations, request.codec.word_len
    bound, reserve = annotations.bound, annotations.reserve
    offs = [_word_off(request, record) for record in annotations.imports]
    if bound is not None and bound.target and bound.keeps_hooks and reserve is not None:
        kept_va = reserve.data_va + reserve.data_len - KEPT_LEN * len(offs)
        first = offset_of(request.windows, kept_va, KEPT_LEN * len(offs))
        if first is None:
            raise LinkError("the hooks' words are not where the reserve keeps them", where=f"{kept_va:#x}")
        offs = [first + KEPT_LEN * n for n in range(len(offs))]
    return [bytes(request.memory[off : off + length]) for off in offs]


def _word_off(request: Request, record: HookRecord) -> int:
    off = offset_of(request.windows, record.va, request.codec.word_len)
    if off is None:
        raise LinkError(
            "an imported hook's word is not in the file",
            where=place(record),
            found=f"{record.va:#x}",
            expected="an initialised word of a loaded segment",
            advice="put the pointer into .data",
        )
    return off


def _require_apart(records: Sequence[HookRecord], word_len: int) -> None:
    by_va = sorted(records, key=lambda record: record.va)
    for one, other in pairwise(by_va):
        if other.va < one.va + word_len:
            raise LinkError(
                f"{place(one)} and {place(other)} overlap", where=f"{other.va:#x}", expected="disjoint words"
            )


def _require_mapped(record: HookRecord, loads: Sequence[tuple[int, int]], ends: Sequence[int]) -> None:
    """One of `loads`, which are sorted, must hold the record's address; `ends`: the highest end up to each."""
    index = bisect_right(loads, (record.va, 1 << 65)) - 1
    if index < 0 or ends[index] <= record.va:
        raise LinkError(
            "an export is in no segment",
            where=place(record),
            found=f"{record.va:#x}",
            expected="an address of the guest",
            advice="link the guest again",
        )


def place(record: HookRecord) -> str:
    """How messages name a record."""
    return f"{SECTION_IMPORTS if record.is_import else SECTION_EXPORTS} record {record.number}"
