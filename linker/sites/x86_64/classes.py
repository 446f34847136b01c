"""Operation classes of x86-64: every sensitive instruction, its stable number and the room its site gets.

Both wings read this table (docs/formats.md): the afterburner to recognise and pad, the linker to check what it
decoded. It is data only and imports nothing, because the assembler stand-in pays for every import in every compile.

A row is (number, name, room_len, mnemonics, manual):

number     unsigned 16 bits, stored in `.afterburn.info`; never reused, never renumbered.
name       the class as a person names it with `--only`, `--skip` and in reports.
room_len   bytes the whole site has at least, instruction included. 8 holds every form planned so far: a `call rel32`
           or `jmp rel32` (5 bytes), `movb $imm8, disp32(%rip)` (7), `mov disp32(%rip), %r64` (7). 0 pads nothing:
           the instruction traps by itself on every target, its site is recorded so that it can be listed.
mnemonics  AT&T spellings without operand-size suffix first, then Intel-only spellings. Empty where operands decide
           (`mov` to a control register).
suffixes   operand-size letters AT&T syntax may append to the mnemonics.
manual     where the instruction is described: Intel SDM vol. 2 unless it says otherwise.
"""

ROOM_LEN = 8

CLASSES = (
    # number, name, room_len, mnemonics, suffixes, manual
    (1, "cli", ROOM_LEN, ("cli",), "", "CLI"),
    (2, "sti", ROOM_LEN, ("sti",), "", "STI"),
    (3, "pushf", ROOM_LEN, ("pushf",), "qw", "PUSHF/PUSHFQ"),
    (4, "popf", ROOM_LEN, ("popf",), "qw", "POPF/POPFQ"),
    (5, "hlt", ROOM_LEN, ("hlt",), "", "HLT"),
    (6, "lgdt", ROOM_LEN, ("lgdt",), "qwl", "LGDT/LIDT"),
    (7, "lidt", ROOM_LEN, ("lidt",), "qwl", "LGDT/LIDT"),
    (8, "lldt", ROOM_LEN, ("lldt",), "w", "LLDT"),
    (9, "ltr", ROOM_LEN, ("ltr",), "w", "LTR"),
    (10, "sgdt", ROOM_LEN, ("sgdt",), "qwl", "SGDT"),
    (11, "sidt", ROOM_LEN, ("sidt",), "qwl", "SIDT"),
    (12, "sldt", ROOM_LEN, ("sldt",), "qwl", "SLDT"),
    (13, "str", ROOM_LEN, ("str",), "qwl", "STR"),
    (14, "smsw", ROOM_LEN, ("smsw",), "qwl", "SMSW"),
    (15, "lmsw", ROOM_LEN, ("lmsw",), "w", "LMSW"),
    (16, "mov_from_cr", ROOM_LEN, (), "", "MOV-Control Registers"),
    (17, "mov_to_cr", ROOM_LEN, (), "", "MOV-Control Registers"),
    (18, "mov_from_dr", ROOM_LEN, (), "", "MOV-Debug Registers"),
    (19, "mov_to_dr", ROOM_LEN, (), "", "MOV-Debug Registers"),
    (20, "clts", ROOM_LEN, ("clts",), "", "CLTS"),
    (21, "invlpg", ROOM_LEN, ("invlpg",), "", "INVLPG"),
    (22, "invpcid", ROOM_LEN, ("invpcid",), "", "INVPCID"),
    (23, "invd", ROOM_LEN, ("invd",), "", "INVD"),
    (24, "wbinvd", ROOM_LEN, ("wbinvd", "wbnoinvd"), "", "WBINVD, WBNOINVD"),
    (25, "in", ROOM_LEN, ("in",), "bwl", "IN"),
    (26, "out", ROOM_LEN, ("out",), "bwl", "OUT"),
    (27, "ins", ROOM_LEN, ("insb", "insw", "insl", "ins", "insd"), "", "INS/INSB/INSW/INSD"),
    (28, "outs", ROOM_LEN, ("outsb", "outsw", "outsl", "outs", "outsd"), "", "OUTS/OUTSB/OUTSW/OUTSD"),
    (29, "iret", ROOM_LEN, ("iret", "iretd"), "qwl", "IRET/IRETD/IRETQ"),
    (30, "lret", ROOM_LEN, ("lret", "retf", "retfd"), "qwl", "RET, far"),
    (31, "sysret", ROOM_LEN, ("sysret", "sysretd"), "ql", "SYSRET"),
    (32, "sysexit", ROOM_LEN, ("sysexit", "sysexitd"), "ql", "SYSEXIT"),
    (33, "ljmp", ROOM_LEN, ("ljmp",), "qwl", "JMP, far"),
    (34, "lcall", ROOM_LEN, ("lcall",), "qwl", "CALL, far"),
    (35, "swapgs", ROOM_LEN, ("swapgs",), "", "SWAPGS"),
    (36, "rdmsr", ROOM_LEN, ("rdmsr",), "", "RDMSR"),
    (37, "wrmsr", ROOM_LEN, ("wrmsr",), "", "WRMSR"),
    (38, "rdpmc", ROOM_LEN, ("rdpmc",), "", "RDPMC"),
    (39, "rdtsc", ROOM_LEN, ("rdtsc",), "", "RDTSC"),
    (40, "rdtscp", ROOM_LEN, ("rdtscp",), "", "RDTSCP"),
    (41, "cpuid", ROOM_LEN, ("cpuid",), "", "CPUID"),
    (42, "mov_from_seg", ROOM_LEN, (), "", "MOV"),
    (43, "mov_to_seg", ROOM_LEN, (), "", "MOV"),
    (44, "push_seg", ROOM_LEN, (), "", "PUSH"),
    (45, "pop_seg", ROOM_LEN, (), "", "POP"),
    (46, "load_far_pointer", ROOM_LEN, ("lss", "lfs", "lgs"), "qwl", "LDS/LES/LFS/LGS/LSS"),
    (47, "rdfsbase", ROOM_LEN, ("rdfsbase",), "ql", "RDFSBASE/RDGSBASE"),
    (48, "rdgsbase", ROOM_LEN, ("rdgsbase",), "ql", "RDFSBASE/RDGSBASE"),
    (49, "wrfsbase", ROOM_LEN, ("wrfsbase",), "ql", "WRFSBASE/WRGSBASE"),
    (50, "wrgsbase", ROOM_LEN, ("wrgsbase",), "ql", "WRFSBASE/WRGSBASE"),
    (51, "verr", ROOM_LEN, ("verr",), "w", "VERR/VERW"),
    (52, "verw", ROOM_LEN, ("verw",), "w", "VERR/VERW"),
    (53, "lar", ROOM_LEN, ("lar",), "qwl", "LAR"),
    (54, "lsl", ROOM_LEN, ("lsl",), "qwl", "LSL"),
    (55, "int", ROOM_LEN, ("int",), "", "INT n"),
    (56, "int3", 0, ("int3",), "", "INT3"),
    (57, "ud2", 0, ("ud2", "ud2a"), "", "UD2"),
    (58, "xsetbv", ROOM_LEN, ("xsetbv",), "", "XSETBV"),
    (59, "monitor", ROOM_LEN, ("monitor", "monitorx"), "", "MONITOR; MONITORX: AMD APM vol. 3"),
    (60, "mwait", ROOM_LEN, ("mwait", "mwaitx"), "", "MWAIT; MWAITX: AMD APM vol. 3"),
)

NAME_OF = {row[0]: row[1] for row in CLASSES}
NUMBER_OF = {row[1]: row[0] for row in CLASSES}
