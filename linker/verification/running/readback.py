"""Which class reads what another wrote: after a trial of a writing site a reading one of the same image runs at once.

cli ... then pushf: bit IF is clear in what it stores
mov %rax,%cr4 ... then mov %cr4,%rcx
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linker.verification.running import cpu as c

if TYPE_CHECKING:
    from linker.sites.codec import Instruction
    from linker.verification.running.cpu import EmulatedCpu

# Before a trial of this class one of that class runs, so that there is something to change.
PRIMED_BY = {"cli": "sti", "sti": "cli", "clts": "mov_to_cr"}
READ_BY = {
    "cli": ("pushf",),
    "sti": ("pushf",),
    "popf": ("pushf",),
    "iret": ("pushf", "mov_from_seg"),
    "lgdt": ("sgdt",),
    "lidt": ("sidt",),
    "lldt": ("sldt",),
    "ltr": ("str",),
    "lmsw": ("smsw", "mov_from_cr"),
    "clts": ("smsw", "mov_from_cr"),
    "mov_to_cr": ("mov_from_cr",),
    "mov_to_dr": ("mov_from_dr",),
    "wrmsr": ("rdmsr",),
    "swapgs": ("rdmsr",),
    "wrfsbase": ("rdfsbase", "rdmsr"),
    "wrgsbase": ("rdgsbase", "rdmsr"),
    "mov_to_seg": ("mov_from_seg",),
    "pop_seg": ("push_seg", "mov_from_seg"),
    "load_far_pointer": ("mov_from_seg",),
}
# Position of the control, debug or segment register among the operands.
NUMBER_AT = {
    **{"mov_to_cr": 0, "mov_from_cr": 1, "mov_to_dr": 0, "mov_from_dr": 1},
    **{"mov_to_seg": 0, "push_seg": 0, "pop_seg": 0},
}
NUMBER_OF = {"clts": 0, "lmsw": 0}  # CR0
GS_CLASSES = ("swapgs", "wrgsbase")


def number(insn: Instruction) -> int | None:
    """The register that is written or read; None where that is not one of several, or not known."""
    if insn.class_name == "mov_from_seg":
        return insn.registers[0 if insn.memory is not None else 1]
    if insn.class_name in NUMBER_AT:
        return insn.registers[NUMBER_AT[insn.class_name]]
    return NUMBER_OF.get(insn.class_name)


def reads(reader: Instruction, writer: Instruction) -> bool:
    """Whether `reader` shows what `writer` has changed."""
    if reader.class_name not in READ_BY.get(writer.class_name, ()):
        return False
    written, read = number(writer), number(reader)
    return written is None or read is None or written == read


def written_msr(cpu: EmulatedCpu, writer: Instruction) -> int | None:
    """The model-specific register that rdmsr shows of what was written."""
    if writer.class_name == "wrmsr":
        return cpu.register(c.RCX, 32)
    if writer.class_name in GS_CLASSES:
        return c.MSR_GS_BASE
    return c.MSR_FS_BASE if writer.class_name == "wrfsbase" else None
