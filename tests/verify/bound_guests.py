"""The fixture guests bound to every target, made once a run, and bindings that are wrong on purpose."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import previrt
from linker.errors import LinkError
from linker.registry import targets
from linker.verification.prove import prove

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
DIRECTORY = TemporaryDirectory(prefix="previrt-verify-")  # removed when the tests end
ALL = [(arch, target) for target, names in targets().items() for arch in names if (FIXTURES / arch).exists()]


def annotated(arch: str) -> Path:
    return FIXTURES / arch / "guest.elf"


@cache
def bound_guest(arch: str, target: str) -> Path:
    """The fixture guest bound to a target. Not to be changed."""
    output = Path(DIRECTORY.name) / f"{arch}.{target}"
    previrt.link(annotated(arch), target, output=output)
    return output


def is_found(path: Path, original: Path | None = None) -> bool:
    """Whether the static proof sees that something is wrong."""
    try:
        return not prove(path, original=original, run=False).is_proven
    except LinkError as error:
        assert str(error)
        return True
