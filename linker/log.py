"""Logs of the phases, on request (`previrt-link --debug`); structlog is slow to import, so only then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linker.errors import printable

if TYPE_CHECKING:
    from collections.abc import Callable

_writers: list[Callable[..., Any]] = []


def enable() -> None:
    """Log to the standard error output from now on."""
    import logging
    import sys

    import structlog

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    _writers[:] = [structlog.get_logger().debug]


def debug(event: str, **fields: object) -> None:
    """Log a phase with its figures; nothing, at the cost of a call, unless enabled."""
    for write in _writers:
        write(event, **{name: printable(str(value)) for name, value in fields.items()})
