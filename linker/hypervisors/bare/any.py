"""The bare binding: the same on every architecture, because nothing is replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linker.hypervisors.base import Form, FormKind, Tables
from linker.hypervisors.requirements import possible
from linker.sites.formats import INFO_PAD_FRONT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from linker.hypervisors.base import TableContext
    from linker.hypervisors.requirements import Finding, Guest
    from linker.sites.codec import Instruction


class BareBinding:
    """See `linker.hypervisors.base.Binding`.

    before: fa 90 90 90 90 90 90 90      cli, 7 x nop
    after:  fa 0f 1f 80 00 00 00 00      cli, nopl 0(%rax)

    before: 90 90 90 90 90 90 90 fb      7 x nop, sti: flag "padding in front", so that the next instruction is still
    after:  0f 1f 80 00 00 00 00 fb      in the shadow of sti (sti; hlt must not be interrupted between the two)
    """

    target = "bare"
    module = None
    entry_symbol = None

    def requirements(self, guest: Guest) -> Iterable[Finding]:
        """Nothing but what every target asks."""
        return possible(guest)

    def form(self, insn: Instruction, room_len: int, flags: int) -> Form:
        """The instruction itself; the planner fills the room with long no-operations."""
        return Form(FormKind.NATIVE, insn.code, reason="runs natively", pad_front=bool(flags & INFO_PAD_FRONT))

    def tables(self, context: TableContext) -> Tables:
        """Nothing."""
        return Tables(b"", ())


BINDING = BareBinding()
