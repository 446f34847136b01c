"""The kernels the tests here are about, built once a session."""

from __future__ import annotations

import pytest
from linux_kernel import Kernel, build


@pytest.fixture(scope="session", params=["small", "full"])
def kernel(request: pytest.FixtureRequest) -> Kernel:
    """Each configuration in turn."""
    return build(request.param)
