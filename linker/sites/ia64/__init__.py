"""ia64 sites: operation classes, bundles, instruction formats as field tables, decoding and encoding."""

MACHINE = 50  # EM_IA_64
CODEC = "linker.sites.ia64.codec:IA64"
DISASSEMBLER = "linker.sites.ia64.disassembler:IA64"
SWEEP = "linker.sites.ia64.sweep:IA64"
