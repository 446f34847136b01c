"""Xen on x86-64: which form each operation class takes.

The guest, its kernel too, runs in what Xen calls user mode (docs/xen.md), so an operation that needs the module starts
with a trap anyway: the site itself becomes the trap, and needs no stack. The module's entries are in
`src-x86_64/entry.S`, the tables are those of `x86_64_vcpu.py`.

    cli            fa 90 90 90 90 90 90 90      c6 05 rel32 00 90         movb $0, vcpu_vif_word+1(%rip)
    sti            90 90 90 90 90 90 90 fb      0f 1f 00 e8 rel32         call xen_sti, ends with the site
    mov %cr2,%rdi  0f 20 d7 90 90 90 90 90      48 8b 3d rel32 90         mov vcpu_cr+16(%rip), %rdi
    rdmsr          0f 32 90 90 90 90 90 90      cd 80 0f 1f 80 00 00 00   int $0x80
      in a module                               cd 80 a9 imm32 90         int $0x80; test $row, %eax, which never runs
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from linker.hypervisors.base import TABLE_ROW, Fixup, Form, FormKind, TargetNote, Unbindable
from linker.hypervisors.shared.x86_64_vcpu import PC32_END, inline_form, vcpu_object_rows, vcpu_tables
from linker.hypervisors.xen import requirements
from linker.sites.formats import INFO_NO_STACK, INFO_PAD_FRONT
from linker.sites.reach import require_unsigned

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from linker.hypervisors.base import ObjectRows, TableContext, Tables
    from linker.hypervisors.requirements import Finding, Guest
    from linker.sites.codec import Instruction

CALL = b"\xe8\0\0\0\0"
INT_80 = b"\xcd\x80"
INT_80_WITH_ROW = b"\xcd\x80\xa9\0\0\0\0"

NATIVE = {"rdtsc": "the time stamp counter is the guest's"}
OWN_TRAPS = {
    "int3": "raises #BP, which Xen brings to the module",
    "ud2": "raises #UD, which Xen brings to the module",
}
# Raise #GP in ring 3, so that a site of one byte still works: the module finds it by its address.
FAULT_ANYWAY = frozenset({"cli", "sti", "hlt", "in", "out", "ins", "outs"})


# Types and values of Xen's public header elfnote.h.
NOTE_ENTRY, NOTE_HYPERCALL_PAGE, NOTE_VIRT_BASE, NOTE_PADDR_OFFSET, NOTE_XEN_VERSION = 1, 2, 3, 4, 5
NOTE_GUEST_OS, NOTE_LOADER, NOTE_BSD_SYMTAB, NOTE_SUPPORTED_FEATURES = 6, 8, 11, 17
FEATURE_DOM0 = 1 << 11  # features.h, XENFEAT_dom0


def _notes(context: TableContext) -> tuple[TargetNote, ...]:
    """What `xen/common/libelf/libelf-dominfo.c` asks of a PV kernel for dom0."""
    words = (
        (NOTE_ENTRY, context.symbols["xen_start"]),
        (NOTE_HYPERCALL_PAGE, context.symbols["hypercall_page"]),
        (NOTE_VIRT_BASE, context.virtual_offset),
        (NOTE_PADDR_OFFSET, 0),
    )
    require_unsigned(
        context.virtual_offset,
        64,
        "the segment of the reserve",
        "how far its virtual address is above its physical one",
        "link the guest so that no p_paddr is above its p_vaddr",
    )
    return (
        TargetNote("Xen", NOTE_XEN_VERSION, b"xen-3.0\0"),
        TargetNote("Xen", NOTE_GUEST_OS, b"previrt\0"),
        TargetNote("Xen", NOTE_LOADER, b"generic\0"),
        TargetNote("Xen", NOTE_BSD_SYMTAB, b"yes\0"),  # for reports
        *(TargetNote("Xen", kind, value.to_bytes(8, "little")) for kind, value in words),
        TargetNote("Xen", NOTE_SUPPORTED_FEATURES, FEATURE_DOM0.to_bytes(4, "little")),
    )


class XenBinding:
    """See `linker.hypervisors.base.Binding`."""

    target = "xen"
    module = Path(__file__).with_name("xen-x86_64.so")
    entry_symbol = "xen_start"

    def requirements(self, guest: Guest) -> Iterable[Finding]:
        """See `requirements.py`."""
        return requirements.of_x86_64(guest)

    def form(self, insn: Instruction, room_len: int, flags: int) -> Form | Unbindable:
        """The form for one distinct instruction."""
        form = self._best_form(insn, flags)
        if len(form.code) <= room_len:
            return form
        pad_front = bool(flags & INFO_PAD_FRONT)
        if len(INT_80) <= room_len:
            return Form(
                FormKind.TRAP, INT_80, reason=f"{room_len} bytes are too few for more than a trap", pad_front=pad_front
            )
        if insn.class_name in FAULT_ANYWAY:
            reason = f"{room_len} bytes are too few for more; the processor's #GP tells"
            return Form(FormKind.TRAP, insn.code, reason=reason, pad_front=pad_front)
        return Unbindable(f"{form.kind.value} form takes {len(form.code)} bytes, the site has {room_len}")

    def _best_form(self, insn: Instruction, flags: int) -> Form:
        name = insn.class_name
        if name in NATIVE:
            return Form(FormKind.NATIVE, insn.code, reason=NATIVE[name])
        if name in OWN_TRAPS:
            return Form(FormKind.TRAP, insn.code, reason=OWN_TRAPS[name])
        if (inline := inline_form(insn)) is not None:
            return inline
        if not flags & INFO_NO_STACK:
            if name == "sti":
                # The call ends with the site: it returns to the instruction in the interrupt shadow, not to padding.
                return Form(
                    FormKind.CALL,
                    CALL,
                    (Fixup(1, "xen_sti", PC32_END),),
                    reason="sets the virtual interrupt flag",
                    pad_front=True,
                )
            if name in ("pushf", "popf") and insn.width_bits == 64:
                entry = f"xen_{name}q"
                return Form(FormKind.CALL, CALL, (Fixup(1, entry, PC32_END),), reason="works the virtual flags")
        # A trap for sti ends with its site, as the call does.
        return Form(FormKind.TRAP, INT_80, reason="Xen brings the trap to the module", pad_front=name == "sti")

    def object_form(self, insn: Instruction, room_len: int, flags: int) -> Form | Unbindable:
        """The same in a kernel module, whose sites the interface module cannot find by address."""
        form = self._best_form(insn, flags)
        if form.code == INT_80:
            if insn.class_name == "sti":  # must end its site, and the row is behind the trap
                return Unbindable("sti without a usable stack has no form in a kernel module")
            form = form._replace(code=INT_80_WITH_ROW, fixups=(Fixup(3, TABLE_ROW, 0),))
        if len(form.code) > room_len:
            return Unbindable(f"{form.kind.value} form takes {len(form.code)} bytes, the site has {room_len}")
        return form

    def object_rows(self, instructions: Sequence[Instruction]) -> ObjectRows:
        """Rows as the module's own tables have them."""
        return vcpu_object_rows(instructions)

    def tables(self, context: TableContext) -> Tables:
        """Rows, their texts, and the site table; the notes Xen's domain builder looks for."""
        return vcpu_tables(context)._replace(notes=_notes(context))


BINDING = XenBinding()
