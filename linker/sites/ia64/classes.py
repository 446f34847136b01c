"""Operation classes of ia64: every sensitive instruction, its stable number and the room its site gets.

Both wings read this table (docs/formats.md, docs/ia64.md): the afterburner to recognise and pad, the linker to check
what it decoded. It is data only and imports nothing, because the assembler stand-in pays for every import.

Both techniques, the decoder and the bindings take a class from its row. The instructions of a class, with their bits,
are in `opcodes.py`; a test compares the two.
"""


class ClassRow:
    """One class.

    number         unsigned 16 bits, stored in `.afterburn.info`; never reused. ia64 counts for itself.
    name           the class as a person names it with `--only`, `--skip` and in reports.
    room_bundles   bundles of 16 bytes the whole site has, the instruction's own included.
                   1: the instruction becomes `brl` to a stub (one MLX bundle), stays and traps, or vanishes.
                   2: also `movl` of an address and one load or store (a word of the virtual CPU is read or written).
                   3: also what a flag behind a pointer takes: `movl`, load of the pointer, store of the flag.
    words          its mnemonics; empty where the operand of `mov` decides: `mov_to_cr` says which.
    manual         instruction page in the Intel Itanium Architecture SDM vol. 3, chapter 2, and format (chapter 4).
    last_in_group  it must be the last instruction of its group (its page in chapter 2): a stop is right behind it. The
                   B-unit ones are last in their bundle anyway.
    """

    __slots__ = ("last_in_group", "manual", "name", "number", "room_bundles", "words")

    def __init__(
        self, number: int, name: str, room_bundles: int, words: str, manual: str, *, last_in_group: bool = False
    ) -> None:
        self.number, self.name, self.room_bundles, self.words, self.manual = number, name, room_bundles, words, manual
        self.last_in_group = last_in_group


CLASSES = (
    ClassRow(1, "ssm", 3, "ssm", "ssm, M44"),
    ClassRow(2, "rsm", 3, "rsm", "rsm, M44"),
    ClassRow(3, "mov_from_psr", 3, "", "mov psr, M36"),
    ClassRow(4, "mov_to_psr", 1, "", "mov psr, M35"),
    ClassRow(5, "mov_from_cr", 2, "", "mov cr, M33"),
    ClassRow(6, "mov_to_cr", 2, "", "mov cr, M32"),
    ClassRow(7, "mov_from_rr", 2, "", "mov indirect, M43"),
    ClassRow(8, "mov_to_rr", 1, "", "mov indirect, M42"),
    ClassRow(9, "mov_from_pkr", 1, "", "mov indirect, M43"),
    ClassRow(10, "mov_to_pkr", 1, "", "mov indirect, M42"),
    ClassRow(11, "mov_from_ibr", 1, "", "mov indirect, M43"),
    ClassRow(12, "mov_to_ibr", 1, "", "mov indirect, M42"),
    ClassRow(13, "mov_from_dbr", 1, "", "mov indirect, M43"),
    ClassRow(14, "mov_to_dbr", 1, "", "mov indirect, M42"),
    ClassRow(15, "mov_from_pmc", 1, "", "mov indirect, M43"),
    ClassRow(16, "mov_to_pmc", 1, "", "mov indirect, M42"),
    ClassRow(17, "mov_from_pmd", 1, "", "mov indirect, M43"),
    ClassRow(18, "mov_to_pmd", 1, "", "mov indirect, M42"),
    ClassRow(19, "mov_from_cpuid", 1, "", "mov indirect, M43"),
    ClassRow(20, "mov_from_kr", 2, "", "mov ar, M31"),
    ClassRow(21, "mov_to_kr", 2, "", "mov ar, M29 and M30"),
    ClassRow(22, "mov_from_itc", 2, "", "mov ar, M31; ar.ruc likewise"),
    ClassRow(23, "mov_to_itc", 1, "", "mov ar, M29 and M30; ar.ruc likewise"),
    ClassRow(24, "itc_d", 1, "itc.d", "itc, M41", last_in_group=True),
    ClassRow(25, "itc_i", 1, "itc.i", "itc, M41", last_in_group=True),
    ClassRow(26, "itr_d", 1, "itr.d", "itr, M42"),
    ClassRow(27, "itr_i", 1, "itr.i", "itr, M42"),
    ClassRow(28, "ptc_l", 1, "ptc.l", "ptc.l, M45"),
    ClassRow(29, "ptc_g", 1, "ptc.g", "ptc.g, M45", last_in_group=True),
    ClassRow(30, "ptc_ga", 1, "ptc.ga", "ptc.ga, M45", last_in_group=True),
    ClassRow(31, "ptc_e", 1, "ptc.e", "ptc.e, M47"),
    ClassRow(32, "ptr_d", 1, "ptr.d", "ptr, M45"),
    ClassRow(33, "ptr_i", 1, "ptr.i", "ptr, M45"),
    ClassRow(34, "tpa", 1, "tpa", "tpa, M46"),
    ClassRow(35, "tak", 1, "tak", "tak, M46"),
    ClassRow(36, "thash", 1, "thash", "thash, M46"),
    ClassRow(37, "ttag", 1, "ttag", "ttag, M46"),
    ClassRow(38, "fc", 1, "fc fc.i", "fc, M28; fc.i likewise"),
    ClassRow(39, "probe", 1, "probe.r probe.w probe.rw.fault probe.r.fault probe.w.fault", "probe, M38, M39 and M40"),
    ClassRow(40, "srlz_d", 1, "srlz.d", "srlz, M24"),
    ClassRow(41, "srlz_i", 1, "srlz.i", "srlz, M24"),
    ClassRow(42, "rfi", 1, "rfi", "rfi, B8"),
    ClassRow(43, "cover", 1, "cover", "cover, B8"),
    ClassRow(44, "bsw", 1, "bsw.0 bsw.1", "bsw, B8"),
    ClassRow(45, "vmsw", 1, "vmsw.0 vmsw.1", "vmsw, B8"),
    ClassRow(46, "break", 1, "break break.m break.i break.f break.b break.x", "break, M37, I19, F15, B9 and X1"),
    ClassRow(47, "epc", 1, "epc", "epc, B8"),
)

BUNDLE_LEN = 16

LAST_IN_GROUP = frozenset(row.name for row in CLASSES if row.last_in_group)

NAME_OF = {row.number: row.name for row in CLASSES}
NUMBER_OF = {row.name: row.number for row in CLASSES}

# What the scratch word of `.afterburn.info` counts: bit n is general register rn, but for the four registers that are
# never free (r0 constant, r1 gp, r12 sp, r13 thread pointer), whose bits stand for pairs of predicate registers.
SCRATCH_GENERAL = (*range(2, 12), *range(14, 32))
SCRATCH_PREDICATES = {0: (6, 7), 1: (8, 9), 12: (10, 11), 13: (12, 13)}
