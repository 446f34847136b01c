"""`--runas`: the work is done by a child process that has given up root, before it looks at anything of the domain's.

What it may still write is what is open: the copies. What it says comes back through a pipe and is checked.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
from importlib import import_module
from typing import TYPE_CHECKING, Any

from linker.errors import LinkError
from linker.registry import binding_for, codec_for
from linker.xl.prepare import FILE_LEN_MAX, PreparedDomain, prepare

if TYPE_CHECKING:
    from linker.xl.prepare import Task

# Linux, include/uapi/linux/prctl.h
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 1, 4, 38
WORK_TAKES = ("subprocess", "linker.bind.link", "linker.xl.choose")
SAID_LEN_MAX = 1 << 20
MEMORY_LEN_MAX = 4 << 30
CPU_LIMIT_S = 120


def prepare_as(uid: int, task: Task) -> PreparedDomain:
    """`prepare`, as user and group `uid`."""
    load_all(task.target)
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            os.close(reader)
            _give_up_root(uid)
            said = _prepare_and_say(task)
            with os.fdopen(writer, "wb") as pipe:
                pipe.write(said)
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    try:
        with os.fdopen(reader, "rb") as pipe:
            said = pipe.read(SAID_LEN_MAX + 1)
    except BaseException:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    _, status = os.waitpid(child, 0)
    if status or len(said) > SAID_LEN_MAX:
        raise LinkError(f"the process of user {uid} failed", found=f"wait status {status:#x}")
    return _understood(json.loads(said))


def load_all(target: str) -> None:
    """Import all that the work takes, as long as everything can be read. (Interface modules are read later.)"""
    for name in WORK_TAKES:
        import_module(name)
    for machine in import_module(f"linker.hypervisors.{target}").BINDINGS:
        binding_for(target, machine)
        codec_for(machine)


def _give_up_root(uid: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_LEN_MAX, FILE_LEN_MAX))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LEN_MAX, MEMORY_LEN_MAX))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT_S, CPU_LIMIT_S))
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    # Dumpable, so that its own open files stay within its reach as /proc/self/fd.
    for option, value in ((PR_SET_NO_NEW_PRIVS, 1), (PR_SET_DUMPABLE, 1), (PR_SET_PDEATHSIG, signal.SIGKILL)):
        if libc.prctl(option, int(value), 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl")


def _prepare_and_say(task: Task) -> bytes:
    try:
        said: dict[str, object] = {"prepared": prepare(task)._asdict()}
    except LinkError as error:
        said = {"error": error.to_json()}
    return json.dumps(said).encode()


def _understood(said: Any) -> PreparedDomain:
    if "error" in said:
        error = {name: str(text) for name, text in said["error"].items()}
        mistake = LinkError(error.pop("what"))
        vars(mistake).update(error)
        raise mistake
    fields = said["prepared"]
    return PreparedDomain(str(fields["kernel"]), str(fields["ramdisk"]), str(fields["args"]), bool(fields["bound"]))
