"""Runs the programs that read a disk: partx of util-linux, debugfs of e2fsprogs. Both are on every Debian host."""

from __future__ import annotations

import os
from pathlib import Path

from linker.errors import LinkError
from linker.quick.tuples import NamedTuple

SYSTEM_FOLDERS = ("/usr/sbin", "/sbin", "/usr/bin", "/bin")  # an administrator's path may lack the first two
PACKAGES = {"debugfs": "e2fsprogs", "partx": "util-linux"}


class ToolResult(NamedTuple):
    """Exit status and what was printed; `stdout` is empty where it went to a file."""

    status: int
    stdout: bytes
    stderr: bytes


def run_tool(
    name: str, arguments: list[str], *, keep: int, output: int | None = None, limit: int = 1 << 20
) -> ToolResult:
    """Run a tool that may use the descriptor `keep`. Its output goes to the descriptor `output`, or is returned.

    LinkError where it prints more than `limit` bytes.
    """
    import subprocess

    with os.fdopen(os.memfd_create("complaints"), "rb") as complaints:
        with subprocess.Popen(
            [_program(name), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if output is None else output,
            stderr=complaints,
            pass_fds=(keep,),
            env={"LC_ALL": "C", "DEBUGFS_PAGER": "__none__"},
        ) as process:
            try:
                printed = process.stdout.read(limit + 1) if process.stdout else b""
                if len(printed) > limit:
                    raise LinkError(f"{name} prints too much", expected=f"at most {limit} bytes")
                process.wait()
            except BaseException:
                process.kill()
                raise
        complaints.seek(0)
        return ToolResult(process.returncode, printed, complaints.read(1 << 16))


def _program(name: str) -> str:
    for folder in (*os.environ.get("PATH", "").split(":"), *SYSTEM_FOLDERS):
        if folder and os.access(path := Path(folder, name), os.X_OK):
            return str(path)
    raise LinkError(f"no {name} on this host", advice=f"install {PACKAGES[name]}")
