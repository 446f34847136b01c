"""What the stand-in asks about ia64: which assembler, which of its options matter, how text is rewritten."""

from __future__ import annotations

import os

ASSEMBLER = "ia64-linux-gnu-as"


def annotates(options: list[str]) -> bool:
    """Whether 64-bit little-endian code comes out, the only one that can be bound."""
    return not any(option in {"-milp32", "-mbe"} for option in options)


def rewrite_text(text: bytes, name: bytes, options: list[str]) -> bytes:
    """The rewritten text. PREVIRT_FIXED names the registers that `-mfixed-range` took from the compiler.

    `-x` (gcc passes it) and `-xnone` mean that stops stand where they are written, the default that the assembler puts
    them where dependencies ask for them.
    """
    from afterburner.ia64.rewrite import rewrite

    chosen = [option for option in options if option.startswith("-x")]
    explicit = bool(chosen) and chosen[-1] != "-xauto"
    return rewrite(text, name, explicit, os.environ.get("PREVIRT_FIXED", "").encode())
