"""Runs previrt-boot qemu, with a monitor of the test's own beside."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Any

from elftools.elf.elffile import ELFFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
GUEST = ROOT / "fixtures" / "x86_64" / "guest.elf"
TIMEOUT_S = 120
PC = ["-M", "pc", "-accel", "tcg", "-cpu", "max", "-m", "64", "-nic", "none", "-display", "none", "-serial", "stdio"]


def command(*arguments: str | Path, options: tuple[str | Path, ...] = ()) -> list[str]:
    """previrt-boot qemu with QEMU's arguments."""
    words = [sys.executable, "-m", "linker.commands.boot", "qemu", "--target", "bare", *options, "--", *arguments]
    return [str(word) for word in words]


def run(*arguments: str | Path, options: tuple[str | Path, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run to the end."""
    return subprocess.run(
        command(*arguments, options=options),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=TIMEOUT_S,
        check=False,
    )


@contextmanager
def started(*arguments: str | Path, options: tuple[str | Path, ...] = ()) -> Iterator[subprocess.Popen[str]]:
    """Start it; whatever is left at the end is killed, QEMU by its parent's death."""
    with subprocess.Popen(
        command(*arguments, options=options),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as process:
        watchdog = Timer(TIMEOUT_S, process.kill)
        watchdog.start()
        try:
            yield process
        finally:
            watchdog.cancel()
            process.kill()


def wait_for(holds: Callable[[], bool], what: str) -> None:
    """Look again and again; a loaded machine may take long."""
    deadline = time.monotonic() + TIMEOUT_S
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


class Monitor:
    """A QMP monitor of the user's own: `arguments` are for QEMU."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "monitor"
        self.arguments = ["-qmp", f"unix:{self._path},server=on,wait=off"]
        self._socket = socket.socket(socket.AF_UNIX)
        self.events: list[str] = []

    def __enter__(self) -> Monitor:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def __call__(self, name: str, **arguments: object) -> Any:
        """Execute a command; events that came in front of its answer are kept, those with a reason by that."""
        if not hasattr(self, "_lines"):
            wait_for(self._connect, "no monitor")
            self._lines = self._socket.makefile("r")
            self("qmp_capabilities")
        self._socket.sendall(json.dumps({"execute": name, "arguments": arguments}).encode())
        for line in self._lines:
            said = json.loads(line)
            if "event" in said:
                self.events.append(said.get("data", {}).get("reason", said["event"]))
            elif "QMP" not in said:
                return said["return"]
        raise EOFError(name)

    def powered_off(self) -> bool:
        """Whether the guest has gone off since asked last. A reboot looks like it, but for its reason."""
        off = self.status() == "shutdown" and "guest-shutdown" in self.events
        if off:
            self.events.clear()
        return off

    def _connect(self) -> bool:
        return self._socket.connect_ex(str(self._path)) == 0

    def status(self) -> str:
        return str(self("query-status")["status"])

    def memory(self, pa: int, length: int, folder: Path) -> bytes:
        """Guest-physical memory as QEMU sees it."""
        path = folder / "dump"
        self("pmemsave", val=pa, size=length, filename=str(path))
        return path.read_bytes()

    def segments(self, image: Path, folder: Path) -> list[bytes]:
        """What QEMU's memory has where an image's segments belong."""
        return [self.memory(pa, len(data), folder) for pa, data in segments_of(image)]


def segments_of(image: Path) -> list[tuple[int, bytes]]:
    """Physical address and contents of each loaded segment."""
    with image.open("rb") as file:
        return [(segment["p_paddr"], segment.data()) for segment in ELFFile(file).iter_segments("PT_LOAD")]


def bindings(report: Path) -> list[dict[str, Any]]:
    """The lines of a --report."""
    return [json.loads(line) for line in report.read_text().splitlines()] if report.exists() else []


def is_running(pid: int) -> bool:
    """Whether a process is there and no zombie that waits for whoever adopted it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children_of(pid: int) -> list[int]:
    """Processes it started."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
