"""A machine whose first process (load_modules.c) loads modules, uses them and unloads them."""

from __future__ import annotations

import subprocess
from pathlib import Path

HERE = Path(__file__).parent
LAST = "previrt: end of modules"
APPEND = "console=ttyS0 reboot=t panic=-1 printk.devkmsg=on"  # every line of the process, however many
FLAGS = "-nostdlib -static -no-pie -fno-pie -ffreestanding -O2 -fno-stack-protector -Wall -Wextra -Werror".split()


def make_initramfs(folder: Path, build: Path, modules: dict[str, Path]) -> Path:
    """An initramfs with the first process and these files; `build` is where Linux was built."""
    program, listing, initramfs = folder / "init", folder / "initramfs.list", folder / "initramfs.cpio"
    subprocess.run(["gcc", *FLAGS, HERE / "load_modules.c", "-o", program], check=True)
    lines = [
        "dir /dev 755 0 0",
        "dir /proc 755 0 0",
        "nod /dev/console 600 0 0 c 5 1",
        "nod /dev/kmsg 600 0 0 c 1 11",
        f"file /init {program} 755 0 0",
    ]
    lines += [f"file /{name} {path} 644 0 0" for name, path in modules.items()]
    listing.write_text("\n".join([*lines, ""]))
    with initramfs.open("wb") as file:
        subprocess.run([build / "usr" / "gen_init_cpio", "-t", "0", listing], check=True, stdout=file)
    return initramfs


def said(lines: list[str]) -> list[str]:
    """What the process and the modules said that does not depend on the machine."""
    mine = [line for line in lines if line.startswith("previrt")]
    return [line for line in mine if ": ~ " not in line and "taint" not in line and "Live" not in line]


# Of `said`: /cpuid.ko, then /previrt_try.ko.
CPUID = [
    "previrt: loaded /cpuid.ko: 0",
    "previrt: read /dev/cpuid: 16",
    "previrt: cpuid says AuthenticAMD",
    "previrt: unloaded cpuid: 0",
]
TRY = [
    "previrt_try: interrupts 1 0 1 1",
    "previrt_try: gdt limit 0x7f, idt limit 0xfff, tr 0x40, verw 1",
    "previrt_try: paging 1, protection 1, PAE 1, EFER 0x501",
    "previrt_try: lldt of a selector in no table faults: 1",
    "previrt_try: ud2 works",
    "previrt: loaded /previrt_try.ko: 0",
    "previrt_try: gone",
    "previrt: unloaded previrt_try: 0",
]
