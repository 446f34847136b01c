"""What the stand-in asks about x86-64: which assembler, which of its options matter, how text is rewritten."""

from __future__ import annotations

ASSEMBLER = "as"


def annotates(options: list[str]) -> bool:
    """Whether 64-bit code comes out: `--32` and `--x32` say no."""
    return not any(option in {"--32", "--x32"} for option in options)


def rewrite_text(text: bytes, name: bytes, options: list[str]) -> bytes:
    """The rewritten text; `options` say whether it starts in Intel syntax, and whether register names need no `%`."""
    from afterburner.x86_64.rewrite import rewrite

    intel = bare = False
    for option in options:
        if option in {"-msyntax=intel", "-msyntax=att"}:
            intel = bare = option.endswith("intel")
        elif option == "-mnaked-reg":
            bare = True
    return rewrite(text, name, intel, bare)
