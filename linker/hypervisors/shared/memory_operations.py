"""Memory operations of the original's sub-sections: on every target here the operation itself is the right form.

The original called its wedge, because Xen 2 and L4 held the page tables themselves and devices were the wedge's. Here
the modules walk or shadow the guest's page tables where the guest keeps them, in plain memory, and see a change when
the guest says so as on hardware (`invlpg`, a load of CR3, which are sites of `.afterburn`). A device that a target does
not offer is absent as on a machine without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linker.hypervisors.base import Form, FormKind
from linker.sites.l4ka import MEMORY_OBJECT_OF, PAGE_TABLE

if TYPE_CHECKING:
    from linker.hypervisors.base import Binding
    from linker.sites.codec import Instruction


def memory_form(insn: Instruction, binding: Binding) -> Form:
    """The form of a memory operation, with the reason why it stays as it is."""
    if binding.module is None:
        reason = "runs natively"
    elif MEMORY_OBJECT_OF[insn.class_number] == PAGE_TABLE:
        reason = "the guest's page tables are plain memory: the module walks them where they are"
    else:
        reason = "the module has no such device: it is absent as on a machine without it"
    return Form(FormKind.NATIVE, insn.code, reason=reason)
