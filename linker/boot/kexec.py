"""`previrt-boot kexec`: a kernel bound in memory and loaded with kexec-tools, for the next `kexec -e`.

kexec(8) puts hashes of what it loads into its purgatory, which compares them before the new kernel runs: so the kernel
is bound before kexec sees it. The bound image is a file in memory that kexec inherits.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from linker.bind.link import link
from linker.errors import LinkError, UsageError
from linker.image.memory_file import memory_file, path_of
from linker.quick.tuples import NamedTuple
from linker.registry import codec_for
from linker.table.read import read_bound_to

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from linker.bind.report import LinkReport

# Options of kexec(8) by ELF machine number. --args-linux hands over boot_params, which Linux's ELF entry looks for.
KINDS = {62: ("--type=elf-x86_64", "--args-linux")}


class KexecRequest(NamedTuple):
    """What to load. `append`: the command line, None for this boot's own. `more`: the user's own options for kexec."""

    program: str
    image: Path
    target: str
    append: str | None
    initrd: Path | None
    more: Sequence[str]


class PreparedKernel(NamedTuple):
    """A bound image in memory and the command that loads it."""

    report: LinkReport
    descriptor: int
    command: list[str]


def prepare(request: KexecRequest) -> PreparedKernel:
    """Bind the image and make the command line; LinkError when it cannot be."""
    machine, bound, _ = read_bound_to(request.image)
    if machine not in KINDS:
        raise LinkError(
            "kexec starts no such image here",
            where=str(request.image),
            found=codec_for(machine).name,
            expected=", ".join(codec_for(known).name for known in KINDS),
        )
    if bound and bound != request.target:
        raise LinkError(f"already bound to {bound}", where=str(request.image), expected="an image as annotated")
    if request.initrd is not None and not request.initrd.is_file():
        raise UsageError("no such initial RAM disk", where=str(request.initrd))
    descriptor = memory_file(request.image.name)
    report = link(request.image, request.target, output=descriptor)
    said = "--reuse-cmdline" if request.append is None else f"--append={request.append}"
    initrd = [] if request.initrd is None else [f"--initrd={request.initrd}"]
    command = [request.program, "-l", *KINDS[machine], said, *initrd, *request.more, path_of(descriptor)]
    return PreparedKernel(report, descriptor, command)


def load(prepared: PreparedKernel) -> None:
    """Run kexec; LinkError when it does not load the image. What was loaded before is then loaded no more."""
    program = prepared.command[0]
    try:
        done = subprocess.run(prepared.command, pass_fds=(prepared.descriptor,), check=False)
    except OSError as error:
        raise UsageError(
            f"cannot run {program}: {error.strerror}", advice="install kexec-tools, or name the program with --kexec"
        ) from None
    finally:
        os.close(prepared.descriptor)
    if done.returncode:
        raise LinkError(f"{program} did not load the image", found=f"status {done.returncode}", expected="0")
