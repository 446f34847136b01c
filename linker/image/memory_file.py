"""A file without a name, in memory: gone when the last process that has it open is."""

from __future__ import annotations

import errno
import os

from linker.errors import LinkError

MFD_EXEC = 0x10  # linux/memfd.h, since 6.3: says what older kernels take for granted


def memory_file(name: str) -> int:
    """Descriptor of an empty one, closed on exec. `name` is seen in /proc; such files can be executed."""
    for flags in (os.MFD_CLOEXEC | MFD_EXEC, os.MFD_CLOEXEC):
        try:
            return os.memfd_create(name, flags)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise LinkError(
                    f"cannot make a file in memory: {error.strerror}",
                    advice="sysctl vm.memfd_noexec must be 0 or 1" if error.errno == errno.EACCES else "",
                ) from None
    raise LinkError("cannot make a file in memory", found=f"a name of {len(name)} bytes", expected="up to 249")


def path_of(descriptor: int) -> str:
    """Where this process, and a child that has inherited it, finds an open file by name."""
    return f"/proc/self/fd/{descriptor}"
