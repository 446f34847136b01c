"""Operation classes of ia64: every sensitive instruction, its stable number and the room its site gets.

Both wings read this table (docs/formats.md, docs/ia64.md): the afterburner to recognise and pad, the linker to check
what it decoded. It is data only and imports nothing, because the assembler stand-in pays for every import.

A row is (number, name, room_bundles, manual):

number         unsigned 16 bits, stored in `.afterburn.info`; never reused, never renumbered. ia64 counts for itself.
name           the class as a person names it with `--only`, `--skip` and in reports.
room_bundles   bundles of 16 bytes the whole site has, the instruction's own included.
               1: the instruction becomes `brl` to a stub (one MLX bundle), stays and traps, or vanishes.
               2: also `movl` of an address and one load or store (a word of the virtual CPU is read or written).
               3: also what a flag behind a pointer takes: `movl`, load of the pointer, store of the flag.
manual         instruction page in the Intel Itanium Architecture SDM vol. 3, chapter 2, and format (chapter 4).
"""

CLASSES = (
    # number, name, room_bundles, manual
    (1, "ssm", 3, "ssm, M44"),
    (2, "rsm", 3, "rsm, M44"),
    (3, "mov_from_psr", 3, "mov psr, M36"),
    (4, "mov_to_psr", 1, "mov psr, M35"),
    (5, "mov_from_cr", 2, "mov cr, M33"),
    (6, "mov_to_cr", 2, "mov cr, M32"),
    (7, "mov_from_rr", 2, "mov indirect, M43"),
    (8, "mov_to_rr", 1, "mov indirect, M42"),
    (9, "mov_from_pkr", 1, "mov indirect, M43"),
    (10, "mov_to_pkr", 1, "mov indirect, M42"),
    (11, "mov_from_ibr", 1, "mov indirect, M43"),
    (12, "mov_to_ibr", 1, "mov indirect, M42"),
    (13, "mov_from_dbr", 1, "mov indirect, M43"),
    (14, "mov_to_dbr", 1, "mov indirect, M42"),
    (15, "mov_from_pmc", 1, "mov indirect, M43"),
    (16, "mov_to_pmc", 1, "mov indirect, M42"),
    (17, "mov_from_pmd", 1, "mov indirect, M43"),
    (18, "mov_to_pmd", 1, "mov indirect, M42"),
    (19, "mov_from_cpuid", 1, "mov indirect, M43"),
    (20, "mov_from_kr", 2, "mov ar, M31"),
    (21, "mov_to_kr", 2, "mov ar, M29 and M30"),
    (22, "mov_from_itc", 2, "mov ar, M31; ar.ruc likewise"),
    (23, "mov_to_itc", 1, "mov ar, M29 and M30; ar.ruc likewise"),
    (24, "itc_d", 1, "itc, M41"),
    (25, "itc_i", 1, "itc, M41"),
    (26, "itr_d", 1, "itr, M42"),
    (27, "itr_i", 1, "itr, M42"),
    (28, "ptc_l", 1, "ptc.l, M45"),
    (29, "ptc_g", 1, "ptc.g, M45"),
    (30, "ptc_ga", 1, "ptc.ga, M45"),
    (31, "ptc_e", 1, "ptc.e, M47"),
    (32, "ptr_d", 1, "ptr, M45"),
    (33, "ptr_i", 1, "ptr, M45"),
    (34, "tpa", 1, "tpa, M46"),
    (35, "tak", 1, "tak, M46"),
    (36, "thash", 1, "thash, M46"),
    (37, "ttag", 1, "ttag, M46"),
    (38, "fc", 1, "fc, M28; fc.i likewise"),
    (39, "probe", 1, "probe, M38, M39 and M40"),
    (40, "srlz_d", 1, "srlz, M24"),
    (41, "srlz_i", 1, "srlz, M24"),
    (42, "rfi", 1, "rfi, B8"),
    (43, "cover", 1, "cover, B8"),
    (44, "bsw", 1, "bsw, B8"),
    (45, "vmsw", 1, "vmsw, B8"),
    (46, "break", 1, "break, M37, I19, F15, B9 and X1"),
    (47, "epc", 1, "epc, B8"),
)

BUNDLE_LEN = 16

# These must be the last instruction of their group (their pages in chapter 2): a stop is right behind them. The B-unit
# ones are last in their bundle anyway.
LAST_IN_GROUP = frozenset({"itc_d", "itc_i", "ptc_g", "ptc_ga"})

NAME_OF = {row[0]: row[1] for row in CLASSES}
NUMBER_OF = {row[1]: row[0] for row in CLASSES}

# What the scratch word of `.afterburn.info` counts: bit n is general register rn, but for the four registers that are
# never free (r0 constant, r1 gp, r12 sp, r13 thread pointer), whose bits stand for pairs of predicate registers.
SCRATCH_GENERAL = (*range(2, 12), *range(14, 32))
SCRATCH_PREDICATES = {0: (6, 7), 1: (8, 9), 12: (10, 11), 13: (12, 13)}
