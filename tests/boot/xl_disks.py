"""Disks for previrt-xl, made by e2fsprogs and util-linux, and libxl's side of the bootloader protocol."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
GUEST = ROOT / "fixtures" / "x86_64" / "guest.elf"
PROGRAM = Path(sys.executable).with_name("previrt-xl")
MIB = 1 << 20
PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"
ITEM_LEN_MAX = 2 * 4096  # sizeof buf of parse_bootloader_result

GRUB_CFG = """\
set default="0"
menuentry 'Guest' --class os {
	linux	/boot/vmlinux-6.1 root=/dev/xvda1 ro
	initrd	/boot/initrd.img-6.1
}
"""
INITRD = bytes(range(251)) * 5


def make_tree(folder: Path, files: dict[str, bytes | str]) -> Path:
    """A folder with these files; a str is text, or where it starts with -> a symbolic link."""
    for name, contents in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(contents, bytes):
            path.write_bytes(contents)
        elif contents.startswith("->"):
            path.symlink_to(contents.removeprefix("->"))
        else:
            path.write_text(contents)
    return folder


def guest_files(menu: str = "boot/grub/grub.cfg", text: str = GRUB_CFG) -> dict[str, bytes | str]:
    """The fixture guest as an installed kernel."""
    return {menu: text, "boot/vmlinux-6.1": GUEST.read_bytes(), "boot/initrd.img-6.1": INITRD}


def make_file_system(disk: Path, tree: Path, *, kind: str = "ext4", size_mib: int = 8) -> Path:
    """A disk that is one file system."""
    with disk.open("wb") as file:
        file.truncate(size_mib * MIB)
    subprocess.run(["mke2fs", "-q", "-t", kind, "-d", tree, disk], check=True, env={"PATH": PATH})
    return disk


def partition(disk: Path, file_system: Path, table: str, start_mib: int) -> Path:
    """A disk with a partition table in sfdisk's words, and the file system at `start_mib`."""
    with disk.open("wb") as file:
        file.truncate(file_system.stat().st_size + (start_mib + 2) * MIB)
    subprocess.run(["sfdisk", "-q", disk], input=table, text=True, check=True, env={"PATH": PATH})
    with disk.open("r+b") as file:
        file.seek(start_mib * MIB)
        file.write(file_system.read_bytes())
    return disk


class Taken(NamedTuple):
    """What libxl would have after the bootloader: contents of the files, its warnings, and what was on the terminal."""

    status: int
    kernel: bytes | None
    ramdisk: bytes | None
    args: str | None
    warnings: list[str]
    terminal: str


def libxl_command(folder: Path, disk: str | Path, config: list[str], restricted: int | None = None) -> list[str]:
    """The files libxl makes and the words it gives (libxl__bootloader_run, make_bootloader_args).

    `config`: what kernel, ramdisk and cmdline of the domain's configuration become, and bootloader_args.
    """
    output_directory, output = folder / "bootloader.7.d", folder / "bootloader.7.out"
    output_directory.mkdir(mode=0o600, exist_ok=True)
    output.touch(mode=0o600)
    output.write_bytes(b"")
    of_domain = [word for word in config if word.startswith(("--kernel=", "--ramdisk=", "--args="))]
    runas = [] if restricted is None else [f"--runas={restricted}", "--quiet"]
    where = [f"--output={output}", "--output-format=simple0", f"--output-directory={output_directory}"]
    own = [word for word in config if word not in of_domain]
    return [str(PROGRAM), *of_domain, *runas, *where, *own, str(disk)]


def run_as_libxl(folder: Path, disk: str | Path, config: list[str], *, restricted: int | None = None) -> Taken:
    """The bootloader on a terminal, and what libxl makes of its result."""
    status, terminal = on_a_terminal(libxl_command(folder, disk, config, restricted))
    nothing = Taken(status, None, None, None, [], "")
    taken = parse_as_libxl((folder / "bootloader.7.out").read_bytes()) if status == 0 else nothing
    return taken._replace(terminal=terminal)


def on_a_terminal(command: list[str]) -> tuple[int, str]:
    """Exit status, and what the command wrote to its terminal, as libxl's log has it."""
    child, master = pty.fork()
    if not child:
        os.environ["TERM"] = "vt100"
        os.execv(command[0], command)
    written = b""
    while True:
        try:
            piece = os.read(master, 4096)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        written += piece
    _, status = os.waitpid(child, 0)
    os.close(master)
    return os.waitstatus_to_exitcode(status), written.decode(errors="replace").replace("\r\n", "\n")


def parse_as_libxl(output: bytes) -> Taken:
    """parse_bootloader_result: items that end with NUL; files are mapped, then unlinked."""
    found: dict[str, str] = {}
    warnings = []
    *items, rest = output.split(b"\0")
    for item in [*items, rest]:
        names = [name for name in ("kernel", "ramdisk", "args") if item.startswith(name.encode())]
        value = item.removeprefix(names[0].encode()) if names else b""
        if len(item) >= ITEM_LEN_MAX:
            warnings.append("overly long")
        elif value[:1].isspace():
            found[names[0]] = os.fsdecode(value.lstrip(b" \t\n\v\f\r"))
        elif item:
            warnings.append(f"unexpected {item[:40]!r}")
    mapped = []
    for name in ("kernel", "ramdisk"):
        path = Path(found[name]) if name in found else None
        mapped.append(path.read_bytes() if path else None)
        if path:
            path.unlink()
    return Taken(0, mapped[0], mapped[1], found.get("args"), warnings, "")
