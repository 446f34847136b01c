"""x86-64 sites: operation classes, decoding, no-operation filler. Shared with ia32, which differs in width only."""

MACHINE = 62  # EM_X86_64
CODEC = "linker.sites.x86_64.codec:X86_64"
DISASSEMBLER = "linker.sites.x86_64.disassembler:X86_64"
SWEEP = "linker.sites.x86_64.sweep:X86_64"
