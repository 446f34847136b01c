"""Relocations of interface modules and of objects, numbered by Intel's Itanium psABI, "Relocation Types". Data."""

from linker.sites.codec import ObjectRelocations, Relocations
from linker.sites.ia64.holes import BRANCH, IMMEDIATE

IA64_RELOCATIONS = Relocations(
    pc_relative={
        0x48: ("R_IA64_PCREL60B", BRANCH),
        0x7B: ("R_IA64_PCREL64I", IMMEDIATE),
    },
    gp_relative={
        0x2A: "R_IA64_GPREL22",
        0x2B: "R_IA64_GPREL64I",
        0x86: "R_IA64_LTOFF22X",  # which the static linker may relax to GPREL22
    },
    # R_IA64_NONE; PCREL21B, which stays inside the text; DIR64LSB, which the static linker turned into a dynamic
    # R_IA64_REL64LSB as well; LTOFF22 and LTOFF64I, from the global pointer to a word of the GOT; LDXMOV, a hint
    unmoved=frozenset({0, 0x49, 0x27, 0x32, 0x33, 0x87}),
    relative=(0x6F, "R_IA64_REL64LSB"),
)

IA64_OBJECT_RELOCATIONS = ObjectRelocations(
    none=0,
    address=0x27,
    half=0x25,
    # Those of instructions change a slot of a bundle, or two.
    names={0: ("R_IA64_NONE", 0), 0x25: ("R_IA64_DIR32LSB", 4), 0x27: ("R_IA64_DIR64LSB", 8)},
    longest=16,
    place_align=16,
)
