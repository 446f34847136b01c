"""What the commands' option parsers share."""

from __future__ import annotations

import argparse
import os

from linker.commands.say import say_text
from linker.errors import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

AUTO = "auto"  # in place of a target: what this machine is (linker.commands.running_on)

SHELLS = ("bash", "zsh", "fish")


class Help(argparse.HelpFormatter):
    """argparse's, which imports five modules more to learn how wide the terminal is."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - 2)


def _columns() -> int:
    """What COLUMNS says, else the terminal, else 80."""
    said = os.environ.get("COLUMNS", "")
    if said.isdecimal() and int(said):
        return int(said)
    try:
        return os.get_terminal_size(1).columns or 80
    except OSError:
        return 80


class Parser(argparse.ArgumentParser):
    """argparse's, without abbreviations; help that cannot be printed is an error."""

    def __init__(self, **how: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=Help, **how)

    def print_help(self, file: object = None) -> None:
        """Print the help on the standard output."""
        say_text(self.format_help().rstrip("\n"))

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the words of the command line, and leave."""
        super().error(printable(message))


class PrintVersion(argparse.Action):
    """`--version`, as binutils prints it. The metadata is slow to import and rarely wanted."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print and leave."""
        from importlib.metadata import version

        say_text(f"{parser.prog} (previrt) {version('previrt')}")
        parser.exit()


class PrintCompletion(argparse.Action):
    """`--print-completion SHELL`: completion made from the command's own parser."""

    def __call__(self, parser: argparse.ArgumentParser, _namespace: object, shell: object, *_: object) -> None:
        """Print and leave."""
        from linker.commands.completion import completion

        say_text(completion(parser, str(shell)))
        parser.exit()
