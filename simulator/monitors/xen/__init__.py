"""Xen/ia64 4.1 with a paravirtualized dom0, as the guest sees it: docs/xen-ia64.md says what is modelled and how."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.monitors import Settings


def run(settings: Settings) -> int:
    """Boot the image as dom0's kernel: see `Settings`. Raises ImageError, OSError."""
    from simulator.monitors.bare import run_machine
    from simulator.monitors.xen.monitor import XenMachine

    xen = XenMachine(settings.memory_len, settings.put)
    xen.start(settings.image)
    status = run_machine(xen, settings)
    if settings.report is not None:
        for (kind, name), number in sorted(xen.counts.items()):
            settings.report(f"{kind} {name}: {number}")
    return status
