"""The rules of Debian's kernel packages (kernel handbook, chapter 8; linux-run-hooks(1)).

`/etc/kernel/postinst.d/HOOK VERSION IMAGE` and `postrm.d` likewise, run by run-parts: names without a dot, in their
order. DEB_MAINT_PARAMS has the maintainer script's parameters, and is not there when a person's `make install` runs
them. debconf may own standard input and output, so nothing is read or printed there.

    /boot/vmlinuz-VERSION            the package's; an ELF kernel beside it may be called vmlinux-VERSION
    /boot/previrt-VERSION.TARGET     ours; a name that update-grub does not take for a kernel
    /boot/loader/entries/previrt-VERSION-TARGET.conf
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from linker.errors import LinkError
from linker.install import entries, siblings
from linker.install.entries import EntryField
from linker.install.places import present, renew, sibling
from linker.quick.tuples import NamedTuple
from linker.registry import targets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from linker.install.siblings import Sibling

STEPS = {"postinst": ("configure",), "postrm": ("remove", "purge")}  # first parameter of the maintainer script
NOT_OPTIONS = ("BOOT_IMAGE=", "initrd=")  # what a boot loader puts on the command line itself


class DebianCall(NamedTuple):
    """One call of a hook. `root`: where the system is, / but for tests and chroots."""

    step: str
    version: str
    image: Path
    root: Path
    is_wanted: bool


def read_call(
    step: str, version: str, image: Path | None, root: Path, environment: Mapping[str, str] = os.environ
) -> DebianCall:
    """A hook's arguments and environment."""
    siblings.check_version(version)
    said = environment.get("DEB_MAINT_PARAMS")
    parameters = [] if said is None else shlex.split(said)
    is_wanted = said is None or parameters[:1] == [] or parameters[0] in STEPS[step]
    return DebianCall(step, version, image or root / "boot" / f"vmlinuz-{version}", root, is_wanted)


def run(call: DebianCall, configured: Callable[[], Sequence[str]], say: Callable[[str], None]) -> list[LinkError]:
    """Do what the hook is for; returns what went wrong.

    `configured` says for which targets; it is asked, and may raise, only when siblings are to be made.
    """
    if not call.is_wanted:
        return []
    everything = [_sibling(call, target) for target in targets()]
    if call.step == "postrm":
        siblings.remove(present(everything, call.version), say)
        return []
    image = _annotated(call)
    if image is None:
        say(f"{call.image}: not annotated, left alone")
        siblings.remove(present(everything, call.version), say)
        return []
    wanted = configured()
    return renew(
        siblings.InstalledKernel(call.version, image),
        [one for one in everything if one.target in wanted],
        everything,
        lambda one: _entry(call, one),
        say,
    )


def _annotated(call: DebianCall) -> Path | None:
    """The package's image if it is annotated, else the ELF kernel beside it if that is."""
    beside = call.image.with_name(f"vmlinux-{call.version}")
    for path in dict.fromkeys((call.image, beside)):
        if path.exists() and siblings.is_annotated(path):
            return path
    if not call.image.exists():
        raise LinkError("no such kernel image", where=str(call.image), expected="the file the package installed")
    return None


def _sibling(call: DebianCall, target: str) -> Sibling:
    boot = call.image.parent
    entry = boot / "loader" / "entries" / f"previrt-{call.version}-{target}.conf"
    return sibling(target, boot / f"previrt-{call.version}.{target}", entry)


def _entry(call: DebianCall, one: Sibling) -> str:
    if one.entry is None:
        raise AssertionError("only booted targets have an entry")
    entries.require_free(one.entry, call.version)
    boot = call.image.parent
    in_partition = Path("/") if boot.is_mount() else Path("/", boot.relative_to(call.root))
    name, sort_key = _system(call.root)
    fields = [
        EntryField("title", entries.title(name or f"Linux {call.version}", one.target)),
        EntryField("version", call.version),
    ]
    if sort_key:
        fields.append(EntryField("sort-key", sort_key))
    fields += [EntryField("options", _options(call.root)), EntryField("linux", str(in_partition / one.image.name))]
    initrd = boot / f"initrd.img-{call.version}"  # initramfs-tools and dracut call it so
    if initrd.exists():
        fields.append(EntryField("initrd", str(in_partition / initrd.name)))
    return entries.compose(call.version, one.target, fields)


def _system(root: Path) -> tuple[str, str]:
    """PRETTY_NAME and the sort key as kernel-install takes them from os-release(5)."""
    said = {}
    for line in _first_text(root / "etc" / "os-release", root / "usr" / "lib" / "os-release").splitlines():
        name, separator, value = line.partition("=")
        if separator:
            said[name.strip()] = " ".join(shlex.split(value, comments=True))
    return said.get("PRETTY_NAME", ""), said.get("IMAGE_ID") or said.get("ID", "")


def _options(root: Path) -> str:
    """The command line of kernels to come: /etc/kernel/cmdline as kernel-install has it, else this boot's."""
    configured = _first_text(root / "etc" / "kernel" / "cmdline", root / "usr" / "lib" / "kernel" / "cmdline")
    words = (configured or _first_text(root / "proc" / "cmdline")).split()
    return " ".join(word for word in words if configured or not word.startswith(NOT_OPTIONS))


def _first_text(*paths: Path) -> str:
    for path in paths:
        try:
            return path.read_text(errors="replace")
        except OSError:
            continue
    return ""
