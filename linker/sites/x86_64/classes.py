"""Operation classes of x86-64: every sensitive instruction, one row each. The only place where a class is described.

Both wings read this table (docs/formats.md): the afterburner to recognise and pad, the linker to check what it
decoded, the interface modules to dispatch (`classes.h` is made from it). It is data only and imports nothing, because
the assembler stand-in pays for every import in every compile. `spellings.py` says what follows from a row.
"""

ROOM_LEN = 8
ANY, IOPL, PORTS, RING0 = "any", "iopl", "ports", "ring0"
NEXT, AWAY = "next", "away"


class Row:
    """One class.

    number     unsigned 16 bits, stored in `.afterburn.info`; never reused, never renumbered.
    name       the class as a person names it with `--only`, `--skip` and in reports.
    words      mnemonics of both syntaxes, operand-size letters that may follow in brackets: `pushf[qw]` is pushf,
               pushfq and pushfw. Empty where operands decide.
    encodings  opcodes as the manual writes them, separated by commas: `0f 01 /2 m`. Bytes; then `/0`-`/7` the reg
               field of ModRM, or `/r` any; `m` or `r`: in memory or in a register alone; `x`: a register, whatever
               ModRM says; `ib`, `iw`: an immediate; `iz`: a far pointer. In front `66` or `f3`: that prefix must be
               there; `np`: none of 66, f2, f3 may. `32:` holds outside 64-bit code alone.
    operand    where operands decide, `word position kind`: `mov dst cr`, `jmp - far`, `int - 3`.
    level      who may execute it: ANY; RING0 alone; CPL not above IOPL; PORTS: that, or the ports in the TSS's bitmap.
    flow       NEXT: the instruction behind it follows, if nothing faults. AWAY: it says itself where to go on.
    reads, writes  general registers beside the operands that are written out, as `rax`.
    flags      arithmetic flags it writes, as letters: `oszapc`, or fewer.
    room_len   bytes the whole site has at least, instruction included. 8 holds every form planned so far: a `call
               rel32` or `jmp rel32` (5 bytes), `movb $imm8, disp32(%rip)` (7), `mov disp32(%rip), %r64` (7). 0 pads
               nothing: the instruction traps by itself on every target, its site is recorded so that it can be listed.
    no_stack   the stack may belong to someone else, or be gone: docs/formats.md, `.afterburn.info` flags bit 0.
    front_len  length of an instruction whose padding stands in front of it, flags bit 1; 0: behind.
    width      what the width of its data is taken from: `16`, `register` (the destination), `operand` (the operand
               size); empty: the memory operand, else the first general register.
    manual     where the instruction is described: Intel SDM vol. 2 unless it says otherwise.
    """

    __slots__ = (
        "encodings",
        "flags",
        "flow",
        "front_len",
        "level",
        "manual",
        "name",
        "no_stack",
        "number",
        "operand",
        "reads",
        "room_len",
        "width",
        "words",
        "writes",
    )

    def __init__(
        self,
        number: int,
        name: str,
        words: str,
        encodings: str,
        manual: str,
        *,
        level: str = ANY,
        flow: str = NEXT,
        operand: str = "",
        reads: str = "",
        writes: str = "",
        flags: str = "",
        room_len: int = ROOM_LEN,
        no_stack: bool = False,
        front_len: int = 0,
        width: str = "",
    ) -> None:
        self.number, self.name, self.words, self.encodings, self.manual = number, name, words, encodings, manual
        self.level, self.flow, self.operand, self.reads, self.writes = level, flow, operand, reads, writes
        self.flags, self.room_len, self.no_stack, self.front_len, self.width = (
            flags,
            room_len,
            no_stack,
            front_len,
            width,
        )


CLASSES = (
    Row(1, "cli", "cli", "fa", "CLI", level=IOPL),
    Row(2, "sti", "sti", "fb", "STI", level=IOPL, front_len=1),
    Row(3, "pushf", "pushf[qw] pushfd", "9c", "PUSHF/PUSHFQ", reads="rsp", writes="rsp", width="operand"),
    Row(4, "popf", "popf[qw] popfd", "9d", "POPF/POPFQ", reads="rsp", writes="rsp", flags="oszapc", width="operand"),
    Row(5, "hlt", "hlt", "f4", "HLT", level=RING0),
    Row(6, "lgdt", "lgdt[qwl]", "0f 01 /2 m", "LGDT/LIDT", level=RING0),
    Row(7, "lidt", "lidt[qwl]", "0f 01 /3 m", "LGDT/LIDT", level=RING0),
    Row(8, "lldt", "lldt[w]", "0f 00 /2", "LLDT", level=RING0, width="16"),
    Row(9, "ltr", "ltr[w]", "0f 00 /3", "LTR", level=RING0, width="16"),
    Row(10, "sgdt", "sgdt[qwl]", "0f 01 /0 m", "SGDT"),
    Row(11, "sidt", "sidt[qwl]", "0f 01 /1 m", "SIDT"),
    Row(12, "sldt", "sldt[qwl]", "0f 00 /0", "SLDT"),
    Row(13, "str", "str[qwl]", "0f 00 /1", "STR"),
    Row(14, "smsw", "smsw[qwl]", "0f 01 /4", "SMSW"),
    Row(15, "lmsw", "lmsw[w]", "0f 01 /6", "LMSW", level=RING0, width="16"),
    Row(16, "mov_from_cr", "", "0f 20 /r x", "MOV CR", operand="mov src cr", level=RING0, flags="oszapc"),
    Row(17, "mov_to_cr", "", "0f 22 /r x", "MOV CR", operand="mov dst cr", level=RING0, flags="oszapc"),
    Row(18, "mov_from_dr", "", "0f 21 /r x", "MOV DR", operand="mov src dr", level=RING0, flags="oszapc"),
    Row(19, "mov_to_dr", "", "0f 23 /r x", "MOV DR", operand="mov dst dr", level=RING0, flags="oszapc"),
    Row(20, "clts", "clts", "0f 06", "CLTS", level=RING0),
    Row(21, "invlpg", "invlpg", "0f 01 /7 m", "INVLPG", level=RING0),
    Row(22, "invpcid", "invpcid", "66 0f 38 82 /r m", "INVPCID", level=RING0, width="register"),
    Row(23, "invd", "invd", "0f 08", "INVD", level=RING0),
    Row(24, "wbinvd", "wbinvd wbnoinvd", "0f 09", "WBINVD, WBNOINVD", level=RING0),
    Row(25, "in", "in[bwl]", "e4 ib, e5 ib, ec, ed", "IN", level=PORTS),
    Row(26, "out", "out[bwl]", "e6 ib, e7 ib, ee, ef", "OUT", level=PORTS),
    Row(27, "ins", "ins[bwl] insd", "6c, 6d", "INS/INSB/INSW/INSD", level=PORTS, reads="rdx rdi", writes="rdi"),
    Row(28, "outs", "outs[bwl] outsd", "6e, 6f", "OUTS/OUTSB/OUTSW/OUTSD", level=PORTS, reads="rdx rsi", writes="rsi"),
    Row(29, "iret", "iret[qwl] iretd", "cf", "IRET/IRETD/IRETQ",
        flow=AWAY, reads="rsp", writes="rsp", flags="oszapc", no_stack=True, width="operand"),
    Row(30, "lret", "lret[qwl] retf[qwl] retfd", "ca iw, cb", "RET, far",
        flow=AWAY, reads="rsp", writes="rsp", width="operand"),
    Row(31, "sysret", "sysret[ql] sysretd", "0f 07", "SYSRET",
        level=RING0, flow=AWAY, reads="rcx r11", flags="oszapc", no_stack=True, width="operand"),
    Row(32, "sysexit", "sysexit[ql] sysexitd", "0f 35", "SYSEXIT",
        level=RING0, flow=AWAY, reads="rcx rdx", writes="rsp", no_stack=True, width="operand"),
    Row(33, "ljmp", "ljmp[qwl]", "ff /5 m, 32: ea iz", "JMP, far", operand="jmp - far", flow=AWAY),
    Row(34, "lcall", "lcall[qwl]", "ff /3 m, 32: 9a iz", "CALL, far",
        operand="call - far", flow=AWAY, reads="rsp", writes="rsp"),
    Row(35, "swapgs", "swapgs", "0f 01 f8", "SWAPGS", level=RING0, no_stack=True),
    Row(36, "rdmsr", "rdmsr", "0f 32", "RDMSR", level=RING0, reads="rcx", writes="rax rdx"),
    Row(37, "wrmsr", "wrmsr", "0f 30", "WRMSR", level=RING0, reads="rax rcx rdx"),
    Row(38, "rdpmc", "rdpmc", "0f 33", "RDPMC", level=RING0, reads="rcx", writes="rax rdx"),
    Row(39, "rdtsc", "rdtsc", "0f 31", "RDTSC", writes="rax rdx"),
    Row(40, "rdtscp", "rdtscp", "0f 01 f9", "RDTSCP", writes="rax rcx rdx"),
    Row(41, "cpuid", "cpuid", "0f a2", "CPUID", reads="rax rcx", writes="rax rbx rcx rdx"),
    Row(42, "mov_from_seg", "", "8c /r", "MOV", operand="mov src seg"),
    Row(43, "mov_to_seg", "", "8e /r", "MOV", operand="mov dst seg"),
    Row(44, "push_seg", "", "0f a0, 0f a8, 32: 06, 32: 0e, 32: 16, 32: 1e", "PUSH",
        operand="push dst seg", reads="rsp", writes="rsp", width="operand"),
    Row(45, "pop_seg", "", "0f a1, 0f a9, 32: 07, 32: 17, 32: 1f", "POP",
        operand="pop dst seg", reads="rsp", writes="rsp", width="operand"),
    Row(46, "load_far_pointer", "lss[qwl] lfs[qwl] lgs[qwl] lds[wl] les[wl]",
        "0f b2 /r m, 0f b4 /r m, 0f b5 /r m, 32: c4 /r m, 32: c5 /r m", "LDS/LES/LFS/LGS/LSS",
        width="register"),
    Row(47, "rdfsbase", "rdfsbase[ql]", "f3 0f ae /0 r", "RDFSBASE/RDGSBASE"),
    Row(48, "rdgsbase", "rdgsbase[ql]", "f3 0f ae /1 r", "RDFSBASE/RDGSBASE"),
    Row(49, "wrfsbase", "wrfsbase[ql]", "f3 0f ae /2 r", "WRFSBASE/WRGSBASE"),
    Row(50, "wrgsbase", "wrgsbase[ql]", "f3 0f ae /3 r", "WRFSBASE/WRGSBASE"),
    Row(51, "verr", "verr[w]", "0f 00 /4", "VERR/VERW", flags="z", width="16"),
    Row(52, "verw", "verw[w]", "0f 00 /5", "VERR/VERW", flags="z", width="16"),
    Row(53, "lar", "lar[qwl]", "0f 02 /r", "LAR", flags="z", width="register"),
    Row(54, "lsl", "lsl[qwl]", "0f 03 /r", "LSL", flags="z", width="register"),
    Row(55, "int", "int", "cd ib", "INT n", flow=AWAY),
    Row(56, "int3", "int3", "cc", "INT3", operand="int - 3", flow=AWAY, room_len=0),
    Row(57, "ud2", "ud2 ud2a", "0f 0b", "UD2", room_len=0),
    Row(58, "xsetbv", "xsetbv", "np 0f 01 d1", "XSETBV", level=RING0, reads="rax rcx rdx"),
    Row(59, "monitor", "monitor monitorx", "np 0f 01 c8, np 0f 01 fa", "MONITOR; MONITORX: AMD APM vol. 3",
        level=RING0, reads="rax rcx rdx"),
    Row(60, "mwait", "mwait mwaitx", "np 0f 01 c9, np 0f 01 fb", "MWAIT; MWAITX: AMD APM vol. 3",
        level=RING0, reads="rax rcx"),
    # #UD, not #GP, for a program that tries them.
    Row(61, "clac", "clac", "np 0f 01 ca", "CLAC"),
    Row(62, "stac", "stac", "np 0f 01 cb", "STAC"),
    Row(63, "xsaves", "xsaves xsaves64", "np 0f c7 /5 m", "XSAVES", level=RING0, reads="rax rdx"),
    Row(64, "xrstors", "xrstors xrstors64", "np 0f c7 /3 m", "XRSTORS", level=RING0, reads="rax rdx"),
    # Not privileged, yet sensitive where the guest is a process: protection keys may keep its kernel from its programs.
    Row(65, "wrpkru", "wrpkru", "np 0f 01 ef", "WRPKRU", reads="rax rcx rdx"),
    Row(66, "rdpkru", "rdpkru", "np 0f 01 ee", "RDPKRU", reads="rcx", writes="rax rdx"),
    Row(67, "xrstor", "xrstor xrstor64", "np 0f ae /5 m", "XRSTOR", reads="rax rdx"),
    Row(68, "xgetbv", "xgetbv", "np 0f 01 d0", "XGETBV", reads="rcx", writes="rax rdx"),
)

NAME_OF = {row.number: row.name for row in CLASSES}
NUMBER_OF = {row.name: row.number for row in CLASSES}

# Names of registers that decide, by kind; GNU as takes all of them.
REGISTERS = {
    "cr": tuple(f"cr{number}" for number in range(16)),
    "dr": tuple(f"{name}{number}" for name in ("dr", "db") for number in range(16)),
    "seg": ("es", "cs", "ss", "ds", "fs", "gs"),
}
