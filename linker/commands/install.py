"""`previrt-install`: bound siblings of a kernel when the system installs it, gone when the system removes it.

What it says goes to the standard error output: a hook's standard output may belong to debconf.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from linker.commands.entry import EXIT_FAILED, EXIT_USAGE, run_command
from linker.commands.options import AUTO, Parser, PrintVersion
from linker.commands.say import warn
from linker.errors import LinkError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

PROGRAM = "previrt-install"


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = Parser(
        prog=PROGRAM,
        description="Give an installed kernel bound siblings and boot entries naming them. An annotated kernel gets "
        "one for each target of the configuration file; the hooks that setup writes call the other commands.",
        epilog="Exit status: 0 done or nothing to do, 1 a sibling could not be made (what was there before still is), "
        "2 wrong usage.",
    )
    parser.add_argument("--root", type=Path, default=Path("/"), metavar="DIR", help="the system below DIR, not /")
    parser.add_argument("--config", type=Path, metavar="FILE", help="configuration (default: /etc/previrt.toml)")
    parser.add_argument(
        "-t",
        "--target",
        action="append",
        metavar="TARGET",
        help="bind to this one, not those configured; repeatable",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="say only what went wrong")
    parser.add_argument("-V", "--version", nargs=0, action=PrintVersion, help="print the version")
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True)
    commands.add_parser(
        "setup", help="write the hooks of kernel-install, of Debian's kernel packages and of grub-mkconfig"
    )
    commands.add_parser("undo-setup", help="remove those hooks")
    plugin = commands.add_parser("kernel-install", help="what a plugin of kernel-install(8) does")
    plugin.add_argument("arguments", nargs="+", metavar="ARGUMENT", help="add|remove VERSION ENTRY-DIR [IMAGE ...]")
    for step, what in (("postinst", "is installed"), ("postrm", "is removed")):
        hook = commands.add_parser(step, help=f"what a Debian hook does when a kernel {what}")
        hook.add_argument("version", metavar="VERSION", help="as uname -r prints it")
        hook.add_argument("image", nargs="?", type=Path, metavar="IMAGE", help="the kernel's image")
    return parser


def run(arguments: Sequence[str]) -> int:
    """Run the command; returns the exit status. LinkError when it cannot be done."""
    request = make_parser().parse_args(arguments)
    failures = _do(request)
    for failure in failures:
        warn(PROGRAM, failure)
    if not failures:
        return 0
    return EXIT_USAGE if all(isinstance(failure, UsageError) for failure in failures) else EXIT_FAILED


def _do(request: argparse.Namespace) -> list[LinkError]:
    def say(what: str) -> None:
        if not request.quiet:
            warn(PROGRAM, what)

    if request.command in ("setup", "undo-setup"):
        from linker.install import setup

        if request.command == "setup":
            setup.put(request.root, setup.this_command(), say)
        else:
            setup.take_away(request.root, say)
        return []
    if request.command == "kernel-install":
        from linker.install import kernel_install

        return kernel_install.run(kernel_install.read_call(request.arguments), lambda: _targets(request), say)
    from linker.install import debian

    call = debian.read_call(request.command, request.version, request.image, request.root)
    return debian.run(call, lambda: _targets(request), say)


def _targets(request: argparse.Namespace) -> tuple[str, ...]:
    from linker.commands.config import read_config
    from linker.commands.running_on import target_here
    from linker.registry import targets

    for target in request.target or ():
        if target != AUTO and target not in targets():
            raise UsageError(f"unknown target '{target}'", expected=", ".join((*targets(), AUTO)))
    config = read_config(request.config, request.root)
    asked = request.target or config.words("install.targets")
    return tuple(dict.fromkeys(target_here(config).target if target == AUTO else target for target in asked))


main = partial(run_command, PROGRAM, run)

if __name__ == "__main__":
    sys.exit(main())
