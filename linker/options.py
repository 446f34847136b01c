"""What the commands' option parsers share."""

from __future__ import annotations

import argparse


class PrintVersion(argparse.Action):
    """`--version`, as binutils prints it. The metadata is slow to import and rarely wanted."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print and leave."""
        from importlib.metadata import version

        print(f"{parser.prog} (previrt) {version('previrt')}")
        parser.exit()
