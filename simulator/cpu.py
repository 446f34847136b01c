"""The processor's registers, the current frame, and which code and translations the present state may use.

Source: SDM rev. 2.3 volume 1, chapter 3 (application state), volume 2, chapter 3 (system state).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator import registers as reg
from simulator.arithmetic import rotations
from simulator.rse import Rse

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.machine import Machine

FR_ONE = 0xFFFF << 64 | 1 << 63
FR_NATVAL = 0x1FFFE << 64

RESET_FPSR = 0x9804C0270033F
"""Volume 1, table 3-6: traps disabled, sf0 in extended precision, sf1 with widest range."""

ROTATED, NATS, CAREFUL = 1, 2, 4
"""Variants of translated code: rename bases not zero; some register is a NaT; one checked instruction at a time."""


class Cpu:
    """State of one processor. Values are unsigned Python integers.

    gr: r0-r31, then the register stack from index 32 on; stacked register r<n> is gr[base + n]. nat: their NaT bits.
    pr, br, fr (82 bits: sign, 17 exponent, 64 significand), ar, cr, rr, pkr: by number. bank: the r16-r31 not in use,
    with their NaTs in bank_nat. ip: bundle address, plus the slot in bits 1:0.
    """

    STACK_LEN = 4096

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.gr = [0] * (32 + self.STACK_LEN)
        self.nat = bytearray(32 + self.STACK_LEN)
        self.base = self.STACK_LEN // 2
        self.pr = [1] + [0] * 63
        self.br = [0] * 8
        self.fr = [0, FR_ONE] + [0] * 126
        self.ar = [0] * 128
        self.ar[reg.AR_FPSR] = RESET_FPSR
        self.cr = [0] * 128
        self.cr[reg.CR_PTA] = 15 << 2
        self.rr = [0] * 8
        self.pkr = [0] * 16
        self.dbr = [0] * 256
        self.ibr = [0] * 256
        self.pmc = [0] * 256
        self.pmd = [0] * 256
        self.bank = [0] * 16
        self.bank_nat = bytearray(16)
        self.sof, self.sol, self.sor = 96, 0, 0
        self.rrb_gr = self.rrb_fr = self.rrb_pr = 0
        self.gr_map = list(range(128))
        self.fr_map = list(range(128))
        self.pr_map = list(range(64))
        self.psr = 0
        self.ip = 0
        self.rse = Rse(self)
        self.readable: dict[int, int] = {}
        self.writable: dict[int, int] = {}
        self.code: dict[int, tuple[Callable[..., int], int]] = {}
        self.variant = 0

    @property
    def cpl(self) -> int:
        """Current privilege level."""
        return self.psr >> 32 & 3

    @property
    def cfm(self) -> int:
        """The current frame marker's 38 bits."""
        return (
            self.sof | self.sol << 7 | self.sor // 8 << 14 | self.rrb_gr << 18 | self.rrb_fr << 25 | self.rrb_pr << 32
        )

    @cfm.setter
    def cfm(self, value: int) -> None:
        self.sof = value & 127
        self.sol = value >> 7 & 127
        self.sor = (value >> 14 & 15) * 8
        self.set_rename_bases(value >> 18 & 127, value >> 25 & 127, value >> 32 & 63)

    def set_rename_bases(self, gr: int, fr: int, pr: int) -> None:
        """Set the three rename bases and the maps from a register's number to its place."""
        self.rrb_gr, self.rrb_fr, self.rrb_pr = gr, fr, pr
        if gr or fr or pr:
            sor = self.sor
            self.gr_map = (
                [*range(32), *(32 + n for n in rotations(sor, gr)), *range(32 + sor, 128)] if sor else [*range(128)]
            )
            self.fr_map = [*range(32), *(32 + n for n in rotations(96, fr))]
            self.pr_map = [*range(16), *(16 + n for n in rotations(48, pr))]
            if not self.variant & ROTATED:
                self.variant |= ROTATED
                self.machine.choose_code()
        elif self.variant & ROTATED:
            self.variant &= ~ROTATED
            self.machine.choose_code()

    def rotate(self) -> None:
        """Rotate the three register files by one (br.ctop and its kind)."""
        self.set_rename_bases(
            (self.rrb_gr - 1) % self.sor if self.sor else 0, (self.rrb_fr - 1) % 96, (self.rrb_pr - 1) % 48
        )

    def index(self, number: int) -> int:
        """Return where general register r<number> is in gr and nat."""
        if number < 32:
            return number
        return self.base + (self.gr_map[number] if self.variant & ROTATED else number)

    def predicate(self, number: int) -> int:
        """Return where predicate p<number> is in pr."""
        return self.pr_map[number] if self.variant & ROTATED else number

    def fp_index(self, number: int) -> int:
        """Return where floating-point register f<number> is in fr."""
        return self.fr_map[number] if self.variant & ROTATED else number

    def predicates(self) -> int:
        """Return the predicates as mov r=pr shows them."""
        value = 0
        for number, bit in enumerate(self.pr):
            value |= bit << number
        return value

    def set_predicates(self, value: int, mask: int) -> None:
        """Set the predicates whose bit in mask is one."""
        for number in range(1, 64):
            if mask >> number & 1:
                self.pr[number] = value >> number & 1

    def note_nat(self) -> None:
        """Some register became a NaT: use code that looks at NaTs from the next instruction on."""
        if not self.variant & NATS:
            self.variant |= NATS
            self.machine.choose_code()

    def drop_nats(self) -> None:
        """Go back to code that takes every register for a value if no register that matters is a NaT."""
        low, high = self.rse.live_range()
        nat = self.nat
        nat[32:low] = bytes(low - 32)
        nat[high:] = bytes(len(nat) - high)
        if 1 not in nat:
            self.variant &= ~NATS
            self.machine.choose_code()

    def swap_bank(self, bank: int) -> None:
        """Make r16-r31 of this bank the current ones."""
        if bool(self.psr & reg.PSR_BN) != bool(bank):
            self.psr ^= reg.PSR_BN
            self.gr[16:32], self.bank = self.bank, self.gr[16:32]
            self.nat[16:32], self.bank_nat = self.bank_nat, self.nat[16:32]
            if 1 in self.nat[16:32]:
                self.note_nat()

    def set_psr(self, value: int) -> None:
        """Replace psr, but for psr.bn, and take up what follows from it."""
        changed = self.psr ^ value
        self.swap_bank(1 if value & reg.PSR_BN else 0)
        self.psr = value
        if changed:
            self.machine.choose_code()
