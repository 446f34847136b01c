"""A Linux kernel as fixtures/linux/build.sh leaves it."""

from __future__ import annotations

import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.elffile import ELFFile

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "fixtures" / "linux" / "build.sh"


@dataclass
class Kernel:
    """One built configuration."""

    name: str
    directory: Path

    @property
    def vmlinux(self) -> Path:
        return self.directory / "vmlinux"

    @property
    def sites(self) -> list[tuple[int, int]]:
        """All records, sorted: [start, end) addresses."""
        with self.vmlinux.open("rb") as file:
            table = ELFFile(file).get_section_by_name(".afterburn")
            assert table is not None
            return sorted(struct.iter_unpack("<QQ", table.data()))

    def classes(self, indexes: list[int]) -> list[int]:
        """The class numbers of sites, by their places in `sites`."""
        with self.vmlinux.open("rb") as file:
            elf = ELFFile(file)
            table, infos = elf.get_section_by_name(".afterburn"), elf.get_section_by_name(".afterburn.info")
            assert table is not None and infos is not None
            rows = zip(struct.iter_unpack("<QQ", table.data()), struct.iter_unpack("<HHIII", infos.data()), strict=True)
            ordered = sorted((place, info[0]) for place, info in rows)
        return [ordered[index][1] for index in indexes]


def build(name: str, arch: str = "x86_64", technique: str = "standin", layout: str = "high") -> Kernel:
    """Build a configuration by one of the two techniques, in one of two layouts, unless nothing has changed since."""
    command: list[str | Path] = [BUILD, "--arch", arch, "--config", name, "--technique", technique]
    command += ["--layout", layout]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return Kernel(name, Path(built.stdout.strip()))
