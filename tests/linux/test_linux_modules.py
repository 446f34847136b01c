"""Real modules of Linux 6.1, built through the afterburner: bound, signed, loaded by the bound kernel, unloaded."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
from linux_kernel import build
from module_machine import APPEND, CPUID, LAST, TRY, make_initramfs, said

import previrt
from linker.objects.options import ObjectOptions, Signing

KEY_REJECTED = 129  # EKEYREJECTED


class Modules(NamedTuple):
    """A build's directory, and its modules as the build left them."""

    directory: Path
    cpuid: Path
    previrt_try: Path

    @property
    def signing(self) -> Signing:
        """With the key whose certificate the kernel has."""
        certs = self.directory / "certs"
        return Signing(certs / "signing_key.pem", certs / "signing_key.x509")

    def sign(self, path: Path) -> None:
        """As Linux's own build does it."""
        key, certificate, digest = self.signing
        command: list[str | Path] = [self.directory / "scripts" / "sign-file", digest, key, certificate, path]
        subprocess.run(command, check=True)


@pytest.fixture(scope="module")
def modules() -> Modules:
    directory = build("full").directory
    return Modules(directory, directory / "arch/x86/kernel/cpuid.ko", directory / "module/previrt_try.ko")


def boot(folder: Path, modules: Modules, kernel: Path, cpuid: Path, previrt_try: Path) -> list[str]:
    """The lines of the console of a machine that loads these files."""
    initramfs = make_initramfs(folder, modules.directory, {"cpuid.ko": cpuid, "previrt_try.ko": previrt_try})
    command = ["qemu-system-x86_64", "-M", "microvm,pic=on,pit=on,rtc=on", "-nographic", "-no-reboot", "-m", "256"]
    command += ["-smp", "2", "-kernel", str(kernel), "-initrd", str(initramfs), "-append", APPEND]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert LAST in lines, lines[-20:]
    return lines


@pytest.fixture(scope="module")
def bare_kernel(modules: Modules, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("kernel") / "vmlinux.bare"
    previrt.link(modules.directory / "vmlinux", "bare", output=path)
    return path


def test_there_are_sites_in_them(modules: Modules) -> None:
    """Each in the sections that Linux puts code into, with the source's file and line."""
    (site,) = previrt.list_sites(modules.cpuid, "bare")
    assert (site.instruction, site.symbol.split("+")[0]) == ("cpuid", "cpuid_smp_cpuid")
    assert "processor.h:" in site.source
    sites = previrt.list_sites(modules.previrt_try, "bare")
    assert {site.section.removesuffix(".unlikely") for site in sites} == {".text", ".init.text", ".exit.text"}
    assert len({site.class_name for site in sites}) == 15


def test_bound_to_bare_and_loaded_by_the_bound_kernel(modules: Modules, bare_kernel: Path, tmp_path: Path) -> None:
    """`cpuid` is signed again with the key the kernel knows, so that nothing is said of it; the other one is not."""
    cpuid, previrt_try = tmp_path / "cpuid.ko", tmp_path / "try.ko"
    previrt.link(modules.cpuid, "bare", output=cpuid, options=ObjectOptions(bare_kernel, modules.signing))
    previrt.link(modules.previrt_try, "bare", output=previrt_try)
    lines = boot(tmp_path, modules, bare_kernel, cpuid, previrt_try)
    assert said(lines) == [*CPUID, *TRY, LAST]
    assert not any(line.startswith("cpuid: ") for line in lines)
    assert any(line.startswith("previrt: cpuid ") and line.endswith("0x0000000000000000") for line in lines), "no taint"
    assert any("previrt_try: module verification failed" in line for line in lines)


def test_as_built_they_say_the_same(modules: Modules, tmp_path: Path) -> None:
    lines = boot(tmp_path, modules, modules.directory / "vmlinux", modules.cpuid, modules.previrt_try)
    assert said(lines) == [*CPUID, *TRY, LAST]


def test_the_signature_is_the_one_that_linux_makes(modules: Modules, tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours.ko", tmp_path / "theirs.ko"
    previrt.link(modules.cpuid, "bare", output=ours, options=ObjectOptions(signing=modules.signing))
    previrt.link(modules.cpuid, "bare", output=theirs)
    modules.sign(theirs)
    assert ours.read_bytes() == theirs.read_bytes()


def test_a_signature_that_binding_broke_is_refused_by_linux(
    modules: Modules, bare_kernel: Path, tmp_path: Path
) -> None:
    """Why a signed module is refused: bound all the same, with its old signature, it is not loaded."""
    signed, bound = tmp_path / "signed.ko", tmp_path / "bound.ko"
    signed.write_bytes(modules.cpuid.read_bytes())
    modules.sign(signed)
    with pytest.raises(previrt.LinkError, match="module is signed"):
        previrt.link(signed, "bare")
    previrt.link(modules.cpuid, "bare", output=bound)
    bound.write_bytes(bound.read_bytes() + signed.read_bytes()[modules.cpuid.stat().st_size :])
    resigned = tmp_path / "resigned.ko"
    previrt.link(modules.previrt_try, "bare", output=resigned, options=ObjectOptions(signing=modules.signing))
    lines = boot(tmp_path, modules, bare_kernel, bound, resigned)
    assert said(lines) == [f"previrt: loaded /cpuid.ko: error {KEY_REJECTED}", *TRY, LAST]


def test_bind_rebind_and_restore_are_exact(modules: Modules, tmp_path: Path) -> None:
    kernel, bound, again = tmp_path / "vmlinux.xen", tmp_path / "bound", tmp_path / "again"
    previrt.link(modules.directory / "vmlinux", "xen", output=kernel)
    for module in (modules.cpuid, modules.previrt_try):
        previrt.link(module, "xen", output=bound, options=ObjectOptions(kernel))
        previrt.restore(bound, output=again)
        assert again.read_bytes() == module.read_bytes()
        previrt.link(bound, "bare", output=again)
        previrt.link(module, "bare", output=bound)
        assert again.read_bytes() == bound.read_bytes()
        previrt.restore(bound, output=again)
        assert again.read_bytes() == module.read_bytes()


def test_modinfo_and_symbols_are_kept(modules: Modules, tmp_path: Path) -> None:
    kernel, bound = tmp_path / "vmlinux.xen", tmp_path / "bound.ko"
    previrt.link(modules.directory / "vmlinux", "xen", output=kernel)
    previrt.link(modules.previrt_try, "xen", output=bound, options=ObjectOptions(kernel))

    def read(path: Path, *options: str) -> list[str]:
        out = subprocess.run(["readelf", "-W", *options, path], check=True, capture_output=True, text=True)
        assert not out.stderr
        return out.stdout.splitlines()

    assert read(bound, "-p", ".modinfo") == read(modules.previrt_try, "-p", ".modinfo")
    before, after = read(modules.previrt_try, "-s"), read(bound, "-s")
    assert after[3 : len(before)] == before[3:]
    assert [line.split()[-1] for line in after[len(before) :]] == ["previrt_rows"]
