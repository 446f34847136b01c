"""What commands print: the only place that writes to terminals, beside the complaint that ends a command.

Lines may hold names out of files: each is escaped here, so that it is one line and does nothing to a terminal. What is
printed is out when these functions return, so a full disk or a closed pipe is known at once.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager

from linker.commands.entry import NoReader, flush
from linker.errors import LinkError, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def say(lines: Iterable[str]) -> None:
    """Print lines. LinkError when they cannot be written, NoReader when nobody reads them."""
    say_text("\n".join(map(printable, lines)))


def warn(program: str, what: object) -> None:
    """A line on the standard error output."""
    print(f"{program}: {printable(str(what))}", file=sys.stderr, flush=True)


def say_text(text: str) -> None:
    """Print a text that holds no names, or has escapes of its own."""
    try:
        print(text)
    except BrokenPipeError:
        raise NoReader from None
    except OSError as error:
        raise LinkError(f"cannot write: {error.strerror}", where="standard output") from None
    flush()


def say_json(value: object) -> None:
    """The same for programs."""
    import json

    say_text(json.dumps(value, indent=2))


@contextmanager
def json_errors(wanted: bool) -> Iterator[None]:
    """Print a LinkError from inside as JSON too, if that is `wanted`."""
    try:
        yield
    except LinkError as error:
        if wanted:
            say_json({"error": error.to_json()})
        raise
