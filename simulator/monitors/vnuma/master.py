"""Node 0: loads the image, starts the other nodes, has the console, and ends the machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, cast

import simulator
from simulator.image import ImageError, load_image
from simulator.machine import Stopped
from simulator.memory import PAGE_LEN
from simulator.monitors import EXIT_LIMIT
from simulator.monitors.vnuma import abi, firmware
from simulator.monitors.vnuma.cluster import MASTER, Cluster
from simulator.monitors.vnuma.node import NodeMachine

if TYPE_CHECKING:
    from simulator.monitors import Settings

MAXIMUM_NODES = 64
_END_S = 10.0


class Workers:
    """The processes of the other nodes."""

    def __init__(self) -> None:
        self.processes: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, nodes: int, directory: Path, memory_len: int, limit: int, loaded: list[tuple[int, int]]) -> None:
        """Start nodes 1 and up."""
        root = str(Path(simulator.__file__).parents[1])
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))}
        for node in range(1, nodes):
            settings = json.dumps(
                {"node": node, "nodes": nodes, "directory": str(directory), "memory_len": memory_len, "limit": limit,
                 "loaded": loaded, "parent": os.getpid()}
            )  # fmt: skip
            command = [sys.executable, "-m", "simulator.monitors.vnuma.worker", settings]
            self.processes[node] = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL)

    def watch(self) -> None:
        """Raise ConnectionError if one has ended: none does before the machine does."""
        for node, process in self.processes.items():
            if process.poll() is not None:
                how = f"signal {-process.returncode}" if process.returncode < 0 else f"status {process.returncode}"
                raise ConnectionError(f"vnuma: node {node} is gone ({how})")

    def end(self, wait_s: float) -> None:
        """Wait for all to end; kill what does not."""
        last_s = time.monotonic() + wait_s
        for process in self.processes.values():
            try:
                process.wait(max(0.0, last_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def run(settings: Settings) -> int:
    """Run the image on a cluster: see `Settings`. Raises ImageError, OSError; ConnectionError if a node is lost."""
    nodes, memory_len = settings.nodes, settings.memory_len
    if not 1 <= nodes <= MAXIMUM_NODES:
        raise ImageError(f"{nodes} nodes, expected 1 to {MAXIMUM_NODES}")
    if memory_len % PAGE_LEN or memory_len < abi.FIRMWARE_PA + abi.FIRMWARE_LEN:
        raise ImageError(f"memory of {memory_len:#x} bytes, expected a multiple of {PAGE_LEN:#x} beyond the firmware")
    workers = Workers()
    with tempfile.TemporaryDirectory(prefix="vnuma-") as directory:
        cluster = Cluster(MASTER, nodes, Path(directory), workers.watch)
        try:
            return _run(settings, cluster, workers, Path(directory))
        finally:
            cluster.close()
            workers.end(0.0)


def _run(settings: Settings, cluster: Cluster, workers: Workers, directory: Path) -> int:
    start_s = time.monotonic()
    machine = NodeMachine(settings.memory_len, cluster)
    machine.put = settings.put
    entry_pa = load_image(machine, settings.image)
    for pa, table in firmware.build(cluster.nodes, settings.memory_len, list(machine.memory.loaded)).items():
        machine.memory.load(pa, table)
    loaded = machine.memory.loaded
    workers.start(cluster.nodes, directory, settings.memory_len, settings.limit, loaded)
    cluster.join(machine, loaded)
    machine.boot(entry_pa, firmware.BOOT_PARAM_PA)
    try:
        machine.run(settings.limit)
        status = EXIT_LIMIT
    except Stopped as stopped:
        status = stopped.status
    statistics = cluster.end_all(status, wait_s=_END_S)
    workers.end(_END_S)
    if settings.report is not None:
        for line in _report(statistics, time.monotonic() - start_s):
            settings.report(line)
    return status


def _report(statistics: dict[int, dict[str, object]], elapsed_s: float) -> list[str]:
    """Lines for a person: each node's instructions, and the messages of all nodes by kind."""
    messages: Counter[str] = Counter()
    lines = []
    for node, one in sorted(statistics.items()):
        messages.update(cast("dict[str, int]", one["messages"]))
        lines.append(
            f"node {node}: {one['instructions']} instructions, {one['emulated']} emulated, "
            f"{one['hypercalls']} hypercalls, {one['bytes']} bytes sent"
        )
    kinds = ", ".join(f"{name.lower().replace('_', ' ')} {count}" for name, count in sorted(messages.items()))
    lines.append(f"messages: {messages.total()}{f' ({kinds})' if kinds else ''}")
    total = sum(cast("int", one["instructions"]) for one in statistics.values())
    lines.append(f"{total} instructions, {total / elapsed_s:.0f} a second")
    return lines
