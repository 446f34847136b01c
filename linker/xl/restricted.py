"""The work on what the domain's owner wrote is done by a child process, before anybody else looks at it.

    parent   opens what the work needs, waits, checks what is said, hands over
    child    limits of memory, time, files and their size; with `--runas` no root; no new rights

What the child may still write is what is open: the copies. What it says comes back through a pipe and is checked. When
it ends otherwise, or takes too long, the parent says so and ends it with all that it has started.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING

from linker.errors import LinkError
from linker.registry import binding_for, codec_for
from linker.xl.prepare import FILE_LEN_MAX

if TYPE_CHECKING:
    from collections.abc import Callable

# Linux, include/uapi/linux/prctl.h
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 1, 4, 38
WORK_TAKES = ("hashlib", "subprocess", "linker.bind.link", "linker.xl.choose")
SAID_LEN_MAX = 1 << 24
MEMORY_LEN_MAX = 4 << 30
CPU_LIMIT_S = 100
FILES_MAX = 64
LIMITS = (  # soft and hard: a second more of time, because the first signal says what it is about
    (resource.RLIMIT_CORE, 0, 0),
    (resource.RLIMIT_FSIZE, FILE_LEN_MAX, FILE_LEN_MAX),
    (resource.RLIMIT_AS, MEMORY_LEN_MAX, MEMORY_LEN_MAX),
    (resource.RLIMIT_NOFILE, FILES_MAX, FILES_MAX),
)
LIMITS_SAID = f"at most {MEMORY_LEN_MAX} bytes of memory, {CPU_LIMIT_S} seconds of work, {FILES_MAX} open files"
ADVICE = "look at the domain's disk: what is on it asks for more than a kernel does"


def in_child(work: Callable[[], object], uid: int | None = None) -> object:
    """What `work` returns, as JSON types, done by a child process, as user and group `uid` if that is given.

    LinkError for one that `work` raises, and when the child is ended by a limit.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            os.close(reader)
            os.setpgid(0, 0)
            _give_up(uid)
            said = _work_and_say(work)
            with os.fdopen(writer, "wb") as pipe:
                pipe.write(said)
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    try:
        with suppress(OSError):  # the child has done it, or is gone
            os.setpgid(child, child)
        with os.fdopen(reader, "rb") as pipe:
            said = pipe.read(SAID_LEN_MAX + 1)
    except BaseException:
        _end(child)
        os.waitpid(child, 0)
        raise
    if len(said) > SAID_LEN_MAX:
        _end(child)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    _end(child)  # what it may have started and left; until it is waited for its number is nobody else's
    _, status = os.waitpid(child, 0)
    if len(said) > SAID_LEN_MAX:
        raise LinkError("the process that works on the disk says too much", expected=f"at most {SAID_LEN_MAX} bytes")
    if status:
        if not os.WIFSIGNALED(status):
            raise LinkError("the process that works on the disk failed", found=f"status {status >> 8}")
        how = signal.Signals(os.WTERMSIG(status)).name
        raise LinkError("the work on the disk was ended", found=how, expected=LIMITS_SAID, advice=ADVICE)
    return understood(said)


def _end(child: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    with suppress(ProcessLookupError, PermissionError):
        os.kill(child, signal.SIGKILL)


def load_all(target: str) -> None:
    """Import all that the work takes, as long as everything can be read. (Interface modules are read later.)"""
    for name in WORK_TAKES:
        import_module(name)
    for machine in import_module(f"linker.hypervisors.{target}").BINDINGS:
        binding_for(target, machine)
        codec_for(machine)


def _give_up(uid: int | None) -> None:
    """Rights and resources, for good."""
    libc = ctypes.CDLL(None, use_errno=True)
    for kind, most, last in (*LIMITS, (resource.RLIMIT_CPU, CPU_LIMIT_S, CPU_LIMIT_S + 1)):
        _, hard = resource.getrlimit(kind)
        limits = (most, last) if hard == resource.RLIM_INFINITY else (min(most, hard), min(last, hard))
        resource.setrlimit(kind, limits)
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    # Dumpable, so that its own open files stay within its reach as /proc/self/fd.
    for option, value in ((PR_SET_NO_NEW_PRIVS, 1), (PR_SET_DUMPABLE, 1), (PR_SET_PDEATHSIG, signal.SIGKILL)):
        if libc.prctl(option, int(value), 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl")


def _work_and_say(work: Callable[[], object]) -> bytes:
    try:
        return json.dumps({"done": work()}).encode()
    except LinkError as error:
        return json.dumps({"error": error.to_json()}).encode()
    except MemoryError:
        return json.dumps({"error": {"what": "out of memory", "expected": LIMITS_SAID, "advice": ADVICE}}).encode()


def understood(said: bytes) -> object:
    """What the child says; LinkError when it is nothing that `in_child` lets it say."""
    try:
        answer = json.loads(said)
        if "error" not in answer:
            return answer["done"]
        parts = {name: str(text) for name, text in answer["error"].items()}
        error = LinkError(parts["what"])
        for name in ("where", "found", "expected", "advice", "file"):
            setattr(error, name, parts.get(name, ""))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise LinkError("the work on the disk ended without an answer", found=repr(said[:40])) from None
    raise error
