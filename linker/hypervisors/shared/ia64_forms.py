"""What bindings on ia64 make their forms of: scratch registers, inline code, stubs behind a brl, traps.

A form's text is assembly as `linker.sites.ia64.assemble` takes it. A site's qualifying predicate is carried into the
form: inline code has it on every instruction, a `brl` and a `break` on themselves: a stub runs if the site would.

inline     { .mlx; nop.m 0; (p6) movl r14=... ;; }   { .mfi; (p6) st1 [r14]=r14; nop.f 0; nop.i 0 ;; }   no-operations
jump       { .mlx; nop.m 0; (p6) brl.cond.sptk.few stub ;; }   no-operations
    stub:  ...   { .mlx; nop.m 0; brl.cond.sptk.few end of the site ;; }
breaking   { .mfi; (p6) break.m 0x...; nop.f 0; nop.i 0 ;; }   no-operations
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linker.hypervisors.base import SITE_END, STUB, Fixup, FixupKind, Form, FormKind, Stub
from linker.sites.ia64.assemble import assemble
from linker.sites.ia64.classes import SCRATCH_GENERAL, SCRATCH_PREDICATES

if TYPE_CHECKING:
    from linker.sites.codec import Instruction
    from linker.sites.ia64.assemble import Assembled

_KINDS = {"target64": FixupKind.BRL, "imm64": FixupKind.MOVL}


class Scratch:
    """Registers a form may write at a site, by what `.afterburn.info` says and what the instruction itself writes."""

    def __init__(self, insn: Instruction, *, destination: int | None = None) -> None:
        """`destination`: a general register that the instruction writes and does not read; it can be used first."""
        self._general = [f"r{n}" for n in SCRATCH_GENERAL if insn.scratch >> n & 1]
        if destination is not None and destination not in insn.registers[1:]:
            name = f"r{destination}"
            self._general = [name, *(other for other in self._general if other != name)]
        self._predicates = [pair for bit, pair in SCRATCH_PREDICATES.items() if insn.scratch >> bit & 1]

    def general(self, count: int) -> list[str] | None:
        """That many general registers, None where there are fewer."""
        return self._general[:count] if len(self._general) >= count else None

    def predicates(self) -> tuple[str, str] | None:
        """A pair of predicate registers, None where there is none."""
        return (f"p{self._predicates[0][0]}", f"p{self._predicates[0][1]}") if self._predicates else None


def _fixups(assembled: Assembled) -> tuple[Fixup, ...]:
    return tuple(Fixup(hole.offset, hole.symbol, 0, _KINDS[hole.operand]) for hole in assembled.holes)


def inline(insn: Instruction, room_len: int, text: str, reason: str = "") -> Form | None:
    """`text` in the site's own bundles; None where they do not hold it. It must end its last group."""
    assembled = assemble(text, insn.predicate)
    if len(assembled.code) > room_len:
        return None
    return Form(FormKind.INLINE, assembled.code, _fixups(assembled), reason=reason)


def inline_unless(
    insn: Instruction, room_len: int, text: str, predicate: str, stub_text: str, *, reason: str = ""
) -> Form | None:
    """`text` in the site, then, where `predicate` is true, a branch to a stub; None where the site does not hold it.

    The instruction has no predicate of its own. A compare that ends `text` may stand in the branch's group.
    """
    site = assemble(f"{text}\n({predicate}) brl.cond.spnt.few {STUB} ;;")
    if len(site.code) > room_len or insn.predicate:
        return None
    stub = assemble(f"{stub_text}\nbrl.cond.sptk.few {SITE_END} ;;")
    return Form(FormKind.INLINE, site.code, _fixups(site), Stub(stub.code, _fixups(stub), per_site=True), reason=reason)


def jump(insn: Instruction, text: str, reason: str = "", *, returns: bool = True, here: str = "") -> Form:
    """A branch to a stub with `text`, which ends its last group; behind it a branch to the end of the site.

    `here`: what the site can do in front of the branch; it ends its last group.
    """
    site = assemble(f"{here}\nbrl.cond.sptk.few {STUB} ;;", insn.predicate)
    stub = assemble(f"{text}\nbrl.cond.sptk.few {SITE_END} ;;" if returns else text)
    return Form(
        FormKind.JUMP, site.code, _fixups(site), Stub(stub.code, _fixups(stub), per_site=returns), reason=reason
    )


def breaking(insn: Instruction, immediate: int, reason: str = "") -> Form:
    """A break that the monitor or the module's break handler takes as the instruction; `immediate` has 21 bits."""
    return Form(FormKind.TRAP, assemble(f"{{0}} break.m {immediate:#x} ;;", insn.predicate).code, reason=reason)


def trapping(insn: Instruction, reason: str = "") -> Form:
    """The instruction itself, which is privileged and which the monitor or the module emulates when it faults."""
    return Form(FormKind.TRAP, insn.code, reason=reason)


def native(insn: Instruction, reason: str = "") -> Form:
    """The instruction itself, which does the right thing."""
    return Form(FormKind.NATIVE, insn.code, reason=reason)


def unneeded(reason: str = "") -> Form:
    """Nothing: what the instruction is for needs no work on the virtual CPU."""
    return Form(FormKind.INLINE, b"", reason=reason)
