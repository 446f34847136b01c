"""What all tests share: signals as a terminal gives them, and the ia64 compiler, which takes minutes to build once."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from linux_kernel import Kernel

TOOLCHAIN = Path(__file__).resolve().parents[1] / "fixtures" / "toolchain" / "build.sh"
COMPILER_FIXTURE = "ia64_compiler"

# A shell ignores SIGINT for what it starts in the background, and children would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def ia64_compiler() -> str:
    """PATH with the directory of ia64-linux-gnu-gcc in front. Tests that ask for it run last."""
    done = subprocess.run([TOOLCHAIN], capture_output=True, text=True, check=True)
    return f"{done.stdout.strip()}:{os.environ['PATH']}"


@pytest.fixture(scope="session", params=["small", "full"])
def kernel(request: pytest.FixtureRequest) -> Kernel:
    """Linux for x86-64 in each configuration in turn, built once a session."""
    from linux_kernel import build

    return build(request.param)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests that need the ia64 compiler come last, one behind the other; it is built while the others run."""
    waiting = [item for item in items if COMPILER_FIXTURE in getattr(item, "fixturenames", ())]
    if not waiting:
        return
    for item in waiting:
        item.add_marker(pytest.mark.xdist_group(COMPILER_FIXTURE))
    items[:] = [item for item in items if item not in waiting] + waiting
    if os.environ.get("PYTEST_XDIST_WORKER", "gw0") == "gw0" and not config.option.collectonly:
        # Niced, and ended by nothing but its own end: another run goes on with what it made. build.sh has a lock.
        subprocess.Popen(
            ["nice", TOOLCHAIN],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
