"""Interval timers of a process, counted in the simulator's cycles.

Source: Linux 6.1, kernel/time/{itimer,posix-timers}.c.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from simulator.monitors.linux import abi
from simulator.monitors.linux.signals import SignalInfo

NEVER = 1 << 62


@dataclass
class Timer:
    """One timer. cycle: when it next expires; interval: cycles between expiries, 0 for one; value: sigev_value."""

    signal: int
    identity: int | None = None
    value: int = 0
    cycle: int = NEVER
    interval: int = 0

    def info(self) -> SignalInfo:
        """What its signal says: setitimer's comes from the kernel, a POSIX timer's names the timer."""
        if self.identity is None:
            return SignalInfo(self.signal, abi.SI_KERNEL)
        return SignalInfo(self.signal, abi.SI_TIMER, struct.pack("<iiQ", self.identity, 0, self.value))


class Timers:
    """All timers; number -1 is setitimer's ITIMER_REAL."""

    def __init__(self) -> None:
        self.timers: dict[int, Timer] = {-1: Timer(abi.SIGALRM)}

    def next_cycle(self) -> int:
        """Return when the next timer expires."""
        return min(timer.cycle for timer in self.timers.values())

    def expire(self, cycle: int) -> list[SignalInfo]:
        """Return the signals of the timers that have expired, and start those with an interval again."""
        due = [timer for timer in self.timers.values() if timer.cycle <= cycle]
        for timer in due:
            if timer.interval:
                timer.cycle += timer.interval * ((cycle - timer.cycle) // timer.interval + 1)
            else:
                timer.cycle = NEVER
        return [timer.info() for timer in due]

    def create(self, signal: int, value: int | None) -> int:
        """timer_create: return the number."""
        number = next(number for number in range(len(self.timers) + 1) if number not in self.timers)
        self.timers[number] = Timer(signal, number, number if value is None else value)
        return number
