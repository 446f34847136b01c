"""ia32 sites: the codec of x86-64 at 32 bits. The original afterburner's images are of this kind."""

MACHINE = 3  # EM_386
CODEC = "linker.sites.x86_64.codec:I386"
DISASSEMBLER = "linker.sites.x86_64.disassembler:I386"
SWEEP = "linker.sites.x86_64.sweep:I386"
