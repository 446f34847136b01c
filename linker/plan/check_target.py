"""Whether the target can run the guest at all: asked of the binding in front of everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linker.errors import LinkError
from linker.hypervisors.requirements import Guest, Load
from linker.image.read import SHF_ALLOC
from linker.sites.formats import SECTION_NOTE

if TYPE_CHECKING:
    from linker.hypervisors.base import Binding
    from linker.plan.patches import Request


def check_requirements(binding: Binding, request: Request, *, anyway: bool) -> tuple[str, ...]:
    """What the target asks of the guest must hold. What the guest may know better is a warning; `anyway` all is."""
    guest = _as_target_sees_it(request)
    warnings = []
    for finding in binding.requirements(guest):
        what, where, found, expected, advice, is_fatal = finding
        if is_fatal:
            what = f"cannot run on {binding.target}: {what}"
        error = LinkError(what, where=where, found=found, expected=expected, advice=advice)
        if is_fatal and not anyway:
            raise error
        warnings.append(str(error))
    return tuple(warnings)


def _as_target_sees_it(request: Request) -> Guest:
    image, annotations = request.image, request.sites.annotations
    reserve = annotations.reserve
    added_va = (reserve.text_va, reserve.data_va) if reserve is not None and request.keeps_original else ()
    loads = [Load(one.va, one.pa, one.memory_len, one.flags, one.va in added_va) for one in image.loads]
    notes = [s for s in image.sections if (s.type, s.name) == ("SHT_NOTE", SECTION_NOTE) and s.flags & SHF_ALLOC]
    return Guest(
        loads=sorted(load for load in loads if load.memory_len),
        entry_va=0 if reserve is None else reserve.entry_va,
        image_entry_va=request.original_entry_va,
        reserve_va=None if reserve is None else reserve.text_va,
        notes_va=(notes[0].va, notes[0].end_va) if notes else None,
        is_relocatable=image.is_relocatable,
        has_interpreter=image.has_interpreter,
    )
