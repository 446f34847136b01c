"""`previrt-install setup`: put the hooks where the system looks, or take them away."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from linker.errors import LinkError
from linker.image.write import write_whole

if TYPE_CHECKING:
    from collections.abc import Callable

HOOKS = Path(__file__).parent / "hooks"
COMMAND = "@PREVIRT_INSTALL@"
# Template -> where the system looks. run-parts takes no name with a dot, kernel-install only *.install.
PLACES = {
    "95-previrt.install": "etc/kernel/install.d/95-previrt.install",
    "postinst": "etc/kernel/postinst.d/zy-previrt",
    "postrm": "etc/kernel/postrm.d/zy-previrt",
    "42_previrt": "etc/grub.d/42_previrt",
}
MODE = 0o755


def this_command() -> str:
    """The command that runs now, as hooks shall call it: an absolute path."""
    return str(Path(sys.argv[0]).absolute())


def put(root: Path, command: str, say: Callable[[str], None]) -> None:
    """Write every hook below `root`. LinkError when one cannot be written."""
    for template, place in PLACES.items():
        path = root / place
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LinkError(f"cannot make directory: {error.strerror}", where=str(path.parent)) from None
        text = (HOOKS / template).read_text().replace(COMMAND, shlex.quote(command))
        write_whole(path, text.encode(), MODE, durable=True)
        say(f"{path}: written")


def take_away(root: Path, say: Callable[[str], None]) -> None:
    """Remove every hook below `root`."""
    for place in PLACES.values():
        path = root / place
        try:
            path.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise LinkError(f"cannot remove: {error.strerror}", where=str(path)) from None
        say(f"{path}: removed")
