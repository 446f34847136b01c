"""Room against need: what the sites of each class have, and what each target would take of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from linker.bind.report import Slack
from linker.hypervisors.base import Form
from linker.plan.make import choose_forms
from linker.quick.tuples import NamedTuple
from linker.registry import binding_for, targets
from linker.table.decode import SiteGroup, Sites

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from linker.bind.examine import Examination, ExaminedSite
    from linker.hypervisors.base import Unbindable
    from linker.sites.codec import Instruction

NO_FORM = "none"


class Need(NamedTuple):
    """What one target takes of the sites of one class.

    slack     of the sites that have a form
    forms     form -> number of sites, "none" where the target has no form
    reasons   why there is none
    """

    slack: Slack
    forms: Mapping[str, int]
    reasons: tuple[str, ...]


class Room(NamedTuple):
    """The sites of one class: the room of the smallest and the largest, and each target's need."""

    class_name: str
    sites: int
    room_len: int
    most_room_len: int
    needs: Mapping[str, Need]

    def to_json(self) -> dict[str, object]:
        """The fields as JSON types."""
        needs = {
            target: {"forms": need.forms, "reasons": need.reasons, **need.slack._asdict()}
            for target, need in self.needs.items()
        }
        return {**self._asdict(), "needs": needs}


def supported_targets(architecture: str) -> list[str]:
    """The targets that have a binding for an architecture."""
    return [target for target, names in targets().items() if architecture in names]


def room_against_need(examination: Examination, wanted: Sequence[str]) -> list[Room]:
    """One a class, the most frequent first, for the targets wanted; UsageError for one that is unknown."""
    table = examination.table
    sites = _grouped(examination)
    chosen = {
        target: dict(_by_class(choose_forms(sites, binding_for(target, table.image.machine), table.codec)))
        for target in wanted
    }
    classes: defaultdict[str, list[SiteGroup]] = defaultdict(list)
    for group in sites.groups:
        classes[group.instruction.class_name].append(group)
    rooms = [
        Room(
            class_name=name,
            sites=sum(len(group.members) for group in groups),
            room_len=min(group.room_len for group in groups),
            most_room_len=max(group.room_len for group in groups),
            needs={target: _need(by_class[name]) for target, by_class in chosen.items()},
        )
        for name, groups in classes.items()
    ]
    return sorted(rooms, key=lambda room: (-room.sites, room.class_name))


def _grouped(examination: Examination) -> Sites:
    """The sites as a binding is asked for them: each distinct instruction, room and flags once."""
    groups: defaultdict[tuple[Instruction, int, int], list[ExaminedSite]] = defaultdict(list)
    for site in examination.sites:
        groups[site.instruction, len(site.original), site.flags].append(site)
    return Sites(
        examination.table.annotations,
        [site.off for site in examination.sites],
        tuple(
            SiteGroup(instruction, room_len, flags, [site.position for site in sites], b"")
            for (instruction, room_len, flags), sites in groups.items()
        ),
    )


def _by_class(
    chosen: Sequence[tuple[SiteGroup, Form | Unbindable]],
) -> dict[str, list[tuple[SiteGroup, Form | Unbindable]]]:
    found: defaultdict[str, list[tuple[SiteGroup, Form | Unbindable]]] = defaultdict(list)
    for group, form in chosen:
        found[group.instruction.class_name].append((group, form))
    return found


def _need(chosen: Sequence[tuple[SiteGroup, Form | Unbindable]]) -> Need:
    forms: Counter[str] = Counter()
    slack = Slack()
    for group, form in chosen:
        forms[form.kind.value if isinstance(form, Form) else NO_FORM] += len(group.members)
        if isinstance(form, Form):
            slack = slack.with_sites(len(group.members), group.room_len, len(form.code))
    return Need(
        slack=slack,
        forms=dict(forms.most_common()),
        reasons=tuple(sorted({form.reason for _, form in chosen if not isinstance(form, Form)})),
    )
