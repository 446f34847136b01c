"""Which kernel of a disk is booted: what the first boot menu says; where there is no menu, the newest vmlinux."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from linker import log
from linker.errors import LinkError, naming
from linker.quick.tuples import NamedTuple
from linker.xl.disk import file_system_offs, is_ext
from linker.xl.ext import ExtFileSystem
from linker.xl.menus import PLACES, RAMDISKS_MAX, Menu, MenuEntry

if TYPE_CHECKING:
    from linker.xl.ext import File

MENU_LEN_MAX = 1 << 20
TITLES_SHOWN = 10
# What a terminal would act on; line feed and tab aside.
CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
KERNEL = re.compile(r"vmlinux(?:-(.+))?")


class Chosen(NamedTuple):
    """What to boot from a file system of the disk."""

    file_system: ExtFileSystem
    kernel: File
    ramdisks: tuple[File, ...]
    args: str


def find_menu(disk: int, off: int | None) -> tuple[ExtFileSystem, Menu]:
    """The first menu on the disk's file systems, or on the one at `off` bytes."""
    if off is not None and not is_ext(disk, off):
        raise LinkError("no file system of the ext family", where=f"offset {off}")
    offs = file_system_offs(disk) if off is None else [off]
    mistakes: list[LinkError] = []
    for at in offs:
        file_system = ExtFileSystem(disk, at)
        try:
            menu = _menu_of(file_system)
        except LinkError as error:  # the next partition may be whole
            mistakes.append(error)
            continue
        if menu.entries:
            log.debug("found a menu", offset=at, entries=len(menu.entries), default=menu.default)
            return file_system, menu
    if mistakes:
        raise mistakes[0]
    raise LinkError(
        "no kernel on the disk",
        found=f"file systems at {', '.join(map(str, offs))}",
        expected="grub.cfg, extlinux.conf, menu.lst, or /boot/vmlinux",
    )


def choose(disk: int, off: int | None, wanted: str | None) -> Chosen:
    """The kernel and RAM disks of the entry wanted, or of the default one. LinkError where one of them is missing."""
    file_system, menu = find_menu(disk, off)
    entry = menu.chosen(wanted)
    if entry is None:
        titles = ", ".join(entry.title for entry in menu.entries[:TITLES_SHOWN])
        titles += ", ..." if len(menu.entries) > TITLES_SHOWN else ""
        raise LinkError("no such entry in the boot menu", found=str(wanted), expected=f"a number, or one of: {titles}")
    log.debug("chosen", title=entry.title, kernel=entry.kernel)
    if len(entry.ramdisks) > RAMDISKS_MAX:
        raise LinkError(
            "too many RAM disks", where=entry.title, found=str(len(entry.ramdisks)), expected=f"up to {RAMDISKS_MAX}"
        )
    with naming(entry.title):
        kernel = _file(file_system, entry.kernel, "kernel")
        ramdisks = tuple(_file(file_system, path, "RAM disk") for path in entry.ramdisks)
    return Chosen(file_system, kernel, ramdisks, entry.args)


def _file(file_system: ExtFileSystem, path: str, what: str) -> File:
    file = file_system.find(path if path.startswith("/") else f"/{path}")
    if file is None:
        raise LinkError(f"no {what} of that name on the disk", where=path)
    return file


def _menu_of(file_system: ExtFileSystem) -> Menu:
    for path, parse in PLACES:
        file = file_system.find(path)
        if file is not None:
            text = file_system.read(file, MENU_LEN_MAX).decode("utf-8", "surrogateescape")
            return parse(CONTROL_CHARACTERS.sub("\ufffd", text), path.rpartition("/")[0])
    return _kernels_without_menu(file_system)


def _kernels_without_menu(file_system: ExtFileSystem) -> Menu:
    """/boot/vmlinux, or the newest /boot/vmlinux-VERSION with its /boot/initrd.img-VERSION."""
    names = set(filter(str.isprintable, file_system.names("/boot")))
    found = sorted((match for match in map(KERNEL.fullmatch, names) if match), key=_version, reverse=True)
    return Menu([_entry(match[0], match[1], names) for match in found])


def _version(match: re.Match[str]) -> tuple[bool, list[tuple[int, str]]]:
    """In the order of versions: numbers as numbers; a name without a version is the newest."""
    parts = re.findall(r"\d+|\D+", match[1] or "")
    return match[1] is None, [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _entry(name: str, version: str | None, names: set[str]) -> MenuEntry:
    suffix = f"-{version}" if version else ""
    ramdisk = next((n for n in (f"initrd.img{suffix}", f"initramfs{suffix}.img") if n in names), None)
    return MenuEntry(name, f"/boot/{name}", (f"/boot/{ramdisk}",) if ramdisk else (), "", ((name,),))
