"""The conversation with a running QEMU: patch, continue, and again after each reset (see `linker.boot.qemu`)."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from qemu.qmp import EventListener, ExecuteError, Message, QMPClient, QMPError

from linker.boot.guest import PhysicalGuest
from linker.boot.qemu_boot import GuestBinding
from linker.errors import LinkError

if TYPE_CHECKING:
    import mmap
    import socket

    from linker.boot.qemu_boot import QemuBoot

EVENTS = ("SHUTDOWN", "RESET", "STOP", "RESUME", "GUEST_PANICKED")
ENDED = "ENDED"  # ours
LOST = (QMPError, EOFError, OSError)  # the ways a conversation with a QEMU that has ended breaks off
RESETS = ("guest-reset", "host-qmp-system-reset")  # ShutdownCause, qapi/run-state.json
HOLE_PA = 0x80000000  # below this a PC's RAM is one piece from 0 on (the lowest: q35 with 2.75 GiB or more)
EXIT_FAILURE = 1  # what QEMU ends with after a panic under `-action panic=exit-failure`


class Session:
    """What happens between QEMU's start and its end. `status`: what the command ends with if QEMU ends with 0."""

    def __init__(self, boot: QemuBoot, memory: mmap.mmap) -> None:
        self.status = 0
        self._boot = boot
        self._memory = memory
        self._resets = 0
        self._runs = not boot.options.stays_paused  # whether the guest would run, were it not for us
        self._guest = _low_guest(boot)
        logging.getLogger("qemu.qmp").addHandler(logging.NullHandler())
        self._qmp = QMPClient("previrt-boot")
        self._events = EventListener(names={*EVENTS, ENDED})

    async def run(self, monitor: socket.socket) -> None:
        """Until QEMU ends; LinkError, with QEMU told to end, when the guest cannot be bound. It has not run then."""
        with suppress(*LOST), self._qmp.listen(self._events):  # QEMU's own message and status say why
            try:
                await self._qmp.connect(monitor)
                await self._require_paused()
                await self._patch(time.perf_counter())
                while True:
                    await self._handle(*await self._next_event())
            except ExecuteError as error:
                raise LinkError("QEMU refuses what previrt-boot asks for", found=str(error)) from None
            except LinkError:
                with suppress(*LOST):
                    await self._qmp.execute("quit")
                raise
            finally:
                with suppress(*LOST):
                    await self._qmp.disconnect()

    async def qemu_ended(self) -> None:
        """Let `run` come to its end."""
        await self._events.put(Message({"event": ENDED}))

    async def _next_event(self) -> tuple[str, dict[str, object]]:
        event = await self._events.get()
        if event["event"] == ENDED:
            raise EOFError
        return str(event["event"]), cast("dict[str, object]", event.get("data", {}))

    async def _handle(self, event: str, data: dict[str, object]) -> None:
        actions = self._boot.options.actions
        if event in ("STOP", "RESUME"):
            self._runs = event == "RESUME"
        elif event == "RESET":  # not ours: somebody's set-action has put back what QEMU does at a reboot
            await self._qmp.execute("stop")
            await self._patch_reset(time.perf_counter(), runs=self._runs)
        elif event == "GUEST_PANICKED" and data.get("action") == "pause" and actions.panic == "shutdown":
            await self._leave(actions.shutdown)
        elif event == "SHUTDOWN" and data.get("reason") in RESETS:
            if actions.reboot == "reset":
                await self._reset(time.perf_counter())
            else:
                await self._leave(actions.shutdown)
        elif event == "SHUTDOWN":
            if data.get("reason") == "guest-panic" and actions.panic == "exit-failure":
                self.status = EXIT_FAILURE
            await self._leave(actions.shutdown)

    async def _leave(self, action: str) -> None:
        """What the guest's power-off means to the user: the end, or a machine that stays as it is."""
        if action != "pause":
            await self._qmp.execute("quit")

    async def _reset(self, began: float) -> None:
        """Reset the machine, which stands still since it asked for it, and bind what QEMU loaded again."""
        runs = self._runs
        await self._qmp.execute("set-action", {"reboot": "reset"})
        await self._qmp.execute("system_reset")
        while (await self._next_event())[0] != "RESET":
            pass
        await self._patch_reset(began, runs=runs)

    async def _patch_reset(self, began: float, *, runs: bool) -> None:
        await self._qmp.execute("set-action", {"reboot": "shutdown"})
        self._runs = runs
        self._resets += 1
        await self._patch(began)

    async def _require_paused(self) -> None:
        status = cast("dict[str, object]", await self._qmp.execute("query-status"))
        if status["running"]:
            raise LinkError("the guest runs already", expected="a machine that was started paused")

    async def _patch(self, began: float) -> None:
        started = time.perf_counter()
        report = self._guest.patch(self._memory)
        ended = time.perf_counter()
        paused_seconds = None
        if self._runs:
            await self._qmp.execute("cont")
            paused_seconds = time.perf_counter() - began
        self._boot.tell(GuestBinding(report, self._resets, ended - started, paused_seconds))


def _low_guest(boot: QemuBoot) -> PhysicalGuest:
    """The kernel, which must lie where an offset into the memory file is a physical address."""
    guest = PhysicalGuest(boot.kernel, boot.target)
    limit_pa = min(HOLE_PA, boot.options.memory_len)
    if guest.end_pa > limit_pa:
        raise LinkError(
            "the kernel does not fit into the machine's low memory",
            where=str(boot.kernel),
            found=f"end at physical address {guest.end_pa:#x}",
            expected=f"up to {limit_pa:#x}",
            advice="give the machine more memory (-m)" if guest.end_pa > boot.options.memory_len else "",
        )
    return guest
