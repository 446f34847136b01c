"""What the commands' option parsers share."""

from __future__ import annotations

import argparse

AUTO = "auto"  # in place of a target: what this machine is (linker.commands.running_on)

SHELLS = ("bash", "zsh", "fish")


class PrintVersion(argparse.Action):
    """`--version`, as binutils prints it. The metadata is slow to import and rarely wanted."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print and leave."""
        from importlib.metadata import version

        print(f"{parser.prog} (previrt) {version('previrt')}")
        parser.exit()


class PrintCompletion(argparse.Action):
    """`--print-completion SHELL`: completion made from the command's own parser."""

    def __call__(self, parser: argparse.ArgumentParser, _namespace: object, shell: object, *_: object) -> None:
        """Print and leave."""
        from linker.commands.completion import completion

        print(completion(parser, str(shell)))
        parser.exit()
