"""`--target auto`: what this machine is, from what its kernel shows, and what a guest for it is bound to.

The table is searched from the top; the first row all of whose files say what it asks for decides. The hypervisor
leaf is CPUID 0x40000000 as the kernel's cpuid driver reads it; the driver is not always loaded, so that there are other
signs of each machine but LoL.
"""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path
from typing import TYPE_CHECKING

from linker.errors import LinkError, UsageError
from linker.quick.tuples import NamedTuple
from linker.registry import architectures

if TYPE_CHECKING:
    from collections.abc import Mapping

    from linker.commands.config import Config

HYPERVISOR_LEAF = "dev/cpu/0/cpuid"  # 16 bytes a leaf: eax ebx ecx edx; the signature is in the last three
HYPERVISOR_LEAF_OFF = 0x40000000
XEN_TYPE, XEN_GUEST = "sys/hypervisor/type", "sys/hypervisor/guest_type"
XEN_CAPABILITIES = "proc/xen/capabilities"
CPUINFO = "proc/cpuinfo"
VENDOR = "sys/class/dmi/id/sys_vendor"
LONGEST_READ_LEN = 1 << 16

# Machines of `uname -m` and the ELF machine numbers of kernels they can start.
MACHINES: Mapping[str, tuple[int, ...]] = {"x86_64": (62, 3), "i686": (3,), "i386": (3,), "ia64": (50,)}


class Sign(NamedTuple):
    """A row: if each file (below the root) has a match for its pattern, the machine is `what` and the target this.

    Without a target: what the machine is cannot be told any nearer.
    """

    target: str
    what: str
    files: Mapping[str, str]


SIGNS = (
    Sign("lol", "LoL, a process of Linux", {HYPERVISOR_LEAF: r"^PrevirtLoL"}),
    Sign("xen", "a paravirtualized domain of Xen", {XEN_TYPE: r"^xen$", XEN_GUEST: r"^PV$"}),
    Sign("bare", "a domain of Xen on virtualized hardware", {XEN_TYPE: r"^xen$", XEN_GUEST: r"^(HVM|PVH)$"}),
    # Linux before 4.13 has no guest_type: a dom0 was paravirtualized then, and every domain on ia64.
    Sign("xen", "dom0 of Xen", {XEN_TYPE: r"^xen$", XEN_CAPABILITIES: r"\bcontrol_d\b"}),
    Sign("xen", "a domain of Xen on ia64", {XEN_TYPE: r"^xen$", CPUINFO: r"(?m)^arch +: IA-64"}),
    Sign("", "a domain of Xen, paravirtualized or not", {XEN_TYPE: r"^xen$"}),
    Sign("bare", "KVM", {HYPERVISOR_LEAF: r"^KVMKVMKVM"}),
    Sign("bare", "QEMU without acceleration", {HYPERVISOR_LEAF: r"^TCGTCGTCGTCG"}),
    Sign("bare", "Hyper-V", {HYPERVISOR_LEAF: r"^Microsoft Hv"}),
    Sign("bare", "VMware", {HYPERVISOR_LEAF: r"^VMwareVMware"}),
    Sign("bare", "a domain of Xen on virtualized hardware", {HYPERVISOR_LEAF: r"^XenVMMXenVMM", VENDOR: r"^Xen"}),
    Sign("", "a domain of Xen, paravirtualized or not", {HYPERVISOR_LEAF: r"^XenVMMXenVMM"}),
    Sign("bare", "QEMU", {VENDOR: r"^QEMU"}),
    Sign("bare", "VMware", {VENDOR: r"^VMware"}),
    Sign("bare", "VirtualBox", {VENDOR: r"^innotek"}),
    Sign("bare", "virtualized hardware", {CPUINFO: r"(?m)^flags\s*:.* hypervisor( |$)"}),
    Sign("bare", "hardware", {}),
)


class Choice(NamedTuple):
    """A target and why: what decided, and what was read there, file by file."""

    target: str
    why: str
    evidence: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """The same for programs."""
        return {"target": self.target, "why": self.why, "evidence": list(self.evidence)}

    def __str__(self) -> str:
        return f"{self.target}: {self.why}" + (f" ({'; '.join(self.evidence)})" if self.evidence else "")


def target_here(config: Config, machine: int | None = None, root: Path = Path("/"), here: str | None = None) -> Choice:
    """What `auto` is on the machine below `root`: the configured target, or what is found out.

    `machine` is the image's ELF machine number, None where there is no image yet; `here` what `uname -m` says.
    UsageError for an image that this machine cannot start.
    """
    configured = config.text("target", "")
    if configured:
        return Choice(configured, f"configured in {config.path}")
    here = platform.machine() if here is None else here
    if machine is not None and machine not in MACHINES.get(here, ()):
        name = architectures().get(machine, (f"ELF machine {machine}", ""))[0]
        raise UsageError(
            "--target auto is about this machine",
            found=f"an image for {name} on {here}",
            advice="name the target",
        )
    return find_out(root)


def find_out(root: Path = Path("/")) -> Choice:
    """What the machine below `root` is."""
    said: dict[str, str] = {}
    for sign in SIGNS:
        for name in sign.files:
            if name not in said:
                said[name] = _read(root, name)
        matches = {name: re.search(pattern, said[name]) for name, pattern in sign.files.items()}
        if all(matches.values()):
            evidence = tuple(f"/{name}: {match[0].strip()}" for name, match in matches.items() if match)
            if not sign.target:
                raise LinkError(
                    "cannot find out which target this machine is",
                    found=f"{sign.what} ({'; '.join(evidence)})",
                    advice="name the target, or set it in the configuration file",
                )
            return Choice(sign.target, sign.what, evidence)
    raise LinkError("no sign says what this machine is")  # the last row has no files


def _read(root: Path, name: str) -> str:
    """The beginning of a file; empty where there is none or it may not be read."""
    try:
        descriptor = os.open(root / name, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        if name == HYPERVISOR_LEAF:
            return os.pread(descriptor, 16, HYPERVISOR_LEAF_OFF)[4:].decode("latin-1")
        return os.pread(descriptor, LONGEST_READ_LEN, 0).decode("utf-8", "replace").strip()
    except OSError:
        return ""
    finally:
        os.close(descriptor)
