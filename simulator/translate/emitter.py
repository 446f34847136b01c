"""The Python text that a run of instructions becomes.

A translated run is one function `run(b, RD, WR)`: b is the index base of the current frame, RD and WR map 4 KiB page
numbers to where a page is in RAM, for reading and writing; it returns the address (slot in bits 1:0) of the next
instruction. Names it uses are in `runtime.names`. Variants exist beside the plain one: rename bases not zero, some
register a NaT, and checked one at a time (`cpu.ROTATED`, `NATS`, `CAREFUL`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.cpu import CAREFUL, NATS, ROTATED
from simulator.registers import PSR_MFH, PSR_MFL

if TYPE_CHECKING:
    from linker.sites.ia64.isa.decoder import SlotInstruction

M64 = "0xFFFFFFFFFFFFFFFF"


class Emitter:
    """Collects the lines of one run. Fields: ip_va and slot of the instruction at hand; ended: the run stops here."""

    def __init__(self, variant: int, cpl: int, fp_disabled: int) -> None:
        self.rotated = bool(variant & ROTATED)
        self.nats = bool(variant & NATS)
        self.careful = bool(variant & CAREFUL)
        self.cpl = cpl
        self.fp_disabled = fp_disabled
        self.lines: list[str] = []
        self.where: list[int] = []
        self.indent = 1
        self.ip_va = 0
        self.slot = 0
        self.next_ip = 0
        self.ended = False
        self.frame_needed = 0

    def line(self, text: str) -> None:
        """Append a line that belongs to the instruction at hand."""
        self.lines.append("    " * self.indent + text)
        self.where.append(self.ip_va | self.slot)

    def gr(self, number: int) -> str:
        """Return the expression of a general register."""
        if number == 0:
            return "0"
        return f"G[{self._place(number)}]"

    def nat(self, number: int) -> str:
        """Return the expression of a general register's NaT bit."""
        return "0" if number == 0 else f"N[{self._place(number)}]"

    def _place(self, number: int) -> str:
        if number < 32:
            return str(number)
        return f"b+R[{number}]" if self.rotated else f"b+{number}"

    def pr(self, number: int) -> str:
        """Return the expression of a predicate."""
        return f"P[Q[{number}]]" if self.rotated and number >= 16 else f"P[{number}]"

    def fr(self, number: int) -> str:
        """Return the expression of a floating-point register."""
        return f"F[S[{number}]]" if self.rotated and number >= 32 else f"F[{number}]"

    def target(self, *numbers: int) -> None:
        """Check that general registers may be written: not r0, inside the frame."""
        if 0 in numbers:
            self.line("raise illegal()")
        top = max(numbers) - 31
        if top > 0:
            if self.careful:
                self.line(f"if m.sof < {top}: raise illegal()")
            elif not self.ended:
                self.frame_needed = max(self.frame_needed, top)

    def fp_target(self, *numbers: int) -> None:
        """Check that floating-point registers may be written."""
        if 0 in numbers or 1 in numbers:
            self.line("raise illegal()")

    def fp_written(self, *numbers: int) -> None:
        """Set psr.mfl and psr.mfh for the registers written."""
        bits = (PSR_MFL if any(n < 32 for n in numbers) else 0) | (PSR_MFH if any(n >= 32 for n in numbers) else 0)
        self.line(f"m.cpu.psr |= {bits}")

    def fp_used(self, *numbers: int) -> None:
        """Check the disabled floating-point register faults."""
        low = any(2 <= n < 32 for n in numbers) and self.fp_disabled & 1
        high = any(n >= 32 for n in numbers) and self.fp_disabled & 2
        if low or high:
            self.line(f"raise disabled_fp({low | high})")

    def consume(self, *numbers: int, access: str = "0") -> None:
        """Raise the Register NaT Consumption fault if a source is a NaT. access: isr bits."""
        if self.nats:
            test = " or ".join(self.nat(n) for n in numbers if n)
            if test:
                self.line(f"if {test}: raise nat_consumption({access})")

    def set_gr(self, number: int, value: str, *sources: int) -> None:
        """Assign a general register; its NaT is the union of the sources'."""
        self.line(f"{self.gr(number)} = {value}")
        self.set_nat(number, *sources)

    def set_nat(self, number: int, *sources: int) -> None:
        """Set a register's NaT to the union of the sources'."""
        if self.nats:
            union = " | ".join(self.nat(n) for n in sources if n) or "0"
            self.line(f"{self.nat(number)} = {union}")

    def set_pr(self, number: int, value: str) -> None:
        """Assign a predicate; p0 stays one."""
        if number:
            self.line(f"{self.pr(number)} = {value}")

    def privileged(self) -> bool:
        """Emit the Privileged Operation fault if the level is not 0; tell whether that was done."""
        if self.cpl:
            self.line("raise privileged_operation()")
        return bool(self.cpl)

    def leave(self) -> None:
        """Return to the dispatcher after this instruction."""
        self.line(f"return {self.next_ip:#x}")

    def end(self) -> None:
        """The run ends with this instruction, whether or not its predicate holds."""
        self.ended = True


def predicate_open(out: Emitter, insn: SlotInstruction, unpredicated: frozenset[str]) -> bool:
    """Open the `if` of a qualifying predicate; tell whether there is one."""
    qp = insn.ops["qp"]
    if not qp or insn.key in unpredicated:
        return False
    out.line(f"if {out.pr(qp)}:")
    out.indent += 1
    return True
