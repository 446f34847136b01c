"""Instructions: those that are sensitive, and those that patches are made of. Data only.

Source: Intel Itanium Architecture SDM vol. 3, chapter 4; the format names are the manual's (M33: 4.4.8 and so on).

FORMATS   name -> units, positions of the opcode fields (first bit, bits), operand fields (`operands.FIELDS`)
OPCODES   (assembly, class, format, values of the opcode fields in the format's order)

Bits that no field of a format covers are ignored by the manual and zero as assemblers write them. `{name}` in the
assembly is an operand in its place. Class "": not sensitive.
"""

from __future__ import annotations

from linker.quick.tuples import NamedTuple

OP = (37, 4)
X3, X6, X4, X2 = (33, 3), (27, 6), (27, 4), (31, 2)


class Format(NamedTuple):
    """Where an instruction may stand and what its bits are."""

    units: str
    opcode: tuple[tuple[int, int], ...]
    operands: tuple[str, ...]


class Opcode(NamedTuple):
    """One instruction."""

    assembly: str
    class_name: str
    format: str
    values: tuple[int, ...]


# The part of an A-unit or memory opcode that tells instructions of a format apart.
ALU = (OP, (34, 2), (33, 1), (29, 4), (27, 2))
MEMORY = (OP, (36, 1), (30, 6), (27, 1))
SHIFT = (OP, (36, 1), (33, 1), (32, 1), (34, 2), (30, 2), (28, 2))
MEMORY_IMMEDIATE = (OP, (30, 6))
COMPARE = (OP, (34, 2), (36, 1), (33, 1), (12, 1))
NOP_OR_BREAK_M = (OP, X3, X4, X2, (26, 1))
NOP_OR_BREAK = (OP, X3, X6, (26, 1))
BRANCH = (OP, (6, 3))

FORMATS = {
    "A1": Format("MI", ALU, ("r1", "r2", "r3")),
    "A2": Format("MI", ALU[:4], ("r1", "r2", "count2", "r3")),
    "A3": Format("MI", ALU, ("r1", "imm8", "r3")),
    "A4": Format("MI", (OP, (34, 2), (33, 1)), ("r1", "imm14", "r3")),
    "A5": Format("MI", (OP,), ("r1", "imm22", "r3s")),
    "A6": Format("MI", COMPARE, ("p1", "p2", "r2", "r3")),
    "A8": Format("MI", (OP, (34, 2), (33, 1), (12, 1)), ("p1", "p2", "imm8", "r3")),
    "I5": Format("I", SHIFT, ("r1", "r3", "r2")),
    "I7": Format("I", SHIFT, ("r1", "r2", "r3")),
    "I11": Format("I", (OP, (34, 2), (33, 1), (13, 1)), ("r1", "r3", "pos6", "len6")),
    "I12": Format("I", (OP, (34, 2), (33, 1), (26, 1)), ("r1", "r2", "cpos6c", "len6")),
    "I14": Format("I", (OP, (34, 2), (33, 1)), ("r1", "imm1", "r3", "cpos6b", "len6")),
    "I15": Format("I", (OP,), ("r1", "r2", "r3", "cpos6d", "len4")),
    "I16": Format("I", (OP, (34, 2), (36, 1), (33, 1), (13, 1), (12, 1)), ("p1", "p2", "r3", "pos6")),
    "I17": Format("I", (OP, (34, 2), (36, 1), (33, 1), (13, 1), (12, 1), (19, 1)), ("p1", "p2", "r3")),
    "I18": Format("I", NOP_OR_BREAK, ("imm21",)),
    "I19": Format("I", NOP_OR_BREAK, ("imm21",)),
    "I21": Format("I", (OP, X3, (22, 1), (23, 1), (20, 2)), ("b1", "r2")),
    "I22": Format("I", (OP, X3, X6), ("r1", "b2")),
    "I23": Format("I", (OP, X3), ("r2", "mask17")),
    "I25": Format("I", (OP, X3, X6), ("r1",)),
    "I26": Format("I", (OP, X3, X6), ("ar3", "r2")),
    "I28": Format("I", (OP, X3, X6), ("r1", "ar3")),
    "M1": Format("M", MEMORY, ("r1", "r3")),
    "M3": Format("M", MEMORY_IMMEDIATE, ("r1", "r3", "imm9load")),
    "M4": Format("M", MEMORY, ("r3", "r2")),
    "M5": Format("M", MEMORY_IMMEDIATE, ("r3", "r2", "imm9store")),
    "M18": Format("M", MEMORY, ("f1", "r2")),
    "M19": Format("M", MEMORY, ("r1", "f2")),
    "M24": Format("M", (OP, X3, X4, X2), ()),
    "M28": Format("M", (OP, X3, X6, (36, 1)), ("r3",)),
    "M29": Format("M", (OP, X3, X6), ("ar3", "r2")),
    "M30": Format("M", (OP, X3, X4, X2), ("ar3", "imm8")),
    "M31": Format("M", (OP, X3, X6), ("r1", "ar3")),
    "M32": Format("M", (OP, X3, X6), ("cr3", "r2")),
    "M33": Format("M", (OP, X3, X6), ("r1", "cr3")),
    "M35": Format("M", (OP, X3, X6), ("r2",)),
    "M36": Format("M", (OP, X3, X6), ("r1",)),
    "M37": Format("M", NOP_OR_BREAK_M, ("imm21",)),
    "M38": Format("M", (OP, X3, X6), ("r1", "r3", "r2")),
    "M39": Format("M", (OP, X3, X6), ("r1", "r3", "imm2")),
    "M40": Format("M", (OP, X3, X6), ("r3", "imm2")),
    "M41": Format("M", (OP, X3, X6), ("r2",)),
    "M42": Format("M", (OP, X3, X6), ("r3", "r2")),
    "M43": Format("M", (OP, X3, X6), ("r1", "r3")),
    "M44": Format("M", (OP, X3, X4), ("imm24",)),
    "M45": Format("M", (OP, X3, X6), ("r3", "r2")),
    "M46": Format("M", (OP, X3, X6), ("r1", "r3")),
    "M47": Format("M", (OP, X3, X6), ("r3",)),
    "M48": Format("M", NOP_OR_BREAK_M, ("imm21",)),
    "B1": Format("B", BRANCH, ("target25", "ph", "wh", "dh")),
    "B3": Format("B", (OP,), ("b1", "target25", "ph", "wh", "dh")),
    "B4": Format("B", (OP, X6, (6, 3)), ("b2", "ph", "wh", "dh")),
    "B8": Format("B", (OP, X6), ()),
    "B9": Format("B", (OP, X6), ("imm21",)),
    "F15": Format("F", (OP, (33, 1), X6), ("imm21",)),
    "F16": Format("F", (OP, (33, 1), X6, (26, 1)), ("imm21",)),
    "X1": Format("X", NOP_OR_BREAK, ("imm62",)),
    "X2": Format("X", (OP, (20, 1)), ("r1", "imm64")),
    "X3": Format("X", BRANCH, ("target64", "ph", "wh", "dh")),
    "X4": Format("X", (OP,), ("b1", "target64", "ph", "wh", "dh")),
    "X5": Format("X", NOP_OR_BREAK, ("imm62",)),
}

# B8 carries no qualifying predicate: bits 0-5 are ignored and the instruction always executes.
UNPREDICATED = frozenset({"B8"})

SENSITIVE = (
    Opcode("ssm {imm24}", "ssm", "M44", (0, 0, 6)),
    Opcode("rsm {imm24}", "rsm", "M44", (0, 0, 7)),
    Opcode("mov {r1}=psr", "mov_from_psr", "M36", (1, 0, 0x25)),
    Opcode("mov psr.l={r2}", "mov_to_psr", "M35", (1, 0, 0x2D)),
    Opcode("mov {r1}={cr3}", "mov_from_cr", "M33", (1, 0, 0x24)),
    Opcode("mov {cr3}={r2}", "mov_to_cr", "M32", (1, 0, 0x2C)),
    Opcode("mov {r1}=rr[{r3}]", "mov_from_rr", "M43", (1, 0, 0x10)),
    Opcode("mov rr[{r3}]={r2}", "mov_to_rr", "M42", (1, 0, 0x00)),
    Opcode("mov {r1}=pkr[{r3}]", "mov_from_pkr", "M43", (1, 0, 0x13)),
    Opcode("mov pkr[{r3}]={r2}", "mov_to_pkr", "M42", (1, 0, 0x03)),
    Opcode("mov {r1}=ibr[{r3}]", "mov_from_ibr", "M43", (1, 0, 0x12)),
    Opcode("mov ibr[{r3}]={r2}", "mov_to_ibr", "M42", (1, 0, 0x02)),
    Opcode("mov {r1}=dbr[{r3}]", "mov_from_dbr", "M43", (1, 0, 0x11)),
    Opcode("mov dbr[{r3}]={r2}", "mov_to_dbr", "M42", (1, 0, 0x01)),
    Opcode("mov {r1}=pmc[{r3}]", "mov_from_pmc", "M43", (1, 0, 0x14)),
    Opcode("mov pmc[{r3}]={r2}", "mov_to_pmc", "M42", (1, 0, 0x04)),
    Opcode("mov {r1}=pmd[{r3}]", "mov_from_pmd", "M43", (1, 0, 0x15)),
    Opcode("mov pmd[{r3}]={r2}", "mov_to_pmd", "M42", (1, 0, 0x05)),
    Opcode("mov {r1}=cpuid[{r3}]", "mov_from_cpuid", "M43", (1, 0, 0x17)),
    Opcode("mov.m {r1}={ar3}", "ar", "M31", (1, 0, 0x22)),
    Opcode("mov.m {ar3}={r2}", "ar", "M29", (1, 0, 0x2A)),
    Opcode("mov.m {ar3}={imm8}", "ar", "M30", (0, 0, 8, 2)),
    Opcode("itc.d {r2}", "itc_d", "M41", (1, 0, 0x2E)),
    Opcode("itc.i {r2}", "itc_i", "M41", (1, 0, 0x2F)),
    Opcode("itr.d dtr[{r3}]={r2}", "itr_d", "M42", (1, 0, 0x0E)),
    Opcode("itr.i itr[{r3}]={r2}", "itr_i", "M42", (1, 0, 0x0F)),
    Opcode("ptc.l {r3},{r2}", "ptc_l", "M45", (1, 0, 0x09)),
    Opcode("ptc.g {r3},{r2}", "ptc_g", "M45", (1, 0, 0x0A)),
    Opcode("ptc.ga {r3},{r2}", "ptc_ga", "M45", (1, 0, 0x0B)),
    Opcode("ptc.e {r3}", "ptc_e", "M47", (1, 0, 0x34)),
    Opcode("ptr.d {r3},{r2}", "ptr_d", "M45", (1, 0, 0x0C)),
    Opcode("ptr.i {r3},{r2}", "ptr_i", "M45", (1, 0, 0x0D)),
    Opcode("tpa {r1}={r3}", "tpa", "M46", (1, 0, 0x1E)),
    Opcode("tak {r1}={r3}", "tak", "M46", (1, 0, 0x1F)),
    Opcode("thash {r1}={r3}", "thash", "M46", (1, 0, 0x1A)),
    Opcode("ttag {r1}={r3}", "ttag", "M46", (1, 0, 0x1B)),
    Opcode("fc {r3}", "fc", "M28", (1, 0, 0x30, 0)),
    Opcode("fc.i {r3}", "fc", "M28", (1, 0, 0x30, 1)),
    Opcode("probe.r {r1}={r3},{r2}", "probe", "M38", (1, 0, 0x38)),
    Opcode("probe.w {r1}={r3},{r2}", "probe", "M38", (1, 0, 0x39)),
    Opcode("probe.r {r1}={r3},{imm2}", "probe", "M39", (1, 0, 0x18)),
    Opcode("probe.w {r1}={r3},{imm2}", "probe", "M39", (1, 0, 0x19)),
    Opcode("probe.rw.fault {r3},{imm2}", "probe", "M40", (1, 0, 0x31)),
    Opcode("probe.r.fault {r3},{imm2}", "probe", "M40", (1, 0, 0x32)),
    Opcode("probe.w.fault {r3},{imm2}", "probe", "M40", (1, 0, 0x33)),
    Opcode("srlz.d", "srlz_d", "M24", (0, 0, 0, 3)),
    Opcode("srlz.i", "srlz_i", "M24", (0, 0, 1, 3)),
    Opcode("rfi", "rfi", "B8", (0, 0x08)),
    Opcode("cover", "cover", "B8", (0, 0x02)),
    Opcode("bsw.0", "bsw", "B8", (0, 0x0C)),
    Opcode("bsw.1", "bsw", "B8", (0, 0x0D)),
    Opcode("vmsw.0", "vmsw", "B8", (0, 0x18)),
    Opcode("vmsw.1", "vmsw", "B8", (0, 0x19)),
    Opcode("epc", "epc", "B8", (0, 0x10)),
    Opcode("break.m {imm21}", "break", "M37", (0, 0, 0, 0, 0)),
    Opcode("break.i {imm21}", "break", "I19", (0, 0, 0, 0)),
    Opcode("break.f {imm21}", "break", "F15", (0, 0, 0)),
    Opcode("break.b {imm21}", "break", "B9", (0, 0)),
    Opcode("break.x {imm62}", "break", "X1", (0, 0, 0, 0)),
)

OTHERS = (
    Opcode("nop.m {imm21}", "", "M48", (0, 0, 1, 0, 0)),
    Opcode("nop.i {imm21}", "", "I18", (0, 0, 1, 0)),
    Opcode("nop.f {imm21}", "", "F16", (0, 0, 1, 0)),
    Opcode("nop.b {imm21}", "", "B9", (2, 0)),
    Opcode("nop.x {imm62}", "", "X5", (0, 0, 1, 0)),
    Opcode("add {r1}={r2},{r3}", "", "A1", (8, 0, 0, 0, 0)),
    Opcode("sub {r1}={r2},{r3}", "", "A1", (8, 0, 0, 1, 1)),
    Opcode("and {r1}={r2},{r3}", "", "A1", (8, 0, 0, 3, 0)),
    Opcode("andcm {r1}={r2},{r3}", "", "A1", (8, 0, 0, 3, 1)),
    Opcode("or {r1}={r2},{r3}", "", "A1", (8, 0, 0, 3, 2)),
    Opcode("xor {r1}={r2},{r3}", "", "A1", (8, 0, 0, 3, 3)),
    Opcode("shladd {r1}={r2},{count2},{r3}", "", "A2", (8, 0, 0, 4)),
    Opcode("sub {r1}={imm8},{r3}", "", "A3", (8, 0, 0, 9, 1)),
    Opcode("and {r1}={imm8},{r3}", "", "A3", (8, 0, 0, 11, 0)),
    Opcode("andcm {r1}={imm8},{r3}", "", "A3", (8, 0, 0, 11, 1)),
    Opcode("or {r1}={imm8},{r3}", "", "A3", (8, 0, 0, 11, 2)),
    Opcode("xor {r1}={imm8},{r3}", "", "A3", (8, 0, 0, 11, 3)),
    Opcode("adds {r1}={imm14},{r3}", "", "A4", (8, 2, 0)),
    Opcode("addl {r1}={imm22},{r3s}", "", "A5", (9,)),
    Opcode("cmp.eq {p1},{p2}={r2},{r3}", "", "A6", (0xE, 0, 0, 0, 0)),
    Opcode("cmp.ltu {p1},{p2}={r2},{r3}", "", "A6", (0xD, 0, 0, 0, 0)),
    Opcode("cmp.eq {p1},{p2}={imm8},{r3}", "", "A8", (0xE, 2, 0, 0)),
    Opcode("cmp.ltu {p1},{p2}={imm8},{r3}", "", "A8", (0xD, 2, 0, 0)),
    Opcode("shr.u {r1}={r3},{r2}", "", "I5", (7, 1, 1, 0, 0, 0, 0)),
    Opcode("shl {r1}={r2},{r3}", "", "I7", (7, 1, 1, 0, 0, 1, 0)),
    Opcode("extr.u {r1}={r3},{pos6},{len6}", "", "I11", (5, 1, 0, 0)),
    Opcode("dep.z {r1}={r2},{cpos6c},{len6}", "", "I12", (5, 1, 1, 0)),
    Opcode("dep {r1}={imm1},{r3},{cpos6b},{len6}", "", "I14", (5, 3, 1)),
    Opcode("dep {r1}={r2},{r3},{cpos6d},{len4}", "", "I15", (4,)),
    Opcode("tbit.z {p1},{p2}={r3},{pos6}", "", "I16", (5, 0, 0, 0, 0, 0)),
    Opcode("tnat.z {p1},{p2}={r3}", "", "I17", (5, 0, 0, 0, 1, 0, 0)),
    Opcode("movl {r1}={imm64}", "", "X2", (6, 0)),
    Opcode("mov {b1}={r2}", "", "I21", (0, 7, 0, 0, 1)),
    Opcode("mov {r1}={b2}", "", "I22", (0, 0, 0x31)),
    Opcode("mov pr={r2},{mask17}", "", "I23", (0, 3)),
    Opcode("mov {r1}=ip", "", "I25", (0, 0, 0x30)),
    Opcode("mov {r1}=pr", "", "I25", (0, 0, 0x33)),
    Opcode("mov.i {ar3}={r2}", "", "I26", (0, 0, 0x2A)),
    Opcode("mov.i {r1}={ar3}", "", "I28", (0, 0, 0x32)),
    Opcode("ld1 {r1}=[{r3}]", "", "M1", (4, 0, 0x00, 0)),
    Opcode("ld2 {r1}=[{r3}]", "", "M1", (4, 0, 0x01, 0)),
    Opcode("ld4 {r1}=[{r3}]", "", "M1", (4, 0, 0x02, 0)),
    Opcode("ld8 {r1}=[{r3}]", "", "M1", (4, 0, 0x03, 0)),
    Opcode("ld8.fill {r1}=[{r3}]", "", "M1", (4, 0, 0x1B, 0)),
    Opcode("ld1 {r1}=[{r3}],{imm9load}", "", "M3", (5, 0x00)),
    Opcode("ld4 {r1}=[{r3}],{imm9load}", "", "M3", (5, 0x02)),
    Opcode("ld8 {r1}=[{r3}],{imm9load}", "", "M3", (5, 0x03)),
    Opcode("ld8.fill {r1}=[{r3}],{imm9load}", "", "M3", (5, 0x1B)),
    Opcode("st1 [{r3}]={r2}", "", "M4", (4, 0, 0x30, 0)),
    Opcode("st2 [{r3}]={r2}", "", "M4", (4, 0, 0x31, 0)),
    Opcode("st4 [{r3}]={r2}", "", "M4", (4, 0, 0x32, 0)),
    Opcode("st8 [{r3}]={r2}", "", "M4", (4, 0, 0x33, 0)),
    Opcode("st8.spill [{r3}]={r2}", "", "M4", (4, 0, 0x3B, 0)),
    Opcode("st1 [{r3}]={r2},{imm9store}", "", "M5", (5, 0x30)),
    Opcode("st4 [{r3}]={r2},{imm9store}", "", "M5", (5, 0x32)),
    Opcode("st8 [{r3}]={r2},{imm9store}", "", "M5", (5, 0x33)),
    Opcode("st8.spill [{r3}]={r2},{imm9store}", "", "M5", (5, 0x3B)),
    Opcode("mf", "", "M24", (0, 0, 2, 2)),
    Opcode("setf.sig {f1}={r2}", "", "M18", (6, 0, 0x1C, 1)),
    Opcode("getf.sig {r1}={f2}", "", "M19", (4, 0, 0x1C, 1)),
    Opcode("rum {imm24}", "", "M44", (0, 0, 5)),
    Opcode("sum {imm24}", "", "M44", (0, 0, 4)),
    Opcode("mov {r1}=psr.um", "", "M36", (1, 0, 0x21)),
    Opcode("br.cond{wh}{ph}{dh} {target25}", "", "B1", (4, 0)),
    Opcode("br.call{wh}{ph}{dh} {b1}={target25}", "", "B3", (5,)),
    Opcode("br.cond{wh}{ph}{dh} {b2}", "", "B4", (0, 0x20, 0)),
    Opcode("br.ret{wh}{ph}{dh} {b2}", "", "B4", (0, 0x21, 4)),
    Opcode("brl.cond{wh}{ph}{dh} {target64}", "", "X3", (0xC, 0)),
    Opcode("brl.call{wh}{ph}{dh} {b1}={target64}", "", "X4", (0xD,)),
)

OPCODES = SENSITIVE + OTHERS

# Classes of application registers that `mov.m` touches; the others are no business of a hypervisor (vol. 2, table 3-1).
KERNEL_REGISTERS = range(8)
INTERVAL_COUNTERS = (44, 45)  # ar.itc, ar.ruc
