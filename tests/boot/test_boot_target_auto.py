"""--target auto: the machine's own signs decide; each row of the table is found by what such a machine shows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from boot_qemu import GUEST, ROOT

from linker.commands.config import Config, read_config
from linker.commands.running_on import HYPERVISOR_LEAF, SIGNS, find_out, target_here
from linker.errors import LinkError, UsageError

X86_64, IA64 = 62, 50
XEN_PV = {"sys/hypervisor/type": "xen\n", "sys/hypervisor/guest_type": "PV\n"}
FLAGS = "processor\t: 0\nflags\t\t: fpu vme{}lm\n"
IA64_XEN = {
    "sys/hypervisor/type": "xen\n",
    "proc/cpuinfo": "processor  : 0\nvendor     : GenuineIntel\narch       : IA-64\n",
}
EMPTY = Config(None, {})


def machine(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name == HYPERVISOR_LEAF:
            with path.open("wb") as leaf:  # as the driver: the leaf's number is the offset
                leaf.truncate(0x40000000)
                leaf.seek(0x40000000)
                leaf.write(bytes.fromhex("01000040") + text.encode())
        else:
            path.write_text(text)
    return root


MACHINES: list[tuple[dict[str, str], str, str]] = [
    ({}, "bare", "hardware"),
    ({"sys/class/dmi/id/sys_vendor": "Dell Inc.\n", "proc/cpuinfo": FLAGS.format(" ")}, "bare", "hardware"),
    ({"proc/cpuinfo": FLAGS.format(" hypervisor ")}, "bare", "virtualized hardware"),
    ({"sys/class/dmi/id/sys_vendor": "QEMU\n", "proc/cpuinfo": FLAGS.format(" hypervisor ")}, "bare", "QEMU"),
    ({"sys/class/dmi/id/sys_vendor": "VMware, Inc.\n"}, "bare", "VMware"),
    ({"sys/class/dmi/id/sys_vendor": "innotek GmbH\n"}, "bare", "VirtualBox"),
    ({HYPERVISOR_LEAF: "KVMKVMKVM\0\0\0", "sys/class/dmi/id/sys_vendor": "QEMU\n"}, "bare", "KVM"),
    ({HYPERVISOR_LEAF: "TCGTCGTCGTCG"}, "bare", "QEMU without acceleration"),
    ({HYPERVISOR_LEAF: "VMwareVMware"}, "bare", "VMware"),
    ({HYPERVISOR_LEAF: "Microsoft Hv"}, "bare", "Hyper-V"),
    ({HYPERVISOR_LEAF: "PrevirtLoL\0\0"}, "lol", "LoL, a process of Linux"),
    (XEN_PV, "xen", "a paravirtualized domain of Xen"),
    (
        {**XEN_PV, "proc/xen/capabilities": "control_d\n", HYPERVISOR_LEAF: "KVMKVMKVM\0\0\0"},
        "xen",
        "a paravirtualized domain of Xen",
    ),
    ({**XEN_PV, "sys/hypervisor/guest_type": "HVM\n"}, "bare", "a domain of Xen on virtualized hardware"),
    ({**XEN_PV, "sys/hypervisor/guest_type": "PVH\n"}, "bare", "a domain of Xen on virtualized hardware"),
    (
        {HYPERVISOR_LEAF: "XenVMMXenVMM", "sys/class/dmi/id/sys_vendor": "Xen\n"},
        "bare",
        "a domain of Xen on virtualized hardware",
    ),
    ({"sys/hypervisor/type": "xen\n", "proc/xen/capabilities": "control_d\n"}, "xen", "dom0 of Xen"),
    (IA64_XEN, "xen", "a domain of Xen on ia64"),
]
UNCLEAR: list[dict[str, str]] = [{"sys/hypervisor/type": "xen\n"}, {HYPERVISOR_LEAF: "XenVMMXenVMM"}]


@pytest.mark.parametrize(("files", "target", "what"), MACHINES)
def test_what_a_machine_shows_decides(files: dict[str, str], target: str, what: str, tmp_path: Path) -> None:
    choice = find_out(machine(tmp_path, files))
    assert (choice.target, choice.why) == (target, what)
    for said in choice.evidence:
        name, _, found = said.removeprefix("/").partition(": ")
        assert found in files[name]
    assert bool(choice.evidence) == (what != "hardware")


@pytest.mark.parametrize("files", UNCLEAR)
def test_what_is_not_clear_is_said(files: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(LinkError, match=r"cannot find out .*: found a domain of Xen, paravirtualized or not \(/"):
        find_out(machine(tmp_path, files))


def test_every_sign_is_found(tmp_path: Path) -> None:
    shown = {(target, what) for _, target, what in MACHINES} | {("", "a domain of Xen, paravirtualized or not")}
    assert {(sign.target, sign.what) for sign in SIGNS} == shown


def test_an_image_for_another_architecture(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"about this machine: found an image for ia64 on x86_64; name the target"):
        target_here(EMPTY, IA64, tmp_path, "x86_64")
    assert target_here(EMPTY, X86_64, tmp_path, "x86_64").target == "bare"
    assert target_here(EMPTY, IA64, machine(tmp_path, IA64_XEN), "ia64").target == "xen"


def configured(folder: Path, target: str) -> Path:
    path = folder / "previrt.toml"
    path.write_text(f'target = "{target}"\n')
    return path


def test_the_configuration_comes_first(tmp_path: Path) -> None:
    path = configured(tmp_path, "xen")
    choice = target_here(read_config(path), IA64, tmp_path, "x86_64")
    assert (choice.target, choice.why) == ("xen", f"configured in {path}")


def previrt_link(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "linker.commands.link", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_previrt_link_binds_for_it_and_says_why(tmp_path: Path) -> None:
    path = configured(tmp_path, "lol")
    guest = tmp_path / "guest"
    guest.write_bytes(GUEST.read_bytes())
    done = previrt_link(guest, "--target", "auto", "--config", path)
    assert done.stdout.startswith(f"target auto is lol: configured in {path}\n{guest}: bound to lol"), done.stderr
    assert (tmp_path / "guest.lol").exists()
    said = json.loads(previrt_link(guest, "-t", "auto", "--config", path, "-n", "--json").stdout)
    assert said["target"] == said["auto"]["target"] == "lol"
    assert said["auto"]["why"] == f"configured in {path}"
    found = json.loads(previrt_link(guest, "-t", "auto", "-n", "--json").stdout)
    assert found["target"] in ("bare", "xen", "lol"), "whatever this machine is"
    assert found["auto"]["why"]


@pytest.mark.parametrize("target", ["vax", ""])
def test_a_configuration_that_is_wrong(target: str, tmp_path: Path) -> None:
    path = configured(tmp_path, target)
    done = previrt_link(GUEST, "--target", "auto", "--config", path)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{path}: line 1: wrong value of 'target': found '{target}', expected a target" in done.stderr
