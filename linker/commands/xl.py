"""`previrt-xl ... DISK`: what `bootloader = "previrt-xl"` in a domain's configuration runs, by pygrub's protocol.

libxl (`tools/libs/light/libxl_bootloader.c`) gives the arguments, waits for the exit status, and takes what `--output`
names only where that is 0.
"""

from __future__ import annotations

import signal
import sys
from functools import partial

from linker.commands.entry import run_command
from linker.commands.options import Parser, PrintVersion
from linker.errors import LinkError
from linker.xl import DEFAULT_DIRECTORY, PROGRAM

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

# libxl kills a restricted bootloader after 120 seconds (LIBXL_BOOTLOADER_TIMEOUT); a message says more.
LIMIT_S = 110
FORMATS = ("sxp", "simple", "simple0")


def make_parser() -> argparse.ArgumentParser:
    """The command line: pygrub's, and the target."""
    parser = Parser(
        prog=PROGRAM,
        usage="%(prog)s [option(s)] DISK",
        description="Take a Xen domain's kernel from its disk, bind it, and hand it to xl: the domain's bootloader.",
        epilog="Exit status: 0 done, 1 there is no kernel that can be handed over, 2 wrong usage.",
        add_help=False,
    )
    parser.add_argument("disk", metavar="DISK", help="the domain's disk: an image file or a block device")
    which = parser.add_argument_group("which kernel")
    which.add_argument("-t", "--target", default="xen", metavar="TARGET", help="bind to this target (default: xen)")
    which.add_argument("--entry", metavar="ENTRY", help="the boot menu's entry of this number (from 0) or title")
    which.add_argument("--offset", type=int, metavar="BYTES", help="where on the disk the file system starts")
    which.add_argument("--kernel", metavar="FILE", help="a kernel of this host, not of the disk")
    which.add_argument("--ramdisk", metavar="FILE", help="an initial RAM disk of this host, not of the disk")
    which.add_argument("--args", default="", metavar="TEXT", help="goes behind the kernel's command line")
    where = parser.add_argument_group("where to")
    where.add_argument("--output", metavar="FILE", help="say what to boot in FILE (default, and -: standard output)")
    where.add_argument(
        "--output-format", default="sxp", choices=FORMATS, metavar="FORMAT", help="sxp (default), simple or simple0"
    )
    where.add_argument(
        "--output-directory",
        metavar="DIRECTORY",
        help=f"copies of kernel and RAM disk go there (default: {DEFAULT_DIRECTORY})",
    )
    how = parser.add_argument_group("how")
    how.add_argument("--runas", type=int, metavar="UID", help="read the disk and bind as this user")
    how.add_argument("-n", "--not-really", action="store_true", help="say what would be booted, write no copies")
    how.add_argument("-l", "--list-entries", action="store_true", help="print the boot menu, boot nothing")
    how.add_argument("-q", "--quiet", action="store_true", help="accepted: there is no menu to ask")
    how.add_argument("-i", "--interactive", action="store_true", help="accepted: there is no menu to ask")
    said = parser.add_argument_group("what is said")
    said.add_argument("--debug", action="store_true", help="log each phase to the standard error output")
    said.add_argument("-V", "--version", nargs=0, action=PrintVersion, help="print the version")
    said.add_argument("-h", "--help", action="help", help="print this help")
    return parser


def run(arguments: Sequence[str]) -> int:
    """Run the command; returns the exit status. LinkError when there is nothing to hand over."""
    signal.signal(signal.SIGALRM, _out_of_time)
    request = make_parser().parse_args(arguments)
    signal.alarm(LIMIT_S)
    try:
        if request.debug:
            from linker import log

            log.enable()
        from linker.xl import bootloader

        bootloader.run(request)
    finally:
        signal.alarm(0)
    return 0


def _out_of_time(*_: object) -> None:
    raise LinkError(
        f"not done after {LIMIT_S} seconds",
        advice="xl waits for 120; the disk is damaged, or its server is too slow",
    )


main = partial(run_command, PROGRAM, run)

if __name__ == "__main__":
    sys.exit(main())
