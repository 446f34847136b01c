"""What commands print. It is out when these functions return, so a full disk or a closed pipe is known at once."""

from __future__ import annotations

from contextlib import contextmanager

from linker.commands.entry import NoReader, flush
from linker.errors import LinkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def say(text: str) -> None:
    """Print lines. LinkError when they cannot be written, NoReader when nobody reads them."""
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

    say(json.dumps(value, indent=2))


@contextmanager
def json_errors(wanted: bool) -> Iterator[None]:
    """Print a LinkError from inside as JSON too, if that is `wanted`."""
    try:
        yield
    except LinkError as error:
        if wanted:
            say_json({"error": error.to_json()})
        raise
