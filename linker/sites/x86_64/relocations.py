"""Relocations of interface modules and of objects, by the System V ABI's supplements, "Relocation Types". Data."""

from linker.sites.codec import ObjectRelocations, Relocations
from linker.sites.holes import INT32, INT64

# System V ABI, AMD64 supplement, "Relocation Types".
X86_64_RELOCATIONS = Relocations(
    pc_relative={
        2: ("R_X86_64_PC32", INT32),
        4: ("R_X86_64_PLT32", INT32),
        24: ("R_X86_64_PC64", INT64),
    },
    gp_relative={},
    # R_X86_64_NONE; R_X86_64_64, which the static linker turned into a dynamic R_X86_64_RELATIVE as well
    unmoved=frozenset({0, 1}),
    relative=(8, "R_X86_64_RELATIVE"),
)
# System V ABI, Intel386 supplement, "Relocation Types".
I386_RELOCATIONS = Relocations(
    pc_relative={2: ("R_386_PC32", INT32), 4: ("R_386_PLT32", INT32)},
    gp_relative={},
    # R_386_NONE; R_386_32, which the static linker turned into a dynamic R_386_RELATIVE as well
    unmoved=frozenset({0, 1}),
    relative=(8, "R_386_RELATIVE"),
)

X86_64_OBJECT_RELOCATIONS = ObjectRelocations(
    none=0,
    address=1,
    half=10,
    names={
        0: ("R_X86_64_NONE", 0),
        1: ("R_X86_64_64", 8),
        2: ("R_X86_64_PC32", 4),
        4: ("R_X86_64_PLT32", 4),
        9: ("R_X86_64_GOTPCREL", 4),
        10: ("R_X86_64_32", 4),
        11: ("R_X86_64_32S", 4),
        12: ("R_X86_64_16", 2),
        13: ("R_X86_64_PC16", 2),
        14: ("R_X86_64_8", 1),
        15: ("R_X86_64_PC8", 1),
        24: ("R_X86_64_PC64", 8),
        41: ("R_X86_64_GOTPCRELX", 4),
        42: ("R_X86_64_REX_GOTPCRELX", 4),
    },
    longest=8,
    fixups={"pc32": 2, "abs32": 11, "abs64": 1},
    pc_relative=frozenset({2, 4}),
    absolute=frozenset({11}),
)
I386_OBJECT_RELOCATIONS = ObjectRelocations(
    none=0,
    address=1,
    half=1,
    names={
        0: ("R_386_NONE", 0),
        1: ("R_386_32", 4),
        2: ("R_386_PC32", 4),
        3: ("R_386_GOT32", 4),
        4: ("R_386_PLT32", 4),
        9: ("R_386_GOTOFF", 4),
        10: ("R_386_GOTPC", 4),
        20: ("R_386_16", 2),
        21: ("R_386_PC16", 2),
        22: ("R_386_8", 1),
        23: ("R_386_PC8", 1),
        43: ("R_386_GOT32X", 4),
    },
    longest=4,
)
