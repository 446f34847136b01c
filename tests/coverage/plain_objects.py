"""Code that no afterburner saw, made by assemblers and compilers themselves."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
AS = {"x86_64": ["as"], "i386": ["as", "--32"], "ia64": ["ia64-linux-gnu-as"]}
STAND_IN = ROOT / "afterburner" / "bin"
RESERVE = ROOT / "afterburner" / "reserve" / "x86_64.S"
LINK = [
    *("gcc", f"-B{STAND_IN}", "-nostdlib", "-static", "-no-pie", "-Wl,-Ttext=0x1000000", "-Wl,--build-id=none"),
    "-Wl,-z,max-page-size=4096,-z,noexecstack,-e,startup_64",
]


def assemble(text: str, path: Path, architecture: str = "x86_64") -> Path:
    """An object by GNU as alone."""
    subprocess.run([*AS[architecture], "-o", path, "-"], input=text, text=True, check=True)
    return path


def compile_plain(text: str, path: Path) -> Path:
    """An object by g++ and the assembler itself."""
    command = ["g++", "-O1", "-mno-red-zone", "-ffreestanding", "-fno-exceptions", "-fno-asynchronous-unwind-tables"]
    subprocess.run([*command, "-c", "-xc++", "-", "-o", path], input=text, text=True, check=True)
    return path


def guest(directory: Path, annotated: str, *objects: Path, reserve: bool = True, name: str = "guest") -> Path:
    """A linked guest: a source through the stand-in, objects as they are, the reserve."""
    source = directory / f"{name}.s"
    source.write_text(annotated)
    output = directory / name
    subprocess.run([*LINK, source, *objects, *([RESERVE] if reserve else []), "-o", output], check=True)
    return output
