"""Monitors that bound guests run on: each models one hypervisor's published behaviour. To add one, add a module here.

MONITORS: name -> "module:function". The function runs an image to its end: it takes `Settings` and returns the exit
status. A monitor is a subclass of `Machine` that overrides `deliver`, which the machine calls for every interruption.
It knows the hypervisor's interface and nothing of the guest, of annotation sites or of the interface modules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MONITORS = {
    "bare": "simulator.monitors.bare:run",
    "linux": "simulator.monitors.linux.process:run",
    "vnuma": "simulator.monitors.vnuma.master:run",
    "xen": "simulator.monitors.xen:run",
}


class Settings(NamedTuple):
    """What to run and on what. put: takes what the guest writes to its console.

    memory_len: bytes of RAM. limit: instructions after which the run ends with `EXIT_LIMIT`. nodes: of a cluster.
    report: takes a line of statistics at the end, None if nobody asked.
    """

    image: Path
    put: Callable[[bytes], object]
    memory_len: int = 256 << 20
    limit: int = 1 << 62
    nodes: int = 1
    report: Callable[[str], object] | None = None


EXIT_BAD_IMAGE = 1
EXIT_LIMIT = 124
