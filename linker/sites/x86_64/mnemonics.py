"""Which iced-x86 mnemonic is which operation class, as `classes.py` says it."""

from linker.sites.l4ka import ANY, BIT, READ, WRITE
from linker.sites.x86_64.classes import CLASSES, REGISTERS
from linker.sites.x86_64.iced import Mnemonic, Register
from linker.sites.x86_64.spellings import words_of

# Words that GNU as alone knows (`insl`) are none of the decoder's.
BY_MNEMONIC = {
    getattr(Mnemonic, word.upper()): row.name
    for row in CLASSES
    for word in words_of(row)
    if hasattr(Mnemonic, word.upper())
}

_REGISTERS = {
    kind: frozenset(getattr(Register, name.upper()) for name in names if hasattr(Register, name.upper()))
    for kind, names in REGISTERS.items()
}
_POSITION = {"dst": 0, "src": 1}
_OPERANDS = [(*row.operand.split(), row.name) for row in CLASSES if row.operand]

# Mnemonic -> (operand position, registers there, class): the operand decides.
BY_OPERAND = {
    mnemonic: tuple(
        (_POSITION[position], _REGISTERS[kind], name) for other, position, kind, name in _OPERANDS if other == word
    )
    for word, mnemonic in (("mov", Mnemonic.MOV), ("push", Mnemonic.PUSH), ("pop", Mnemonic.POP))
}
FAR_JUMP, FAR_CALL = (
    next(name for other, _, kind, name in _OPERANDS if (other, kind) == (word, "far")) for word in ("jmp", "call")
)

# Where the width of the data comes from: the memory operand, else the first general register that is no port number,
# but for these classes always 16 bits, the destination register, or the operand size of the encoding.
WIDTH_16, WIDTH_BY_REGISTER, WIDTH_BY_OPERAND_SIZE = (
    frozenset(row.name for row in CLASSES if row.width == width) for width in ("16", "register", "operand")
)

# Memory operations the original's sub-sections may hold (`apply_device_patchup`, `apply_bitop_patchup` of its
# `ia32/rewrite_stackless.cc`), by what they do.
MEMORY_OPERATIONS = {
    READ: {"mov": Mnemonic.MOV, "xchg": Mnemonic.XCHG},
    WRITE: {"mov": Mnemonic.MOV, "xchg": Mnemonic.XCHG, "or": Mnemonic.OR, "and": Mnemonic.AND},
    BIT: {"btr": Mnemonic.BTR},
    ANY: {"mov": Mnemonic.MOV, "xchg": Mnemonic.XCHG, "or": Mnemonic.OR, "and": Mnemonic.AND},
}
MEMORY_MNEMONICS = {access: frozenset(by_name.values()) for access, by_name in MEMORY_OPERATIONS.items()}
