"""How ia64 images are run: on the simulator, with the monitor of their target below them (docs/simulator.md)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from linker.errors import UsageError

if TYPE_CHECKING:
    from linker.hypervisors.runner import RunRequest

MONITOR_OF = {"bare": "bare", "xen": "xen", "vnuma": "vnuma", "lol": "linux"}
MEBIBYTE = 1 << 20


def command(request: RunRequest) -> list[str]:
    """The command line that runs the image; UsageError where the request asks for what the simulator does not have."""
    for name, given in (
        ("--initrd", request.initrd),
        ("--append", request.command_line),
        ("--console", request.console),
        ("--profile", request.profile),
    ):
        if given:
            raise UsageError(f"{name} is not there for ia64 images", expected="the options --memory and --nodes")
    options = ["--monitor", MONITOR_OF[request.target]]
    if request.memory_len is not None:
        if request.memory_len % MEBIBYTE:
            raise UsageError("memory size is no multiple of 1M", found=f"{request.memory_len} bytes")
        options += ["--memory", str(request.memory_len // MEBIBYTE)]
    if request.nodes is not None:
        if request.target != "vnuma":
            raise UsageError("--nodes is for images bound to vnuma", found=request.target)
        options += ["--nodes", str(request.nodes)]
    if request.statistics:
        options.append("--stats")
    return [sys.executable, "-m", "simulator", *options, str(request.image.absolute())]
