"""Images annotated by hand as the original afterburner annotated them: the macros are those of its Linux 2.6 patches.

`annotate` is what `asm-parser/Asm.g` (`startSensitive`, `endSensitive`) prints around an instruction, `operation` what
`patches/linux/linux-2.6.9-ab.patch` (`include/asm/afterburn.h`) writes around a memory operation.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

MACROS = """
    .macro annotate room:req, instruction:vararg
9997: \\instruction
    .fill \\room, 1, 0x90
9998:
    .pushsection .afterburn
    .balign WORD_LEN
    WORD 9997b
    WORD 9998b
    .popsection
    .endm

    .macro operation table:req, room:req, instruction:vararg
7777: \\instruction
    .fill \\room, 1, 0x90
7778:
    .pushsection .afterburn.\\table
    .balign WORD_LEN
    WORD 7777b
    WORD 7778b
    .popsection
    .endm

    .macro bind_hook table:req, type:req, symbol:req
    .pushsection .afterburn.\\table
    WORD \\type
    WORD \\symbol
    .popsection
    .endm
"""
WORDS = {
    32: ("#define WORD .long\n#define WORD_LEN 4\n", "elf_i386"),
    64: ("#define WORD .quad\n#define WORD_LEN 8\n", "elf_x86_64"),
}
TEXT_VA = 0x100000


def assemble(text: str, folder: Path, bits: int, *more: str) -> Path:
    """An image out of assembly text by GNU as and ld; no afterburner and no reserve. `more`: options of gcc."""
    defines, emulation = WORDS[bits]
    source, image = folder / f"hand{bits}.S", folder / f"hand{bits}.elf"
    source.write_text(f'{defines}{MACROS}\n{text}\n    .section .note.GNU-stack, "", @progbits\n')
    command = ["gcc", f"-m{bits}", "-nostdlib", "-static", "-no-pie", f"-Wl,-Ttext={TEXT_VA:#x}", "-Wl,-e,_start"]
    command += [f"-Wl,-m,{emulation}", "-Wl,--build-id=none", *more, "-o", str(image), str(source)]
    subprocess.run(command, check=True)
    return image
