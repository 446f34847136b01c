"""Which iced-x86 mnemonic is which operation class (`classes.py`). Data only."""

from iced_x86 import Mnemonic, Register

from linker.sites.l4ka import ANY, BIT, READ, WRITE

BY_MNEMONIC = {
    Mnemonic.CLI: "cli",
    Mnemonic.STI: "sti",
    Mnemonic.PUSHF: "pushf",
    Mnemonic.PUSHFD: "pushf",
    Mnemonic.PUSHFQ: "pushf",
    Mnemonic.POPF: "popf",
    Mnemonic.POPFD: "popf",
    Mnemonic.POPFQ: "popf",
    Mnemonic.HLT: "hlt",
    Mnemonic.LGDT: "lgdt",
    Mnemonic.LIDT: "lidt",
    Mnemonic.LLDT: "lldt",
    Mnemonic.LTR: "ltr",
    Mnemonic.SGDT: "sgdt",
    Mnemonic.SIDT: "sidt",
    Mnemonic.SLDT: "sldt",
    Mnemonic.STR: "str",
    Mnemonic.SMSW: "smsw",
    Mnemonic.LMSW: "lmsw",
    Mnemonic.CLTS: "clts",
    Mnemonic.INVLPG: "invlpg",
    Mnemonic.INVPCID: "invpcid",
    Mnemonic.INVD: "invd",
    Mnemonic.WBINVD: "wbinvd",
    Mnemonic.WBNOINVD: "wbinvd",
    Mnemonic.IN: "in",
    Mnemonic.OUT: "out",
    Mnemonic.INSB: "ins",
    Mnemonic.INSW: "ins",
    Mnemonic.INSD: "ins",
    Mnemonic.OUTSB: "outs",
    Mnemonic.OUTSW: "outs",
    Mnemonic.OUTSD: "outs",
    Mnemonic.IRET: "iret",
    Mnemonic.IRETD: "iret",
    Mnemonic.IRETQ: "iret",
    Mnemonic.RETF: "lret",
    Mnemonic.SYSRET: "sysret",
    Mnemonic.SYSRETQ: "sysret",
    Mnemonic.SYSEXIT: "sysexit",
    Mnemonic.SYSEXITQ: "sysexit",
    Mnemonic.SWAPGS: "swapgs",
    Mnemonic.RDMSR: "rdmsr",
    Mnemonic.WRMSR: "wrmsr",
    Mnemonic.RDPMC: "rdpmc",
    Mnemonic.RDTSC: "rdtsc",
    Mnemonic.RDTSCP: "rdtscp",
    Mnemonic.CPUID: "cpuid",
    Mnemonic.LDS: "load_far_pointer",
    Mnemonic.LES: "load_far_pointer",
    Mnemonic.LSS: "load_far_pointer",
    Mnemonic.LFS: "load_far_pointer",
    Mnemonic.LGS: "load_far_pointer",
    Mnemonic.RDFSBASE: "rdfsbase",
    Mnemonic.RDGSBASE: "rdgsbase",
    Mnemonic.WRFSBASE: "wrfsbase",
    Mnemonic.WRGSBASE: "wrgsbase",
    Mnemonic.VERR: "verr",
    Mnemonic.VERW: "verw",
    Mnemonic.LAR: "lar",
    Mnemonic.LSL: "lsl",
    Mnemonic.INT: "int",
    Mnemonic.INT3: "int3",
    Mnemonic.UD2: "ud2",
    Mnemonic.XSETBV: "xsetbv",
    Mnemonic.MONITOR: "monitor",
    Mnemonic.MONITORX: "monitor",
    Mnemonic.MWAIT: "mwait",
    Mnemonic.MWAITX: "mwait",
}

CONTROL_REGISTERS = frozenset(range(Register.CR0, Register.CR15 + 1))
DEBUG_REGISTERS = frozenset(range(Register.DR0, Register.DR15 + 1))
SEGMENT_REGISTERS = frozenset(range(Register.ES, Register.GS + 1))

# Mnemonic -> (operand position, registers there, class): the operand decides.
BY_OPERAND = {
    Mnemonic.MOV: (
        (0, CONTROL_REGISTERS, "mov_to_cr"),
        (1, CONTROL_REGISTERS, "mov_from_cr"),
        (0, DEBUG_REGISTERS, "mov_to_dr"),
        (1, DEBUG_REGISTERS, "mov_from_dr"),
        (0, SEGMENT_REGISTERS, "mov_to_seg"),
        (1, SEGMENT_REGISTERS, "mov_from_seg"),
    ),
    Mnemonic.PUSH: ((0, SEGMENT_REGISTERS, "push_seg"),),
    Mnemonic.POP: ((0, SEGMENT_REGISTERS, "pop_seg"),),
}

# Where the width of the data comes from: the memory operand, else the first general register that is no port number,
# but for these classes always 16 bits, the destination register, or the operand size of the encoding.
WIDTH_16 = frozenset({"lldt", "ltr", "lmsw", "verr", "verw"})
WIDTH_BY_REGISTER = frozenset({"lar", "lsl", "load_far_pointer", "invpcid"})
WIDTH_BY_OPERAND_SIZE = frozenset({"pushf", "popf", "iret", "lret", "sysret", "sysexit", "push_seg", "pop_seg"})

# Memory operations the original's sub-sections may hold (`apply_device_patchup`, `apply_bitop_patchup` of its
# `ia32/rewrite_stackless.cc`), by what they do.
MEMORY_OPERATIONS = {
    READ: {"mov": Mnemonic.MOV, "xchg": Mnemonic.XCHG},
    WRITE: {"mov": Mnemonic.MOV, "xchg": Mnemonic.XCHG, "or": Mnemonic.OR, "and": Mnemonic.AND},
    BIT: {"btr": Mnemonic.BTR},
    ANY: {"mov": Mnemonic.MOV, "xchg": Mnemonic.XCHG, "or": Mnemonic.OR, "and": Mnemonic.AND},
}
MEMORY_MNEMONICS = {access: frozenset(by_name.values()) for access, by_name in MEMORY_OPERATIONS.items()}
