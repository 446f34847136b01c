"""previrt-inspect on Linux 6.1: cheap enough to be asked often, and a map that stays smooth."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from typing import TYPE_CHECKING

from browser import browsing

import previrt
from linker.bind.examine import examined
from linker.inspection.page import make_page

if TYPE_CHECKING:
    from pathlib import Path

    from linux_kernel import Kernel

INSPECT = [sys.executable, "-m", "linker.commands.inspect"]


def cpu_seconds(*arguments: str | Path) -> float:
    """What the command costs, the best of three; not what a loaded machine makes it wait."""
    costs = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*INSPECT, *arguments], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        costs.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(costs)


def test_a_whole_inspection_costs_a_few_starts_of_the_command(kernel: Kernel) -> None:
    """Below a second where the command's own start takes 60 ms."""
    assert cpu_seconds(kernel.vmlinux) < 15 * cpu_seconds("--help")


def test_tables_count_every_record(kernel: Kernel) -> None:
    done = subprocess.run([*INSPECT, kernel.vmlinux, "--json", "-v"], check=True, capture_output=True, text=True)
    said = json.loads(done.stdout)
    assert said["sites"] == len(kernel.sites)
    assert said["room_len"] == sum(end - start for start, end in kernel.sites)
    for kind in ("classes", "sections", "functions"):
        assert sum(row["sites"] for row in said[kind]) == said["sites"]


def test_the_map_is_smooth(kernel: Kernel, tmp_path: Path) -> None:
    """A frame takes a fraction of what the eye notices, all of the kernel in view or a part of it."""
    previrt.link(kernel.vmlinux, "lol", anyway=True, output=tmp_path / "bound")
    with examined(tmp_path / "bound") as examination:
        (tmp_path / "map.html").write_text(make_page(examination))
    with browsing(tmp_path / "map.html", tmp_path / "profile") as browser:
        assert browser.run("return sites.length") == len(kernel.sites)
        for zoom in (1, 8, 60, 1e9):
            frames = browser.run(
                """zoomAt(arguments[0] / view.zoom, 400, 300);
                const timed = () => { const start = performance.now(); paint(); return performance.now() - start; };
                return [...Array(15)].map(timed);
                """,
                zoom,
            )
            assert sorted(frames)[7] < 60, zoom
        assert not browser.errors
