"""What is supported: architectures and targets are folders, found by looking."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

from linker.errors import LinkError, UsageError

if TYPE_CHECKING:
    from linker.hypervisors.base import Binding
    from linker.sites.codec import Codec, Disassembler, Sweep

HERE = Path(__file__).parent


def _folders(package: str) -> tuple[str, ...]:
    return tuple(sorted(path.parent.name for path in (HERE / package).glob("*/__init__.py")))


def _load(reference: str) -> object:
    module, _, attribute = reference.partition(":")
    return getattr(import_module(module), attribute)


@cache
def architectures() -> dict[int, tuple[str, str]]:
    """ELF machine number -> (name, reference to the codec)."""
    found: dict[int, tuple[str, str]] = {}
    for name in _folders("sites"):
        package = import_module(f"linker.sites.{name}")
        if package.MACHINE in found:
            raise ValueError(f"linker/sites: {name} and {found[package.MACHINE][0]} are both machine {package.MACHINE}")
        found[package.MACHINE] = (name, package.CODEC)
    return found


@cache
def codec_for(machine: int) -> Codec:
    """The codec of an ELF machine number; LinkError naming what is supported."""
    known = architectures()
    if machine not in known:
        raise LinkError(
            "architecture is not supported",
            found=f"ELF machine {machine}",
            expected=" or ".join(f"{number} ({name})" for number, (name, _) in sorted(known.items())),
        )
    return cast("Codec", _load(known[machine][1]))


def disassembler_for(machine: int) -> Disassembler:
    """The disassembler of an ELF machine number that has a codec."""
    name, _ = architectures()[machine]
    return cast("Disassembler", _load(import_module(f"linker.sites.{name}").DISASSEMBLER))


def sweep_for(machine: int) -> Sweep:
    """What looks for sensitive instructions in any code of an ELF machine number that has a codec."""
    name, _ = architectures()[machine]
    return cast("Sweep", _load(import_module(f"linker.sites.{name}").SWEEP))


@cache
def targets() -> dict[str, tuple[str, ...]]:
    """Target -> names of the architectures it can be bound on. A folder without `BINDINGS` is no target."""
    names = {machine: name for machine, (name, _) in architectures().items()}
    bindings = {
        name: getattr(import_module(f"linker.hypervisors.{name}"), "BINDINGS", None) for name in _folders("hypervisors")
    }
    return {
        target: tuple(sorted(map(names.__getitem__, found))) for target, found in bindings.items() if found is not None
    }


def binding_for(target: str, machine: int) -> Binding:
    """The binding of a target on an architecture; UsageError naming what is supported."""
    known = targets()
    if target not in known:
        raise UsageError(
            f"unknown target '{target}'", expected=", ".join(known) or "none is installed", advice="see --list-targets"
        )
    bindings = import_module(f"linker.hypervisors.{target}").BINDINGS
    if machine not in bindings:
        name = architectures().get(machine, (f"ELF machine {machine}", ""))[0]
        others = ", ".join(other for other, names in known.items() if name in names)
        raise UsageError(
            f"target '{target}' does not support {name}",
            expected=", ".join(known[target]),
            advice=f"{name} can be bound to {others}",
        )
    return cast("Binding", _load(bindings[machine]))
