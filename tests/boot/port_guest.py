"""The smallest guest QEMU starts: writes a byte to a port and waits. Annotated; its one site is never reached."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from boot_qemu import ROOT

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = """
    .section .note.pvh, "a", @note      /* Xen's note 18: the 32-bit entry */
    .long 4, 4, 18
    .asciz "Xen"
    .long entry
    .text
    .code32
    .globl entry
entry:
    mov $PORT, %dx
    mov $VALUE, %al
    out %al, %dx
1:  jmp 1b
    .code64
    cli
    .section .note.GNU-stack, "", @progbits
"""


def make_port_guest(folder: Path, port: int, value: int) -> Path:
    """Build it through the afterburner."""
    (folder / "guest.S").write_text(SOURCE)
    guest = folder / f"guest-{port:x}"
    gcc = ["gcc", f"-B{ROOT / 'afterburner' / 'bin'}", f"-DPORT={port}", f"-DVALUE={value}", "-nostdlib", "-static"]
    gcc += ["-no-pie", "-Wl,--build-id=none", "-Wl,-Ttext-segment=0x100000", "-Wl,-e,entry"]
    subprocess.run([*gcc, "-o", guest, folder / "guest.S"], check=True)
    return guest
