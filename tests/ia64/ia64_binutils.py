"""GNU as and objdump for ia64, asked from tests: what they make of a text, and what they read in bytes."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

from elftools.elf.elffile import ELFFile

AS = "ia64-linux-gnu-as"
OBJDUMP = "ia64-linux-gnu-objdump"


def assemble_text(text: str) -> bytes:
    """The bytes of `.text` that GNU as makes without looking for dependencies; fails on any message."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "out.o"
        done = subprocess.run([AS, "-xnone", "-o", path, "-"], input=text, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr[:2000]
        with path.open("rb") as file:
            section = ELFFile(file).get_section_by_name(".text")
            assert section is not None
            return bytes(section.data())


def disassemble_bytes(code: bytes) -> list[tuple[str, list[tuple[str, bool]]]]:
    """Each bundle as objdump reads it: template, then text and "a stop follows" of each slot (MLX has two)."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "code"
        path.write_bytes(code)
        command: list[str | Path] = [OBJDUMP, "-D", "-z", "-b", "binary", "-m", "ia64", path]
        listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    bundles: list[tuple[str, list[tuple[str, bool]]]] = []
    for line in listing.splitlines():
        match = re.match(r"\s*[0-9a-f]+:\t(?:[0-9a-f]{2} )+\s*\t?(?:\[(\w+)\])?(.*)$", line)
        if match is None:
            continue
        if match[1]:
            bundles.append((match[1], []))
        words = match[2].split("//")[0].strip()
        words = re.sub(r"\(p0(\d)\)", r"(p\1)", words)  # GNU as does not take its own disassembler's (p06)
        if not words:  # the second half of an MLX instruction
            continue
        bundles[-1][1].append((words.removesuffix(";;").strip(), words.endswith(";;")))
    assert len(bundles) == len(code) // 16, listing
    return bundles
