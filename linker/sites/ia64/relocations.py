"""Relocations an interface module may have (Intel Itanium psABI, "Relocation Types"). Data."""

from linker.sites.codec import Relocations

# No module is built for ia64 so far, so nothing needs to move but words that hold addresses.
IA64_RELOCATIONS = Relocations(pc_relative={}, unmoved=frozenset({0}), relative=(0x6F, "R_IA64_REL64LSB"))
