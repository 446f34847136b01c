"""What boot menus say: GRUB 2's grub.cfg, syslinux's extlinux.conf, GRUB's old menu.lst.

They are read, not run: what a script decides (`if`, functions, variables that nothing set) is not known here, as it is
not to pygrub. `set` counts wherever it stands, the last one most, but for values that name an unknown variable.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from linker.errors import LinkError
from linker.quick.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

GRUB2_KERNEL, GRUB2_RAMDISK = ("linux", "linux16", "linuxefi"), ("initrd", "initrd16", "initrdefi")
# A stretch of a word: plain, in quotes of either kind, an escaped character; else blanks, or what begins a comment.
STRETCH = re.compile(r"""([^ \t\r\n'"\\#]+)|'([^']*)'|"([^"\\]*(?:\\.[^"\\]*)*)"|\\(.)|([ \t\r\n]+|\#)""", re.DOTALL)
ESCAPED_IN_QUOTES = re.compile(r"""\\(["\\])""")
EXPANDED_LEN_MAX = 4 << 20  # four times the longest menu
BLOCKS_MAX = 64  # one in the other
RAMDISKS_MAX = 64
VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
DEVICE = re.compile(r"^\([^)]*\)")  # (hd0,msdos1): the file system the menu is on is taken


class MenuEntry(NamedTuple):
    """A kernel to boot. Paths are those of the menu's file system. `names`: position, title, id; of submenus first."""

    title: str
    kernel: str
    ramdisks: tuple[str, ...]
    args: str
    names: tuple[tuple[str, ...], ...]


class Menu(NamedTuple):
    """The entries in their order; `default` as the file says it, empty where it says nothing."""

    entries: Sequence[MenuEntry]
    default: str = ""

    def chosen(self, wanted: str | None) -> MenuEntry | None:
        """The entry of this number or title, the default one for None; the first where the default is not there."""
        if wanted is not None:
            return next((e for n, e in enumerate(self.entries) if wanted in (str(n), e.title)), None) or self._named(
                wanted
            )
        return self._named(self.default) or (self.entries[0] if self.entries else None)

    def _named(self, path: str) -> MenuEntry | None:
        """By the path that GRUB 2 writes, `0>2` or `Advanced options>title`; a submenu stands for its first entry."""
        wanted = path.split(">") if path else []
        for entry in self.entries if wanted else ():
            if len(wanted) <= len(entry.names) and all(
                part in names for part, names in zip(wanted, entry.names, strict=False)
            ):
                return entry
        return None


# ---- GRUB 2 ----


class _Block:
    """A block of grub.cfg: its names, and what is in it."""

    def __init__(self, kind: str, names: tuple[str, ...]) -> None:
        self.kind = kind
        self.names = names
        self.title = names[1] if names else ""
        self.children = 0
        self.kernel: list[str] = []
        self.ramdisks: list[str] = []


def parse_grub2(text: str) -> Menu:
    """grub.cfg."""
    variables: dict[str, str] = {}
    entries: list[MenuEntry] = []
    blocks = [_Block("file", ())]
    left_len = EXPANDED_LEN_MAX
    for line in _grub2_lines(text):
        words = []
        for word in line:
            left_len -= _expanded_len(word, variables)
            if left_len < 0:
                raise LinkError(
                    "boot menu is too long", found="variables that grow", expected=f"at most {EXPANDED_LEN_MAX}"
                )
            words.append(_expand(word, variables))
        command, *rest = words
        if command == "}":
            if len(blocks) > 1:
                _grub2_close(blocks, entries)
        elif words[-1] == "{":
            if len(blocks) > BLOCKS_MAX:
                raise LinkError("boot menu is nested too deeply", expected=f"at most {BLOCKS_MAX} blocks in each other")
            blocks.append(_grub2_open(command, rest, blocks))
        elif command == "set" and rest and "=" in rest[0]:
            name, _, value = rest[0].partition("=")
            if "$" not in value:
                variables[name] = value
        elif command in GRUB2_KERNEL and rest:
            blocks[-1].kernel = rest
        elif command in GRUB2_RAMDISK:
            blocks[-1].ramdisks = rest
    return Menu(entries, variables.get("default", ""))


def _grub2_lines(text: str) -> Iterator[list[str]]:
    for line in text.replace("\\\n", " ").splitlines():
        words = split_words(line)
        if words:
            yield words


def split_words(line: str) -> list[str]:
    """The words of a line as a shell has them, comments left out: what shlex.split gives, in a time that is linear.

    None for a line with a quote that ends on a later one: that is nothing of a boot entry.
    """
    words: list[str] = []
    parts: list[str] = []  # of the word at hand
    at = 0
    while at < len(line):
        match = STRETCH.match(line, at)
        if match is None:
            return []
        plain, single, double, escaped, end = match.groups()
        at = match.end()
        if end is None:
            quoted = None if double is None else ESCAPED_IN_QUOTES.sub(r"\1", double)
            parts.append(next(part for part in (plain, single, quoted, escaped) if part is not None))
            continue
        if parts:
            words.append("".join(parts))
            parts = []
        if end == "#":
            break
    return [*words, "".join(parts)] if parts else words


def _expanded_len(word: str, variables: dict[str, str]) -> int:
    """How long `_expand` makes a word, at most."""
    return len(word) + sum(len(variables.get(match[1] or match[2], "")) for match in VARIABLE.finditer(word))


def _expand(word: str, variables: dict[str, str]) -> str:
    """With the variables that are set; others stay as they are written."""
    return VARIABLE.sub(lambda match: variables.get(match[1] or match[2], match[0]), word)


def _grub2_open(command: str, rest: list[str], blocks: Sequence[_Block]) -> _Block:
    if command not in ("menuentry", "submenu"):
        return _Block(command, ())
    menu = next(block for block in reversed(blocks) if block.kind in ("file", "submenu"))
    position, menu.children = str(menu.children), menu.children + 1
    title = rest[0]
    # --id NAME, or Debian's $menuentry_id_option, a variable that is --id where GRUB knows it
    ids = [name for option, name in pairwise(rest) if option in ("--id", "$menuentry_id_option")]
    return _Block(command, (position, title, *ids))


def _grub2_close(blocks: list[_Block], entries: list[MenuEntry]) -> None:
    block = blocks.pop()
    if block.kind not in ("menuentry", "submenu", "file"):  # what stands in an inner block is the entry's
        blocks[-1].kernel = block.kernel or blocks[-1].kernel
        blocks[-1].ramdisks = block.ramdisks or blocks[-1].ramdisks
    elif block.kind == "menuentry" and block.kernel:
        path = (*(b.names for b in blocks if b.kind == "submenu"), block.names)
        words = [_quoted(word) for word in block.kernel[1:] if not VARIABLE.fullmatch(word)]
        entries.append(
            MenuEntry(block.title, _path(block.kernel[0]), tuple(map(_path, block.ramdisks)), " ".join(words), path)
        )


def _quoted(word: str) -> str:
    """As GRUB hands a word with blanks to Linux."""
    return f'"{word}"' if " " in word else word


def _path(text: str) -> str:
    return DEVICE.sub("", text)


# ---- syslinux ----


def parse_extlinux(text: str, folder: str = "") -> Menu:
    """extlinux.conf. Paths that do not start with / are relative to `folder`, that of the file."""
    default, labels = "", list[dict[str, str]]()
    for line in _lines(text):
        keyword, _, rest = line.partition(" ")
        keyword, rest = keyword.lower(), rest.strip()
        if keyword == "label":
            labels.append({"label": rest})
        elif keyword == "menu":
            _extlinux_menu(rest, labels)
        elif not labels and keyword == "default":
            default = rest
        elif labels:
            labels[-1]["kernel" if keyword == "linux" else keyword] = rest
    marked = next((label["label"] for label in labels if "marked" in label), "")
    entries = []
    for position, label in enumerate(labels):
        if "kernel" not in label:
            continue
        kernel, _, args = label["kernel"].partition(" ")
        words = f"{args} {label.get('append', '')}".split()
        ramdisks = [word.removeprefix("initrd=") for word in words if word.startswith("initrd=")]
        ramdisks = [label["initrd"]] if "initrd" in label else ramdisks
        names = ((str(position), label["label"], label.get("title", "")),)
        paths = tuple(_beside(path, folder) for ramdisk in ramdisks for path in ramdisk.split(",") if path)
        args = " ".join(word for word in words if not word.startswith("initrd="))
        entries.append(MenuEntry(label.get("title", label["label"]), _beside(kernel, folder), paths, args, names))
    return Menu(entries, marked or default)


def _extlinux_menu(rest: str, labels: Sequence[dict[str, str]]) -> None:
    what, _, value = rest.partition(" ")
    if labels and what.lower() == "label":
        labels[-1]["title"] = value.strip().replace("^", "")  # ^ marks the hot key
    elif labels and what.lower() == "default":
        labels[-1]["marked"] = "yes"


def _beside(path: str, folder: str) -> str:
    return path if path.startswith("/") else f"{folder}/{path}"


# ---- GRUB's first ----


def parse_menu_lst(text: str) -> Menu:
    """menu.lst, grub.conf."""
    default, entries = "", list[dict[str, str]]()
    for line in _lines(text):
        keyword, rest = (*re.split(r"[ =]", line, maxsplit=1), "")[:2]
        if keyword == "title":
            entries.append({"title": rest.strip()})
        elif keyword == "default" and not entries:
            default = rest.strip()
        elif entries:
            entries[-1][keyword] = rest.strip()
    made = []
    for position, entry in enumerate(entries):
        kernel, _, args = entry.get("kernel", "").partition(" ")
        if kernel:
            ramdisks = tuple(map(_path, entry.get("initrd", "").split()))
            names = ((str(position), entry["title"]),)
            made.append(MenuEntry(entry["title"], _path(kernel), ramdisks, args.strip(), names))
    return Menu(made, default)


def _lines(text: str) -> Iterable[str]:
    """Lines without blanks around them, without empty ones and comments; tabs become blanks."""
    lines = (line.replace("\t", " ").strip() for line in text.splitlines())
    return (line for line in lines if line and not line.startswith("#"))


# ---- which is where ----

# pygrub's places in pygrub's order (tools/pygrub/src/pygrub, read_config)
PLACES: Sequence[tuple[str, Callable[[str, str], Menu]]] = (
    *(
        (f"{folder}/grub.cfg", lambda text, _: parse_grub2(text))
        for folder in ("/boot/grub", "/grub", "/boot/grub2", "/grub2")
    ),
    *(
        (path, parse_extlinux)
        for path in (
            "/boot/isolinux/isolinux.cfg",
            "/boot/extlinux/extlinux.conf",
            "/boot/extlinux.conf",
            "/extlinux/extlinux.conf",
            "/extlinux.conf",
        )
    ),
    *(
        (path, lambda text, _: parse_menu_lst(text))
        for path in ("/boot/grub/menu.lst", "/boot/grub/grub.conf", "/grub/menu.lst", "/grub/grub.conf")
    ),
)
