"""No monitor: the machine itself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from simulator import ssc
from simulator.image import load_image
from simulator.machine import Machine, Stopped
from simulator.monitors import EXIT_LIMIT
from simulator.uart import Uart

if TYPE_CHECKING:
    from simulator.monitors import Settings


def run(settings: Settings) -> int:
    """Run the image on the machine: see `Settings`. Raises ImageError, OSError."""
    machine = Machine(settings.memory_len)
    ssc.attach(machine, settings.put)
    machine.memory.devices.append(Uart(settings.put))
    load_image(machine, settings.image)
    return run_machine(machine, settings)


def run_machine(machine: Machine, settings: Settings) -> int:
    """Run a machine that is loaded to its end or to the limit; return the exit status."""
    start_s = time.monotonic()
    try:
        machine.run(settings.limit)
        status = EXIT_LIMIT
    except Stopped as stopped:
        status = stopped.status
    if settings.report is not None:
        elapsed_s = time.monotonic() - start_s
        settings.report(f"{machine.cycles} instructions, {machine.cycles / elapsed_s:.0f} a second")
    return status
