"""`previrt-as`: where the stand-in and the reserve are, and the stand-in itself."""

from __future__ import annotations

import os
import sys

_HERE = os.path.dirname(os.path.realpath(__file__))

_HELP = """\
Usage: previrt-as [OPTION]... [ASM-FILE]...
Assemble with every virtualization-sensitive instruction padded and recorded in .afterburn.

  --print-dir       print the directory to give to gcc: gcc -B"$(previrt-as --print-dir)"
  --print-reserve   print the path of the reserve, an assembler source to link into the guest
  --help            print this
  --version         print the version

All other arguments are those of GNU as, which does the assembling.
Environment:
  PREVIRT_REAL_AS   the assembler to run (default: the first `as' on PATH that is no stand-in)
  PREVIRT_SKIP      patterns of files to leave alone, separated by `:' (a leading `!' takes back in)
  PREVIRT_PYTHON    the Python the stand-in runs on (default: python3)
"""


def main() -> None:
    """The command."""
    argv = sys.argv[1:]
    if argv == ["--print-dir"]:
        print(os.path.join(_HERE, "bin"))
    elif argv == ["--print-reserve"]:
        print(os.path.join(_HERE, "reserve", "x86_64.S"))
    elif argv == ["--help"]:
        print(_HELP, end="")
    elif argv == ["--version"]:
        from importlib.metadata import PackageNotFoundError, version

        try:
            print("previrt-as (previrt)", version("previrt"))
        except PackageNotFoundError:
            print("previrt-as (previrt), not installed")
    else:
        from afterburner.standin import main as stand_in

        stand_in(argv)


if __name__ == "__main__":
    main()
