"""The rules of kernel-install(8): `PLUGIN add|remove VERSION ENTRY-DIR [IMAGE [INITRD ...]]`, more in the environment.

    $BOOT/TOKEN/VERSION/linux          put there by 90-loaderentry.install
    $BOOT/TOKEN/VERSION/linux.TARGET   ours
    $BOOT/loader/entries/previrt-TOKEN-VERSION-TARGET.conf

Status 0 goes on, 77 would end the whole operation (never used here), anything else fails it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from linker.errors import LinkError, UsageError
from linker.install import entries, siblings
from linker.install.places import present, renew, sibling
from linker.quick.tuples import NamedTuple
from linker.registry import targets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from linker.install.siblings import Sibling

LAYOUT = "bls"  # Boot Loader Specification: the only layout whose entry directory means anything
IMAGE_NAME = "linux"


class PluginCall(NamedTuple):
    """One call of the plugin."""

    command: str
    version: str
    entry_dir: Path
    image: Path | None
    token: str
    entries_dir: Path
    layout: str


def read_call(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> PluginCall:
    """The plugin's arguments and environment; UsageError when they are not kernel-install's."""
    if len(arguments) < 3:
        raise UsageError("not a call of kernel-install", expected="add|remove VERSION ENTRY-DIR [IMAGE [INITRD ...]]")
    command, version, entry_dir, *rest = arguments
    if command == "add" and not rest:
        raise UsageError("no kernel image", expected="add VERSION ENTRY-DIR IMAGE [INITRD ...]")
    missing = [name for name in ("LAYOUT", "BOOT_ROOT") if f"KERNEL_INSTALL_{name}" not in environment]
    if missing:
        raise UsageError(
            f"KERNEL_INSTALL_{missing[0]} is not in the environment", advice="let kernel-install(8) run this"
        )
    directory = Path(entry_dir)
    return PluginCall(
        command=command,
        version=siblings.check_version(version),
        entry_dir=directory,
        image=Path(rest[0]) if rest else None,
        token=environment.get("KERNEL_INSTALL_ENTRY_TOKEN") or directory.parent.name,
        entries_dir=Path(environment["KERNEL_INSTALL_BOOT_ROOT"]) / "loader" / "entries",
        layout=environment["KERNEL_INSTALL_LAYOUT"],
    )


def run(call: PluginCall, configured: Callable[[], Sequence[str]], say: Callable[[str], None]) -> list[LinkError]:
    """Do what the call asks; returns what went wrong.

    `configured` says for which targets; it is asked, and may raise, only when siblings are to be made.
    """
    if call.layout != LAYOUT:
        say(f"layout is {call.layout}, not {LAYOUT}: nothing to do")
        return []
    everything = [_sibling(call, target) for target in targets()]
    if call.command == "remove":
        siblings.remove(present(everything, call.version), say)
        return []
    if call.command != "add" or call.image is None:
        return []
    if not siblings.is_annotated(call.image):
        say(f"{call.image}: not annotated, left alone")
        siblings.remove(present(everything, call.version), say)
        return []
    wanted = configured()
    return renew(
        siblings.InstalledKernel(call.version, call.image),
        [one for one in everything if one.target in wanted],
        everything,
        lambda one: _entry(call, one),
        say,
    )


def _sibling(call: PluginCall, target: str) -> Sibling:
    entry = call.entries_dir / f"previrt-{call.token}-{call.version}-{target}.conf"
    return sibling(target, call.entry_dir / f"{IMAGE_NAME}.{target}", entry)


def _entry(call: PluginCall, one: Sibling) -> str:
    if one.entry is None:
        raise AssertionError("only booted targets have an entry")
    entries.require_free(one.entry, call.version)
    stem = f"{call.token}-{call.version}"
    counted = sorted(call.entries_dir.glob(f"{stem}+*.conf"))  # /etc/kernel/tries: boot counting
    neutral = counted[0] if counted else call.entries_dir / f"{stem}.conf"
    return entries.derive(neutral, call.version, one.target, one.image.name)
