"""The hooks of Debian's kernel packages, run by the real linux-run-hooks and run-parts."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from scratch import GUEST, OPTIONS, VERSION, Scratch, damaged_image, plain_image

import previrt

OBSERVER = """#!/bin/sh
# What is there when the next hook runs.
ls /boot >/boot/seen
"""


def siblings(*targets: str) -> set[str]:
    names = {f"previrt-{VERSION}.{target}" for target in targets}
    return names | {f"loader/entries/previrt-{VERSION}-{target}.conf" for target in targets}


@pytest.fixture
def system(tmp_path: Path) -> Scratch:
    made = Scratch(tmp_path / "system")
    made.setup()
    shutil.copy(GUEST, made.image)
    return made


def test_installing_and_removing(system: Scratch, tmp_path: Path) -> None:
    initrd = f"initrd.img-{VERSION}"
    (system.boot / initrd).write_bytes(b"initrd")
    hook = system.etc_kernel / "postinst.d" / "zz-update-grub"
    hook.write_text(OBSERVER)
    hook.chmod(0o755)
    done = system.linux_run_hooks("postinst", "configure", "6.1.0-8")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    installed = {system.image.name, initrd}
    assert system.files() == installed | siblings("bare", "xen") | {"seen"}
    assert f"previrt-{VERSION}.bare" in (system.boot / "seen").read_text()  # before the boot loader's hook
    previrt.link(GUEST, "bare", output=tmp_path / "bare")
    assert (system.boot / f"previrt-{VERSION}.bare").read_bytes() == (tmp_path / "bare").read_bytes()
    entry = (system.entries / f"previrt-{VERSION}-bare.conf").read_text().splitlines()
    assert entry[0] == f"# previrt-install {VERSION} bare"
    fields = dict(line.split(None, 1) for line in entry[1:])
    assert fields["title"].endswith(" (previrt: bare)")
    assert (fields["version"], fields["options"]) == (VERSION, OPTIONS)
    assert (fields["linux"], fields["initrd"]) == (f"/boot/previrt-{VERSION}.bare", f"/boot/{initrd}")
    (system.boot / "seen").unlink()
    for step in ("upgrade", "abort-install"):  # the package comes again, or never was
        assert system.linux_run_hooks("postrm", step).returncode == 0
        assert system.files() == installed | siblings("bare", "xen")
    done = system.linux_run_hooks("postrm", "remove")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert system.files() == installed


def test_without_maintainer_script_the_hooks_act(system: Scratch) -> None:
    """`make install` runs them through run-parts, without DEB_MAINT_PARAMS."""
    arguments = [f"--arg={VERSION}", f"--arg=/boot/{system.image.name}"]
    assert system.run("run-parts", "--exit-on-error", *arguments, "/etc/kernel/postinst.d").returncode == 0
    assert system.files() == {system.image.name} | siblings("bare", "xen")
    assert system.run("run-parts", "--exit-on-error", *arguments, "/etc/kernel/postrm.d").returncode == 0
    assert system.files() == {system.image.name}


@pytest.mark.parametrize("step", ["abort-upgrade", "triggered"])
def test_other_steps_of_the_package_do_nothing(system: Scratch, step: str) -> None:
    assert system.linux_run_hooks("postinst", step).returncode == 0
    assert system.files() == {system.image.name}


def test_the_elf_kernel_beside_a_packed_one(system: Scratch) -> None:
    system.image.write_bytes(b"MZ, a bzImage")
    shutil.copy(GUEST, system.boot / f"vmlinux-{VERSION}")
    assert system.linux_run_hooks("postinst", "configure").returncode == 0
    assert siblings("bare", "xen") <= system.files()


def test_an_unannotated_kernel_passes_untouched(system: Scratch) -> None:
    plain_image(system.image)
    before = system.image.read_bytes()
    done = system.linux_run_hooks("postinst", "configure")
    assert (done.returncode, system.files()) == (0, {system.image.name})
    assert system.image.read_bytes() == before


def test_a_bad_image_fails_and_the_siblings_stay(system: Scratch) -> None:
    assert system.linux_run_hooks("postinst", "configure").returncode == 0
    before = {name: (system.boot / name).read_bytes() for name in siblings("bare", "xen")}
    damaged_image(system.image)
    done = system.linux_run_hooks("postinst", "configure")
    assert done.returncode != 0
    assert ".afterburn record" in done.stderr
    assert {name: (system.boot / name).read_bytes() for name in siblings("bare", "xen")} == before


def test_no_room(system: Scratch) -> None:
    """A real full file system: /boot has room for the kernel and one sibling."""
    size = 2 * GUEST.stat().st_size + (64 << 10)
    hooks = f"linux-run-hooks image postinst {VERSION} /boot/{system.image.name} -- configure"
    script = (
        f"mount -t tmpfs -o size={size} none /boot && cp $0 /boot/{system.image.name} && ! {hooks} && "
        "grep -rh ^linux /boot/loader && find /boot -type f"
    )
    done = system.run("sh", "-c", script, GUEST)
    assert done.returncode == 0, done.stderr
    assert "cannot write: No space left on device" in done.stderr
    linux, name, *files = done.stdout.split()
    assert (linux, name) == ("linux", f"/previrt-{VERSION}.bare")  # a path of the partition that /boot is
    assert set(files) == {f"/boot/{name}" for name in {system.image.name} | siblings("bare")}


def test_a_wrong_configuration_hinders_neither_removal_nor_other_kernels(system: Scratch) -> None:
    assert system.linux_run_hooks("postinst", "configure").returncode == 0
    (system.path / "previrt.toml").write_text("[install]\ntargets = 3\n")
    done = system.linux_run_hooks("postinst", "configure")
    assert done.returncode != 0
    assert "wrong value of 'install.targets'" in done.stderr
    assert system.files() == {system.image.name} | siblings("bare", "xen")
    assert system.linux_run_hooks("postrm", "remove").returncode == 0
    assert system.files() == {system.image.name}
    plain_image(system.image)
    assert system.linux_run_hooks("postinst", "configure").returncode == 0
    assert system.kernel_install("add", VERSION, system.image).returncode == 0


def test_names_are_run_parts_names(system: Scratch) -> None:
    for directory in ("postinst.d", "postrm.d"):
        done = system.run("run-parts", "--test", f"/etc/kernel/{directory}")
        assert done.stdout.split() == [f"/etc/kernel/{directory}/zy-previrt"]


def test_hooks_of_a_previrt_that_is_gone_do_nothing(system: Scratch) -> None:
    for hook in system.etc_kernel.rglob("*previrt*"):
        text = hook.read_text()
        command = text.split("[ -x ")[1].split(" ]")[0]
        hook.write_text(text.replace(command, "/nonexistent/previrt-install"))
    assert system.linux_run_hooks("postinst", "configure").returncode == 0
    assert system.kernel_install("add", VERSION, GUEST).returncode == 0
    assert not any("previrt-" + VERSION in name or name.endswith(".bare") for name in system.files())


def test_grub_gets_the_kernel_bound_to_xen_as_dom0(system: Scratch) -> None:
    """The script of grub-mkconfig with GRUB's own functions; GRUB's own checker reads what it writes."""
    for name in ("xen-4.9-amd64.gz", "xen-4.17-amd64.gz", f"initrd.img-{VERSION}"):
        (system.boot / name).write_bytes(b"x")
    assert system.linux_run_hooks("postinst", "configure").returncode == 0
    script = system.path / "setup" / "etc" / "grub.d" / "42_previrt"
    said = {"pkgdatadir": "/usr/share/grub", "GRUB_DEVICE_BOOT": "/dev/vda1", "GRUB_CMDLINE_XEN": "dom0_mem=512M"}
    done = system.run(script, **said)
    assert done.returncode == 0, done.stderr
    checked = subprocess.run(["grub-script-check"], input=done.stdout, text=True, check=False, capture_output=True)
    assert checked.returncode == 0, checked.stderr
    commands = [line.split() for line in done.stdout.splitlines()]
    multiboot, kernel, initrd = (words for words in commands if words[0] in ("multiboot2", "module2"))
    assert multiboot[1].endswith("/xen-4.17-amd64.gz")
    assert multiboot[2:] == ["placeholder", "dom0_mem=512M"]
    assert kernel[1].endswith(f"/previrt-{VERSION}.xen")
    assert kernel[2:] == ["placeholder", *OPTIONS.split()]
    assert initrd[1:2] == ["--nounzip"]
    assert initrd[2].endswith(f"/initrd.img-{VERSION}")
    (system.boot / "xen-4.9-amd64.gz").unlink()
    (system.boot / "xen-4.17-amd64.gz").unlink()
    assert system.run(script, **said).stdout == ""
