"""Boot entries for bound siblings: Boot Loader Specification, type 1 (uapi-group.org, one `key value` a line).

An entry of ours begins with a comment that says which kernel and target it belongs to. Only such entries are ever
replaced or removed.

    # previrt-install 6.1.0-50-amd64 bare
    title      Debian GNU/Linux 12 (bookworm) (previrt: bare)
    version    6.1.0-50-amd64
    options    root=/dev/sda1 ro
    linux      /6a0d.../6.1.0-50-amd64/linux.bare
    initrd     /6a0d.../6.1.0-50-amd64/initrd.img
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from linker.errors import LinkError
from linker.quick.tuples import NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

MARK = "# previrt-install"
KEY_WIDTH = 10
LONGEST_LINE = 1000


class EntryField(NamedTuple):
    """One line of an entry."""

    key: str
    value: str


def parse(text: str) -> list[EntryField]:
    """The lines of an entry, comments and blank ones left out."""
    lines = (line.strip() for line in text.splitlines())
    pairs = (line.split(None, 1) for line in lines if line and not line.startswith("#"))
    return [EntryField(pair[0], pair[1] if len(pair) > 1 else "") for pair in pairs]


def compose(version: str, target: str, fields: list[EntryField]) -> str:
    """An entry of ours with these lines."""
    lines = [f"{MARK} {version} {target}", *(f"{key.ljust(KEY_WIDTH)} {value}".rstrip() for key, value in fields)]
    return "\n".join(lines) + "\n"


def derive(neutral: Path, version: str, target: str, image_name: str) -> str:
    """The entry of the neutral kernel, naming `image_name` in the same folder instead. LinkError when there is none."""
    try:
        fields = parse(neutral.read_text(errors="replace"))
    except OSError as error:
        raise LinkError(
            f"cannot read the kernel's own boot entry: {error.strerror}",
            where=str(neutral),
            advice="run this plugin behind the one that writes it (90-loaderentry.install)",
        ) from None
    if not any(key == "linux" for key, _ in fields):
        raise LinkError("boot entry names no kernel", where=str(neutral), expected="a line 'linux'")
    changed = []
    for key, value in fields:
        if key == "linux":
            changed.append(EntryField(key, str(PurePosixPath(value).with_name(image_name))))
        elif key == "title":
            changed.append(EntryField(key, title(value, target)))
        else:
            changed.append(EntryField(key, value))
    return compose(version, target, changed)


def title(name: str, target: str) -> str:
    """What a menu shows."""
    return f"{name} (previrt: {target})"


def is_ours(path: Path, version: str) -> bool:
    """Whether a file is an entry written for a sibling of this kernel."""
    return _first_line(path).split()[:-1] == [*MARK.split(), version]


def require_free(path: Path, version: str) -> None:
    """LinkError when something that is not ours is in the place of an entry."""
    if path.exists() and not is_ours(path, version):
        raise LinkError(
            "another boot entry has this name",
            where=str(path),
            found=repr(_first_line(path)),
            expected=f"none, or one that begins with '{MARK} {version}'",
            advice="move it away",
        )


def _first_line(path: Path) -> str:
    try:
        with path.open(errors="replace") as file:
            return file.readline(LONGEST_LINE)
    except OSError:
        return ""
