"""The exception tree. Every message says what, where, found, expected, and what to do."""

from __future__ import annotations

from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class LinkError(Exception):
    """The root: an image that cannot be linked as asked. A command prints it and exits with status 1.

    `what` is a clause without a full stop; the other parts are optional. `file` is filled in by whoever opened it.
    """

    def __init__(self, what: str, *, where: str = "", found: str = "", expected: str = "", advice: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.found = found
        self.expected = expected
        self.advice = advice
        self.file = ""

    def __str__(self) -> str:
        text = ": ".join(part for part in (self.file, self.where, self.what) if part)
        if self.found:
            text += f": found {self.found}"
        if self.expected:
            text += f", expected {self.expected}" if self.found else f": expected {self.expected}"
        if self.advice:
            text += f"; {self.advice}"
        return printable(text)

    def reword(self, say: Callable[[str], str]) -> None:
        """Put each part of the message in other words."""
        for part in ("what", "where", "found", "expected", "advice"):
            setattr(self, part, say(getattr(self, part)))

    def to_json(self) -> dict[str, object]:
        """The parts, empty ones left out."""
        return {name: value for name, value in vars(self).items() if isinstance(value, str) and value}


class UsageError(LinkError):
    """The request itself is off (unknown target, contradicting options). A command exits with status 2."""


@contextmanager
def naming(path: Path | str) -> Iterator[None]:
    """Say in every LinkError from inside which file it is about, unless it is about the request or says so already."""
    try:
        yield
    except LinkError as error:
        if not isinstance(error, UsageError):
            error.file = error.file or str(path)
        raise


FIRST_UNDECODED, LAST_UNDECODED = 0xDC80, 0xDCFF  # what Python makes of bytes 0x80 to 0xff of a name that is no text


def printable(text: str) -> str:
    """One line that a terminal shows and does not obey: line ends and control characters of names are escaped.

    Everything that commands say to a person goes through this (`linker.commands.say`); JSON has escapes of its own.
    """
    return text if text.isprintable() else "".join(c if c.isprintable() else _escape(ord(c)) for c in text)


def _escape(code: int) -> str:
    if FIRST_UNDECODED <= code <= LAST_UNDECODED:
        return f"\\x{code & 0xFF:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
