"""Relocations an interface module may have, numbered by System V ABI, AMD64 supplement, "Relocation Types". Data."""

from linker.holes import INT32, INT64
from linker.sites.codec import Relocations

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
I386_RELOCATIONS = Relocations(pc_relative={}, gp_relative={}, unmoved=frozenset(), relative=(8, "R_386_RELATIVE"))
