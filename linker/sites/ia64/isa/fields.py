"""Where the fields of an IA-64 instruction slot are, by the names the manual gives them.

Source: Intel Itanium Architecture SDM rev. 2.3, volume 3, chapter 4 ("Instruction Formats"). A slot is 41 bits;
an X-unit instruction has the 41 bits of the L slot as well, here bits 41 and up. Positions are bit numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

L_SLOT = 41
"""Bit number at which the L slot's bits follow those of the X slot."""


@dataclass(frozen=True)
class Immediate:
    """An immediate made of pieces, least significant first.

    parts: (position, length) pairs in bits. shift: zero bits to the right. plus: added last.
    """

    parts: tuple[tuple[int, int], ...]
    signed: bool = False
    shift: int = 0
    plus: int = 0
    minus_from: int | None = None

    def extract(self, word: int) -> int:
        """Return the operand's value from the slot's bits."""
        value = length_bits = 0
        for position, part_bits in self.parts:
            value |= (word >> position & (1 << part_bits) - 1) << length_bits
            length_bits += part_bits
        if self.signed and value >> length_bits - 1:
            value -= 1 << length_bits
        value = (value << self.shift) + self.plus
        return value if self.minus_from is None else self.minus_from - value


OPCODE_FIELDS: dict[str, tuple[int, int]] = {
    "op": (37, 4), "x2a": (34, 2), "ve": (33, 1), "x4": (29, 4), "x2b": (27, 2), "x2": (34, 2), "ta": (33, 1),
    "tb": (36, 1), "c": (12, 1), "za": (36, 1), "zb": (33, 1), "ve7": (32, 1), "x2b7": (28, 2), "x2c": (30, 2),
    "x33": (33, 1), "y13": (13, 1), "y26": (26, 1), "x19": (19, 1), "x3": (33, 3), "x6": (27, 6), "x22": (22, 1),
    "m": (36, 1), "x": (27, 1), "x6m": (30, 6), "x4m": (27, 4), "x2m": (31, 2), "btype": (6, 3), "x36": (36, 1),
    "q": (36, 1), "rb": (36, 1), "ra": (33, 1), "vc": (20, 1), "x26": (26, 1), "x32": (32, 1),
}  # fmt: skip
"""Fields that choose the instruction: name -> (position, length in bits)."""

OPERAND_FIELDS: dict[str, Immediate] = {
    "qp": Immediate(((0, 6),)),
    **{f"{kind}{n}": Immediate(((position, 7),)) for kind in "rf" for n, position in ((1, 6), (2, 13), (3, 20))},
    "f4": Immediate(((27, 7),)),
    "r3_2": Immediate(((20, 2),)),
    "p1": Immediate(((6, 6),)),
    "p2": Immediate(((27, 6),)),
    "b1": Immediate(((6, 3),)),
    "b2": Immediate(((13, 3),)),
    "ar3": Immediate(((20, 7),)),
    "cr3": Immediate(((20, 7),)),
    "count2": Immediate(((27, 2),), plus=1),
    "ct2d": Immediate(((30, 2),)),
    "imm8": Immediate(((13, 7), (36, 1)), signed=True),
    "imm14": Immediate(((13, 7), (27, 6), (36, 1)), signed=True),
    "imm22": Immediate(((13, 7), (27, 9), (22, 5), (36, 1)), signed=True),
    "count5b": Immediate(((14, 5),)),
    "ccount5c": Immediate(((20, 5),), minus_from=31),
    "mbt4": Immediate(((20, 4),)),
    "mht8": Immediate(((20, 8),)),
    "count6d": Immediate(((27, 6),)),
    "pos6b": Immediate(((14, 6),)),
    "len6d": Immediate(((27, 6),), plus=1),
    "cpos6c": Immediate(((20, 6),), minus_from=63),
    "cpos6b": Immediate(((14, 6),), minus_from=63),
    "cpos6d": Immediate(((31, 6),), minus_from=63),
    "len4d": Immediate(((27, 4),), plus=1),
    "imm1": Immediate(((36, 1),), signed=True),
    "tf5": Immediate(((14, 5),), plus=32),
    "imm21": Immediate(((6, 20), (36, 1))),
    "imm24": Immediate(((6, 21), (31, 2), (36, 1))),
    "mask17": Immediate(((6, 7), (24, 8), (36, 1)), signed=True, shift=1),
    "imm44": Immediate(((6, 27), (36, 1)), signed=True, shift=16),
    "tag13": Immediate(((24, 9),), signed=True, shift=4),
    "imm9ld": Immediate(((13, 7), (27, 1), (36, 1)), signed=True),
    "imm9st": Immediate(((6, 7), (27, 1), (36, 1)), signed=True),
    "inc3": Immediate(((13, 3),)),
    "sof": Immediate(((13, 7),)),
    "sol": Immediate(((20, 7),)),
    "sor": Immediate(((27, 4),), shift=3),
    "imm2b": Immediate(((13, 2),)),
    "fclass9": Immediate(((33, 2), (20, 7))),
    "amask7": Immediate(((13, 7),)),
    "omask7": Immediate(((20, 7),)),
    "target25": Immediate(((13, 20), (36, 1)), signed=True, shift=4),
    "target25s": Immediate(((6, 7), (20, 13), (36, 1)), signed=True, shift=4),
    "target25f": Immediate(((6, 20), (36, 1)), signed=True, shift=4),
    "btag13": Immediate(((6, 7), (33, 2)), signed=True, shift=4),
    "imm62": Immediate(((6, 20), (36, 1), (L_SLOT, 41))),
    "imm64": Immediate(((13, 7), (27, 9), (22, 5), (21, 1), (L_SLOT, 41), (36, 1))),
    "target64": Immediate(((13, 20), (L_SLOT + 2, 39), (36, 1)), signed=True, shift=4),
}  # fmt: skip
"""Fields that are operands: name -> how to read the value."""

COMPLETERS: dict[str, tuple[Immediate, tuple[str, ...]]] = {
    "ldhint": (Immediate(((28, 2),)), ("", ".nt1", "?", ".nta")),
    "ldhint3": (Immediate(((28, 2), (19, 1))), ("", ".nt1", ".d2", ".nta", ".d4", ".d5", ".d6", ".d7")),
    "sthint": (Immediate(((28, 2),)), ("", "?", "?", ".nta")),
    "sthint3": (Immediate(((28, 2), (12, 1))), ("", ".d1", ".d2", ".nta", ".d4", ".d5", ".d6", ".d7")),
    "lfhint": (Immediate(((28, 2), (12, 1))), ("", ".nt1", ".nt2", ".nta", ".d4", ".d5", ".d6", ".d7")),
    "sf": (Immediate(((34, 2),)), (".s0", ".s1", ".s2", ".s3")),
    "ph": (Immediate(((12, 1),)), (".few", ".many")),
    "wh": (Immediate(((33, 2),)), (".sptk", ".spnt", ".dptk", ".dpnt")),
    "dh": (Immediate(((35, 1),)), ("", ".clr")),
    "whc": (Immediate(((32, 3),)), ("?", ".sptk", "?", ".spnt", "?", ".dptk", "?", ".dpnt")),
    "mwh": (Immediate(((20, 2),)), (".sptk", "", ".dptk", "?")),
    "ih": (Immediate(((23, 1),)), ("", ".imp")),
    "bih": (Immediate(((35, 1),)), ("", ".imp")),
    "ipwh": (Immediate(((3, 2),)), (".sptk", ".loop", ".dptk", ".exit")),
    "indwh": (Immediate(((3, 2),)), (".sptk", "?", ".dptk", "?")),
}
"""Completers that are hints or the floating-point status field: name -> (field, spelling by value).

"?" is a value the manual reserves.
"""

UNPREDICATED = frozenset(
    "alloc brp brp.ret br.cloop br.cexit br.ctop cover clrrrb clrrrb.pr rfi bsw.0 bsw.1 epc "
    "vmsw.0 vmsw.1 flushrs loadrs".split()
)
"""Instructions without a qualifying predicate."""

FETCHADD_INCREMENTS = (16, 8, 4, 1, -16, -8, -4, -1)
"""By the 3-bit field inc3 (format M17)."""

PMPY_COUNTS = (0, 7, 15, 16)
"""By the 2-bit field ct2d (format I1)."""

MUX1_TYPES = {0: "@brcst", 8: "@mix", 9: "@shuf", 10: "@alt", 11: "@rev"}
"""By the 4-bit field mbt4 (format I3)."""

APPLICATION_REGISTERS: dict[int, str] = {
    **{n: f"ar.k{n}" for n in range(8)},
    16: "ar.rsc", 17: "ar.bsp", 18: "ar.bspstore", 19: "ar.rnat", 21: "ar.fcr", 24: "ar.eflag", 25: "ar.csd",
    26: "ar.ssd", 27: "ar.cflg", 28: "ar.fsr", 29: "ar.fir", 30: "ar.fdr", 32: "ar.ccv", 36: "ar.unat",
    40: "ar.fpsr", 44: "ar.itc", 45: "ar.ruc", 64: "ar.pfs", 65: "ar.lc", 66: "ar.ec",
}  # fmt: skip
"""Names of the application registers that are not reserved or ignored (volume 1, table 3-3)."""

CONTROL_REGISTERS: dict[int, str] = {
    0: "cr.dcr", 1: "cr.itm", 2: "cr.iva", 8: "cr.pta", 16: "cr.ipsr", 17: "cr.isr", 19: "cr.iip", 20: "cr.ifa",
    21: "cr.itir", 22: "cr.iipa", 23: "cr.ifs", 24: "cr.iim", 25: "cr.iha", 26: "cr.iib0", 27: "cr.iib1",
    64: "cr.lid", 65: "cr.ivr", 66: "cr.tpr", 67: "cr.eoi", 68: "cr.irr0", 69: "cr.irr1", 70: "cr.irr2",
    71: "cr.irr3", 72: "cr.itv", 73: "cr.pmv", 74: "cr.cmcv", 80: "cr.lrr0", 81: "cr.lrr1",
}  # fmt: skip
"""Names of the control registers (volume 2, table 3-3)."""
