"""Phase 4: what each byte becomes. Pure: no file is read, nothing is written.

A plan is an immutable list of `Patch(site, before, after, reason)`, kept as groups of sites that take the same form, so
that a million sites are a few long strings.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from linker.count.counters import Counters
from linker.count.counting import Counting
from linker.errors import LinkError
from linker.hypervisors.base import Form, FormKind, Unbindable
from linker.hypervisors.shared.memory_operations import memory_form
from linker.plan.edits import edits_in_file, edits_in_memory
from linker.plan.hooks import plan_hooks
from linker.plan.lay_out import ReserveLayout
from linker.plan.patches import Filled, Plan, patch_group, split_group
from linker.quick.tuples import NamedTuple
from linker.sites.formats import INFO_PAD_FRONT
from linker.sites.l4ka import FIRST_MEMORY_CLASS
from linker.table.names import record_name
from linker.table.read import Bound

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from linker.hypervisors.base import Binding
    from linker.plan.patches import Edit, PatchGroup, Request
    from linker.sites.codec import Codec, Instruction
    from linker.table.decode import SiteGroup, Sites

SKIPPED = "skipped"
RESTORED = "restored"


class BindFailure(NamedTuple):
    """Sites that a target has no form for: `site_count` of them, the first at `first_va`, with `room_len` bytes.

    `where` names the first as messages do.
    """

    class_name: str
    instruction: str
    room_len: int
    reason: str
    first_va: int
    site_count: int
    where: str


class UnboundSitesError(LinkError):
    """Some sites have no form for the target; `failures` says which."""

    failures: tuple[BindFailure, ...] = ()

    def reword(self, say: Callable[[str], str]) -> None:
        """The same for the failures; what is no address outside the linker is none there."""
        super().reword(say)
        self.failures = tuple(
            one._replace(first_va=0, where=say(one.where), instruction=say(one.instruction)) for one in self.failures
        )

    def to_json(self) -> dict[str, object]:
        """The parts of the message and the failures."""
        return {**super().to_json(), "failures": [failure._asdict() for failure in self.failures]}


def choose_forms(sites: Sites, binding: Binding, codec: Codec) -> list[tuple[SiteGroup, Form | Unbindable]]:
    """The form of each group, or why there is none."""
    chosen: list[tuple[SiteGroup, Form | Unbindable]] = []
    for group in sites.groups:
        form = _form(group, binding)
        if isinstance(form, Form):
            if len(form.code) > group.room_len:
                form = Unbindable(f"site is too short: {len(form.code)} bytes needed, {group.room_len} there")
            elif form.kind is FormKind.NATIVE and (form.fixups or form.code != group.instruction.code):
                raise ValueError(f"{binding.target}: form native must keep '{group.instruction.text}'")
        chosen.append((group, form))
    return chosen


def _form(group: SiteGroup, binding: Binding) -> Form | Unbindable:
    if _is_memory_operation(group):
        return memory_form(group.instruction, binding)
    return binding.form(group.instruction, group.room_len, group.flags)


def _is_memory_operation(group: SiteGroup) -> bool:
    return group.instruction.class_number >= FIRST_MEMORY_CLASS


def make_plan(request: Request) -> Plan:
    """Plan a binding, or with no binding the way back; LinkError when a site cannot be bound or does not fit."""
    if request.binding is None:
        return _plan_restore(request)
    planned, left = [], []
    for group, form in choose_forms(request.sites, request.binding, request.codec):
        mine, others = split_group(group, request.chosen)
        if mine.members:
            planned.append((mine, form))
        if others.members:
            left.append(others)
    bindable = require_forms(request, planned)
    bindable, counters = _counting(request, bindable)
    # A module is told of all sensitive instructions, whatever is chosen; memory operations are none of its business.
    told = [group for group in request.sites.groups if not _is_memory_operation(group)]
    layout = ReserveLayout(request, request.binding, told, counters)
    groups = [layout.patch(*part) for group, form in bindable for part in layout.by_reach(group, form)]
    groups += [unchanged(request, group, SKIPPED, "not selected") for group in left]
    layout.require_room()
    overwritten = [group for group in groups if not group.keeps_instruction]
    if overwritten and request.sites.annotations.undo is None and not request.keeps_original:
        raise LinkError(
            "no room to keep overwritten instructions",
            expected="a section .afterburn.undo",
            advice="build the guest with previrt-as",
        )
    if overwritten and request.sites.annotations.undo is not None and request.sites.annotations.bound_note is None:
        raise LinkError(
            "no BOUND note, so that nothing would say that .afterburn.undo is in use",
            expected="one beside .afterburn.undo",
            advice="link the guest again, keeping .note.afterburn",
        )
    site_count = sum(len(group.members) for group, _ in bindable)
    bound = Bound(
        request.binding.target,
        layout.module_abi,
        request.original_entry_va,
        site_count,
        counts=request.counts,
        keeps_hooks=bool(layout.hooks.edits) and bool(layout.symbols),
    )
    edits = edits_in_memory(request, bytes(layout.text), layout.whole_data(), bound, layout.notes)
    edits += layout.hooks.edits
    edits += edits_in_file(request, overwritten, layout.entry_va)
    return Plan(
        target=request.binding.target,
        groups=tuple(groups),
        edits=_real(edits),
        stubs=tuple(layout.stubs),
        entry_va=layout.entry_va,
        module_abi=layout.module_abi,
        site_count=site_count,
        counters=counters and counters._replace(va=layout.counters_va),
        hooks=layout.hooks.hooks,
    )


def _counting(
    request: Request, bindable: list[tuple[SiteGroup, Form]]
) -> tuple[list[tuple[SiteGroup, Form]], Counters | None]:
    """The forms that count where that is asked for and can be done; the counters, not placed yet."""
    if not request.counts:
        return bindable, None
    counting = Counting(request)
    made = [(form, counted) for group, form in bindable for counted in counting.counted(group, form)]
    counts = [one for _, one in made if isinstance(one.form, Form)]
    reasons: Counter[str] = Counter()
    for _, one in made:
        if not isinstance(one.form, Form):
            reasons[one.form] += len(one.group.members)
    indexes = sorted(index for one in counts for index in one.group.members)
    counters = Counters(
        va=0,
        counted={index: n for n, index in enumerate(indexes)},
        loose=frozenset(index for one in counts if one.is_loose for index in one.group.members),
        reasons=dict(reasons),
    )
    return [(one.group, one.form if isinstance(one.form, Form) else form) for form, one in made], counters


def _plan_restore(request: Request) -> Plan:
    groups = tuple(unchanged(request, group, RESTORED, "as annotated") for group in request.sites.groups)
    return Plan("", groups, _real(restoring_edits(request)), (), request.original_entry_va, 0, 0)


def restoring_edits(request: Request) -> list[Edit]:
    """What stands outside the sites in the annotated original, those edits too that change nothing."""
    edits = edits_in_memory(request, b"", b"", Bound("", 0, 0, 0))
    edits += edits_in_file(request, (), request.original_entry_va)
    return [*edits, *plan_hooks(request, {}).edits]


def _real(edits: Sequence[Edit]) -> tuple[Edit, ...]:
    return tuple(edit for edit in edits if edit.before != edit.after)


def require_forms(
    request: Request, planned: Sequence[tuple[SiteGroup, Form | Unbindable]]
) -> list[tuple[SiteGroup, Form]]:
    """The groups with their forms; UnboundSitesError when one has none."""
    failed = [(group, form) for group, form in planned if isinstance(form, Unbindable)]
    if not failed:
        return [(group, form) for group, form in planned if isinstance(form, Form)]
    annotations = request.sites.annotations
    group, reason = failed[0]
    count = sum(len(group.members) for group, _ in failed)
    error = UnboundSitesError(
        f"{count} of {len(annotations.starts_va)} sites cannot be bound; the first is '{group.instruction.text}' "
        f"({group.instruction.class_name}) in {group.room_len} bytes: {reason.reason}",
        where=record_name(annotations, group.members[0]),
        advice="--list shows all of them; --skip leaves them native",
    )
    error.failures = tuple(
        BindFailure(
            group.instruction.class_name,
            group.instruction.text,
            group.room_len,
            form.reason,
            annotations.starts_va[group.members[0]],
            len(group.members),
            record_name(annotations, group.members[0]),
        )
        for group, form in failed
    )
    raise error


def unchanged(request: Request, group: SiteGroup, form: str, reason: str) -> PatchGroup:
    """Sites as the annotated original has them."""
    pad_front = bool(group.flags & INFO_PAD_FRONT)
    original = as_annotated(group.instruction, group.room_len, group.flags, request.codec) * len(group.members)
    return patch_group(request.sites, group, Filled(form, reason, original, group.instruction.length, pad_front))


def as_annotated(instruction: Instruction, room_len: int, flags: int, codec: Codec) -> bytes:
    """What a site holds in the annotated original: the instruction and its padding."""
    padding = codec.padding(room_len - instruction.length)
    return padding + instruction.code if flags & INFO_PAD_FRONT else instruction.code + padding
