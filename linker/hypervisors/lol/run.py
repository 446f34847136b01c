"""How a LoL image is run: it is an executable itself; this makes its argument vector (`src-x86_64/start.c`)."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING

from linker.errors import LinkError, UsageError
from linker.table.read import read_bound_to

if TYPE_CHECKING:
    from linker.hypervisors.runner import RunRequest

MINIMUM_MEMORY, MAXIMUM_MEMORY = 16 << 20, 16 << 30  # start.c, parse_size()


def command(request: RunRequest) -> list[str]:
    """The command line that runs the image; LinkError where this machine or the request does not fit."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise LinkError(
            "LoL images run on their own architecture's Linux",
            found=f"{platform.system()} on {platform.machine()}",
            expected="Linux on x86_64",
        )
    if not os.access(request.image, os.X_OK):
        raise LinkError("image is not executable", where=str(request.image), advice=f"chmod +x {request.image}")
    if request.nodes is not None:
        raise UsageError("--nodes is for images bound to vnuma", found=request.target)
    if request.profile is not None and not read_bound_to(request.image).counts:
        raise UsageError(
            "--profile is for images whose sites count their runs",
            where=str(request.image),
            advice="bind it with previrt-link --count",
        )
    options = ["-s"] if request.statistics else []
    if request.memory_len is not None:
        if not MINIMUM_MEMORY <= request.memory_len <= MAXIMUM_MEMORY:
            raise UsageError("memory size out of range", found=f"{request.memory_len} bytes", expected="16M to 16G")
        options += ["-m", f"{request.memory_len >> 20}M"]
    for letter, path in (("-i", request.initrd), ("-o", request.console), ("-p", request.profile)):
        if path is not None:
            options += [letter, str(path)]
    return [str(request.image.absolute()), *options, "--", *request.command_line.split()]
