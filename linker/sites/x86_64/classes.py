"""Operation classes of x86-64: every sensitive instruction, its stable number and the room its site gets.

Both wings read this table (docs/formats.md): the afterburner to recognise and pad, the linker to check what it
decoded. It is data only and imports nothing, because the assembler stand-in pays for every import in every compile.

A row is (number, name, room_len, mnemonics, suffixes, level, flow, manual):

number     unsigned 16 bits, stored in `.afterburn.info`; never reused, never renumbered.
name       the class as a person names it with `--only`, `--skip` and in reports.
room_len   bytes the whole site has at least, instruction included. 8 holds every form planned so far: a `call rel32`
           or `jmp rel32` (5 bytes), `movb $imm8, disp32(%rip)` (7), `mov disp32(%rip), %r64` (7). 0 pads nothing:
           the instruction traps by itself on every target, its site is recorded so that it can be listed.
mnemonics  AT&T spellings without operand-size suffix first, then Intel-only spellings. Empty where operands decide
           (`mov` to a control register).
suffixes   operand-size letters AT&T syntax may append to the mnemonics.
level      who may execute it: ANY; RING0 alone; CPL not above IOPL; PORTS: that, or the ports in the TSS's bitmap.
flow       NEXT: the instruction behind it follows, if nothing faults. AWAY: it says itself where to go on.
manual     where the instruction is described: Intel SDM vol. 2 unless it says otherwise.
"""

ROOM_LEN = 8
ANY, IOPL, PORTS, RING0 = "any", "iopl", "ports", "ring0"
NEXT, AWAY = "next", "away"

CLASSES = (
    # number, name, room_len, mnemonics, suffixes, level, flow, manual
    (1, "cli", ROOM_LEN, ("cli",), "", IOPL, NEXT, "CLI"),
    (2, "sti", ROOM_LEN, ("sti",), "", IOPL, NEXT, "STI"),
    (3, "pushf", ROOM_LEN, ("pushf",), "qw", ANY, NEXT, "PUSHF/PUSHFQ"),
    (4, "popf", ROOM_LEN, ("popf",), "qw", ANY, NEXT, "POPF/POPFQ"),
    (5, "hlt", ROOM_LEN, ("hlt",), "", RING0, NEXT, "HLT"),
    (6, "lgdt", ROOM_LEN, ("lgdt",), "qwl", RING0, NEXT, "LGDT/LIDT"),
    (7, "lidt", ROOM_LEN, ("lidt",), "qwl", RING0, NEXT, "LGDT/LIDT"),
    (8, "lldt", ROOM_LEN, ("lldt",), "w", RING0, NEXT, "LLDT"),
    (9, "ltr", ROOM_LEN, ("ltr",), "w", RING0, NEXT, "LTR"),
    (10, "sgdt", ROOM_LEN, ("sgdt",), "qwl", ANY, NEXT, "SGDT"),
    (11, "sidt", ROOM_LEN, ("sidt",), "qwl", ANY, NEXT, "SIDT"),
    (12, "sldt", ROOM_LEN, ("sldt",), "qwl", ANY, NEXT, "SLDT"),
    (13, "str", ROOM_LEN, ("str",), "qwl", ANY, NEXT, "STR"),
    (14, "smsw", ROOM_LEN, ("smsw",), "qwl", ANY, NEXT, "SMSW"),
    (15, "lmsw", ROOM_LEN, ("lmsw",), "w", RING0, NEXT, "LMSW"),
    (16, "mov_from_cr", ROOM_LEN, (), "", RING0, NEXT, "MOV-Control Registers"),
    (17, "mov_to_cr", ROOM_LEN, (), "", RING0, NEXT, "MOV-Control Registers"),
    (18, "mov_from_dr", ROOM_LEN, (), "", RING0, NEXT, "MOV-Debug Registers"),
    (19, "mov_to_dr", ROOM_LEN, (), "", RING0, NEXT, "MOV-Debug Registers"),
    (20, "clts", ROOM_LEN, ("clts",), "", RING0, NEXT, "CLTS"),
    (21, "invlpg", ROOM_LEN, ("invlpg",), "", RING0, NEXT, "INVLPG"),
    (22, "invpcid", ROOM_LEN, ("invpcid",), "", RING0, NEXT, "INVPCID"),
    (23, "invd", ROOM_LEN, ("invd",), "", RING0, NEXT, "INVD"),
    (24, "wbinvd", ROOM_LEN, ("wbinvd", "wbnoinvd"), "", RING0, NEXT, "WBINVD, WBNOINVD"),
    (25, "in", ROOM_LEN, ("in",), "bwl", PORTS, NEXT, "IN"),
    (26, "out", ROOM_LEN, ("out",), "bwl", PORTS, NEXT, "OUT"),
    (27, "ins", ROOM_LEN, ("insb", "insw", "insl", "ins", "insd"), "", PORTS, NEXT, "INS/INSB/INSW/INSD"),
    (28, "outs", ROOM_LEN, ("outsb", "outsw", "outsl", "outs", "outsd"), "", PORTS, NEXT, "OUTS/OUTSB/OUTSW/OUTSD"),
    (29, "iret", ROOM_LEN, ("iret", "iretd"), "qwl", ANY, AWAY, "IRET/IRETD/IRETQ"),
    (30, "lret", ROOM_LEN, ("lret", "retf", "retfd"), "qwl", ANY, AWAY, "RET, far"),
    (31, "sysret", ROOM_LEN, ("sysret", "sysretd"), "ql", RING0, AWAY, "SYSRET"),
    (32, "sysexit", ROOM_LEN, ("sysexit", "sysexitd"), "ql", RING0, AWAY, "SYSEXIT"),
    (33, "ljmp", ROOM_LEN, ("ljmp",), "qwl", ANY, AWAY, "JMP, far"),
    (34, "lcall", ROOM_LEN, ("lcall",), "qwl", ANY, AWAY, "CALL, far"),
    (35, "swapgs", ROOM_LEN, ("swapgs",), "", RING0, NEXT, "SWAPGS"),
    (36, "rdmsr", ROOM_LEN, ("rdmsr",), "", RING0, NEXT, "RDMSR"),
    (37, "wrmsr", ROOM_LEN, ("wrmsr",), "", RING0, NEXT, "WRMSR"),
    (38, "rdpmc", ROOM_LEN, ("rdpmc",), "", RING0, NEXT, "RDPMC"),
    (39, "rdtsc", ROOM_LEN, ("rdtsc",), "", ANY, NEXT, "RDTSC"),
    (40, "rdtscp", ROOM_LEN, ("rdtscp",), "", ANY, NEXT, "RDTSCP"),
    (41, "cpuid", ROOM_LEN, ("cpuid",), "", ANY, NEXT, "CPUID"),
    (42, "mov_from_seg", ROOM_LEN, (), "", ANY, NEXT, "MOV"),
    (43, "mov_to_seg", ROOM_LEN, (), "", ANY, NEXT, "MOV"),
    (44, "push_seg", ROOM_LEN, (), "", ANY, NEXT, "PUSH"),
    (45, "pop_seg", ROOM_LEN, (), "", ANY, NEXT, "POP"),
    (46, "load_far_pointer", ROOM_LEN, ("lss", "lfs", "lgs"), "qwl", ANY, NEXT, "LDS/LES/LFS/LGS/LSS"),
    (47, "rdfsbase", ROOM_LEN, ("rdfsbase",), "ql", ANY, NEXT, "RDFSBASE/RDGSBASE"),
    (48, "rdgsbase", ROOM_LEN, ("rdgsbase",), "ql", ANY, NEXT, "RDFSBASE/RDGSBASE"),
    (49, "wrfsbase", ROOM_LEN, ("wrfsbase",), "ql", ANY, NEXT, "WRFSBASE/WRGSBASE"),
    (50, "wrgsbase", ROOM_LEN, ("wrgsbase",), "ql", ANY, NEXT, "WRFSBASE/WRGSBASE"),
    (51, "verr", ROOM_LEN, ("verr",), "w", ANY, NEXT, "VERR/VERW"),
    (52, "verw", ROOM_LEN, ("verw",), "w", ANY, NEXT, "VERR/VERW"),
    (53, "lar", ROOM_LEN, ("lar",), "qwl", ANY, NEXT, "LAR"),
    (54, "lsl", ROOM_LEN, ("lsl",), "qwl", ANY, NEXT, "LSL"),
    (55, "int", ROOM_LEN, ("int",), "", ANY, AWAY, "INT n"),
    (56, "int3", 0, ("int3",), "", ANY, AWAY, "INT3"),
    (57, "ud2", 0, ("ud2", "ud2a"), "", ANY, NEXT, "UD2"),
    (58, "xsetbv", ROOM_LEN, ("xsetbv",), "", RING0, NEXT, "XSETBV"),
    (59, "monitor", ROOM_LEN, ("monitor", "monitorx"), "", RING0, NEXT, "MONITOR; MONITORX: AMD APM vol. 3"),
    (60, "mwait", ROOM_LEN, ("mwait", "mwaitx"), "", RING0, NEXT, "MWAIT; MWAITX: AMD APM vol. 3"),
)

NAME_OF = {row[0]: row[1] for row in CLASSES}
NUMBER_OF = {row[1]: row[0] for row in CLASSES}
