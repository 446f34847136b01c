"""Which statements are sensitive: mnemonics, operands and `.byte` spellings mapped to operation classes."""

from __future__ import annotations

import re

from linker.sites.x86_64.classes import CLASSES, NUMBER_OF

ROOM_OF = {number: room for number, _, room, *_ in CLASSES}

# Mnemonics that are sensitive whatever their operands; lower case, every operand-size suffix spelled out.
BY_MNEMONIC = {
    (mnemonic + suffix).encode(): number
    for number, _, _, mnemonics, suffixes, *_ in CLASSES
    for mnemonic in mnemonics
    for suffix in ("", *suffixes)
}

# Mnemonics sensitive with some operands only.
MOV = frozenset((b"mov", b"movw", b"movl", b"movq"))
PUSH = frozenset((b"push", b"pushw", b"pushl", b"pushq"))
POP = frozenset((b"pop", b"popw", b"popl", b"popq"))
FAR_BRANCH = {b"jmp": NUMBER_OF["ljmp"], b"call": NUMBER_OF["lcall"]}

# Prefixes written as words of their own in front of an instruction, or as a statement of their own before it.
PREFIXES = frozenset(
    b"rep repe repz repne repnz lock data16 data32 addr16 addr32 addr64 cs ds es fs gs ss bnd notrack "
    b"xacquire xrelease rex64 rexz rex64z rexy rex64y rexyz rex64yz rexx rex64x rexxz rex64xz rexxy rex64xy rexxyz "
    b"rex64xyz rex rex.w rex.r rex.x rex.b rex.rx rex.rb rex.xb rex.rxb rex.wr rex.wx rex.wb rex.wrx rex.wrb rex.wxb "
    b"rex.wrxb".split()
)

# The stack may belong to someone else, or be gone, around these: docs/formats.md, `.afterburn.info` flags bit 0.
NO_STACK = frozenset(NUMBER_OF[name] for name in ("iret", "sysret", "sysexit", "swapgs"))

# Classes whose padding stands in front of the instruction, and how long the instruction is: flags bit 1.
PADDED_IN_FRONT = {NUMBER_OF["sti"]: 1}

# A register operand that stands alone: `%gs:8` is a memory operand and its segment is not read by the guest.
_SPECIAL = rb"(?:(?P<cr>cr)|(?P<dr>d[rb]))(?:\d|\\)|(?P<seg>[cdefgs]s)(?![\w:\\]|[ \t]*:)"
_PREFIXED = rb"(?i)(?:^|[\s,])%[ \t]?(?:" + _SPECIAL + rb")"
_BARE = rb"(?i)(?:^|[\s,])%?(?:" + _SPECIAL + rb")"
_FAR_POINTER = rb"(?i)(?:far|[ft]word)\b"
_BREAKPOINT = rb"(?i)\$?[ \t]*(?:3|0x0*3)$"


def by_operands(mnemonic: bytes, operands: bytes, intel: bool, bare_registers: bool) -> int:
    """Class number of `mov`, `push`, `pop`, `jmp`, `call` and `int` as their operands decide; 0: not sensitive.

    `mnemonic` is lower case; `intel`: destination first; `bare_registers`: register names need no `%`.
    """
    if mnemonic in FAR_BRANCH:
        return FAR_BRANCH[mnemonic] if intel and re.match(_FAR_POINTER, operands) else 0
    if mnemonic == b"int":
        return NUMBER_OF["int3" if re.match(_BREAKPOINT, operands) else "int"]
    found = re.search(_BARE if bare_registers else _PREFIXED, operands)
    if found is None:
        return 0
    if mnemonic in PUSH:
        return NUMBER_OF["push_seg"] if found["seg"] else 0
    if mnemonic in POP:
        return NUMBER_OF["pop_seg"] if found["seg"] else 0
    first = b"," not in operands[: found.start() + 1]
    kind = "cr" if found["cr"] else "dr" if found["dr"] else "seg"
    return NUMBER_OF[f"mov_{'to' if first == intel else 'from'}_{kind}"]


# `.byte` spellings: opcode bytes without prefixes -> class, or a dict by the ModRM byte's reg field or whole value.
_WHOLE: dict[tuple[int, ...], str] = {
    (0x0F, 0x0B): "ud2",
    (0x0F, 0x06): "clts",
    (0x0F, 0x07): "sysret",
    (0x0F, 0x08): "invd",
    (0x0F, 0x09): "wbinvd",
    (0x0F, 0x30): "wrmsr",
    (0x0F, 0x31): "rdtsc",
    (0x0F, 0x32): "rdmsr",
    (0x0F, 0x33): "rdpmc",
    (0x0F, 0x35): "sysexit",
    (0x0F, 0xA2): "cpuid",
    (0x0F, 0x01, 0xC8): "monitor",
    (0x0F, 0x01, 0xC9): "mwait",
    (0x0F, 0x01, 0xD1): "xsetbv",
    (0x0F, 0x01, 0xF8): "swapgs",
    (0x0F, 0x01, 0xF9): "rdtscp",
    (0x0F, 0x01, 0xFA): "monitor",
    (0x0F, 0x01, 0xFB): "mwait",
}
# Opcode bytes -> class by the reg field of the ModRM byte that follows ("": not sensitive); memory or register form.
_GROUPS: dict[tuple[int, ...], tuple[str, ...]] = {
    (0x0F, 0x00): ("sldt", "str", "lldt", "ltr", "verr", "verw", "", ""),
    (0x0F, 0x02): ("lar",) * 8,
    (0x0F, 0x03): ("lsl",) * 8,
    (0x0F, 0x20): ("mov_from_cr",) * 8,
    (0x0F, 0x21): ("mov_from_dr",) * 8,
    (0x0F, 0x22): ("mov_to_cr",) * 8,
    (0x0F, 0x23): ("mov_to_dr",) * 8,
}
_GROUP_0F01_MEMORY = ("sgdt", "sidt", "lgdt", "lidt", "smsw", "", "lmsw", "invlpg")
_GROUP_0F01_REGISTER = ("", "", "", "", "smsw", "", "lmsw", "")
_GROUP_F30FAE_REGISTER = ("rdfsbase", "rdgsbase", "wrfsbase", "wrgsbase", "", "", "", "")


def by_bytes(values: list[int]) -> int:
    """Class number of an instruction written as `.byte` values; 0 when they are no sensitive instruction.

    Only two-byte opcodes (0F ...) count: a lone `.byte 0xfa` is data more often than it is `cli`.
    Source: Intel SDM vol. 2, appendix A, tables A-3 and A-6.
    """
    at = 0
    while at < len(values) and (values[at] in {0x66, 0xF2, 0xF3} or values[at] & 0xF0 == 0x40):
        at += 1
    opcode = tuple(values[at:])
    if opcode in _WHOLE:
        return NUMBER_OF[_WHOLE[opcode]]
    name = ""
    if opcode[:3] == (0x0F, 0x38, 0x82) and len(opcode) > 3 and 0x66 in values[:at]:
        name = "invpcid"
    elif len(opcode) >= 3:
        is_register, reg = opcode[2] >= 0xC0, opcode[2] >> 3 & 7
        if opcode[:2] in _GROUPS:
            name = _GROUPS[opcode[:2]][reg]
        elif opcode[:2] == (0x0F, 0x01):
            name = (_GROUP_0F01_REGISTER if is_register else _GROUP_0F01_MEMORY)[reg]
        elif opcode[:2] == (0x0F, 0xAE) and 0xF3 in values[:at] and is_register:
            name = _GROUP_F30FAE_REGISTER[reg]
    return NUMBER_OF[name] if name else 0
