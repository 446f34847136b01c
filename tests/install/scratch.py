"""A scratch system: its own /etc/kernel, /etc/previrt.toml and /boot, mounted over the real ones in a namespace."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from elftools.elf.elffile import ELFFile

ROOT = Path(__file__).resolve().parents[2]
GUEST = ROOT / "fixtures" / "x86_64" / "guest.elf"
VERSION = "6.1.0-9-previrt"
TOKEN = "scratch"
COMMAND = Path(sys.executable).with_name("previrt-install")
OPTIONS = "root=/dev/vda1 ro console=ttyS0"
# Programs that hooks are for; what is before `exec "$@"` makes the scratch system the one they see.
INSIDE = """
mount --bind "$SCRATCH/etc-kernel" /etc/kernel
mount --bind "$SCRATCH/boot" /boot
[ -e /etc/previrt.toml ] || touch /etc/previrt.toml
mount --bind "$SCRATCH/previrt.toml" /etc/previrt.toml
exec "$@"
"""


class Scratch:
    """The directories of one scratch system below `path`."""

    def __init__(self, path: Path, targets: tuple[str, ...] = ("bare", "xen")) -> None:
        self.path = path
        self.boot = path / "boot"
        self.etc_kernel = path / "etc-kernel"
        self.entries = self.boot / "loader" / "entries"
        self.image = self.boot / f"vmlinuz-{VERSION}"
        for directory in (self.boot, self.etc_kernel):
            directory.mkdir(parents=True)
        (self.etc_kernel / "cmdline").write_text(OPTIONS + "\n")
        (self.etc_kernel / "entry-token").write_text(TOKEN + "\n")
        self.configure(*targets)
        Path("/etc/kernel").mkdir(exist_ok=True)

    def configure(self, *targets: str) -> None:
        (self.path / "previrt.toml").write_text(f"[install]\ntargets = {list(targets)}\n")

    def setup(self) -> None:
        """Write the hooks into this system."""
        root = self.path / "setup"
        subprocess.run([COMMAND, "--root", root, "--quiet", "setup"], check=True)
        shutil.copytree(root / "etc" / "kernel", self.etc_kernel, dirs_exist_ok=True)

    def run(self, *command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the real system inside this one."""
        unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
        return subprocess.run(
            [*unshare, "sh", "-euc", INSIDE, "scratch", *command],
            env={**os.environ, "SCRATCH": str(self.path), "PYTHONDONTWRITEBYTECODE": "1", **environment},
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def kernel_install(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Debian's kernel-install, with the plugins it finds by itself."""
        loader = {"BOOT_ROOT": "/boot", "MACHINE_ID": "0123456789abcdef0123456789abcdef"}
        self.entries.mkdir(parents=True, exist_ok=True)
        (self.boot / "loader" / "entries.srel").write_text("type1\n")
        return self.run("kernel-install", *arguments, **loader)

    def linux_run_hooks(self, step: str, *parameters: str) -> subprocess.CompletedProcess[str]:
        """Debian's linux-run-hooks as a kernel package's maintainer script calls it."""
        image = f"/boot/vmlinuz-{VERSION}"
        return self.run("linux-run-hooks", "image", step, VERSION, image, "--", *parameters)

    def files(self) -> set[str]:
        """All files below /boot, hidden ones too."""
        return {str(path.relative_to(self.boot)) for path in self.boot.rglob("*") if not path.is_dir()}


def plain_image(path: Path) -> Path:
    """A kernel nobody annotated: an ELF file without the tables."""
    subprocess.run(["objcopy", "-R", ".afterburn*", "-R", ".note.afterburn", GUEST, path], check=True)
    with path.open("rb") as file:
        assert ELFFile(file).get_section_by_name(".afterburn") is None
    return path


def damaged_image(path: Path) -> Path:
    """An annotated kernel one of whose sites does not hold a sensitive instruction any more."""
    contents = bytearray(GUEST.read_bytes())
    with GUEST.open("rb") as file:
        elf = ELFFile(file)
        table, text = elf.get_section_by_name(".afterburn"), elf.get_section_by_name(".text")
        assert table is not None
        assert text is not None
        start_va = int.from_bytes(table.data()[:8], "little")
        off = start_va - text["sh_addr"] + text["sh_offset"]
    contents[off : off + 8] = b"\x90" * 8
    path.write_bytes(contents)
    return path
