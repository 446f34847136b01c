"""The kernel a module is bound for: which interface module it carries, and where that is from the kernel's exports.

A module reaches the interface module by a distance from a symbol that it imports anyway, because both are in the
kernel's image and move with it:

    call xen_sti     R_X86_64_PC32   _printk + (xen_sti - _printk) - 4

So nothing is added to what the kernel exports, and a kernel that places itself at random (KASLR) is reached too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linker.errors import LinkError, UsageError, naming
from linker.image.file import open_image
from linker.image.read import read_image
from linker.image.relocations import SHN_UNDEF, Relocatable
from linker.image.windows import offset_of
from linker.plan.check import check_architecture
from linker.plan.place import place, read_module
from linker.quick.tuples import NamedTuple
from linker.sites.reach import fits_signed
from linker.table.read import read_annotations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from linker.hypervisors.base import Binding
    from linker.image.read import Image
    from linker.image.relocations import Symbol
    from linker.image.windows import Bytes
    from linker.plan.place import Module
    from linker.sites.codec import Codec
    from linker.table.read import Annotations

EXPORT_PREFIX = "__ksymtab_"
REACH_BITS = 32


class Kernel(NamedTuple):
    """A bound kernel: `entries` are the interface module's exports, `exports` the kernel's own, both by address."""

    name: str
    module_abi: int
    entries: Mapping[str, int]
    exports: Mapping[str, int]


class Anchor(NamedTuple):
    """A symbol that an object imports from the kernel: its index in the object, and its address in the kernel."""

    symbol: int
    name: str
    va: int


def read_kernel(path: Path, binding: Binding, codec: Codec) -> Kernel:
    """Read a bound kernel; LinkError when it does not carry this interface module."""
    with naming(path), open_image(path) as file:
        image = read_image(file.memory)
        if image.machine != codec.machine:
            raise LinkError(
                "kernel is for another machine", found=f"ELF machine {image.machine}", expected=str(codec.machine)
            )
        if image.is_object:
            raise UsageError("--kernel names an object", where=str(path), expected="the kernel's image, vmlinux")
        check_architecture(image, codec)
        annotations = read_annotations(image, file.memory, codec)
        _check_target(annotations, binding)
        if binding.module is None:
            return Kernel(path.name, 0, {}, {})
        module = read_module(binding.module, codec)
        return Kernel(
            path.name,
            module.abi,
            _entries(module, annotations, image, file.memory),
            _exports(Relocatable(image, file.memory, codec.object_relocations).symbols),
        )


def _check_target(annotations: Annotations, binding: Binding) -> None:
    bound = annotations.bound
    if bound is None or bound.target != binding.target:
        raise LinkError(
            f"kernel is not bound to {binding.target}",
            found=f"bound to {bound.target}" if bound is not None and bound.target else "an image that is not bound",
            advice=f"bind it first: previrt-link --target {binding.target}",
        )


def _entries(module: Module, annotations: Annotations, image: Image, memory: Bytes) -> Mapping[str, int]:
    """Where the module's exports are in the kernel, which must hold the very module that is installed."""
    reserve, bound = annotations.reserve, annotations.bound
    if reserve is None:
        raise LinkError("kernel has no reserve", expected="a note RESERVE", advice="build it with the reserve object")
    again = "bind the kernel again with this previrt-link"
    if bound is not None and bound.module_abi != module.abi:
        raise LinkError(
            "kernel carries another version of the interface module",
            where="note BOUND",
            found=f"ABI {bound.module_abi}",
            expected=f"ABI {module.abi}",
            advice=again,
        )
    placed = place(module, reserve.text_va, reserve.data_va)
    off = offset_of(image.windows, reserve.text_va, len(placed.text))
    if off is None or bytes(memory[off : off + len(placed.text)]) != placed.text:
        raise LinkError(
            "kernel carries another build of the interface module",
            where=f"the reserve's text part at {reserve.text_va:#x}",
            expected=f"{module.name} as it is installed",
            advice=again,
        )
    return placed.symbols


def _exports(symbols: Sequence[Symbol]) -> Mapping[str, int]:
    """What modules may import: names with an entry in the kernel's table."""
    exported = {s.name.removeprefix(EXPORT_PREFIX) for s in symbols if s.name.startswith(EXPORT_PREFIX)}
    return {symbol.name: symbol.value for symbol in symbols if symbol.section != SHN_UNDEF and symbol.name in exported}


def choose_anchor(relocatable: Relocatable, kernel: Kernel) -> Anchor:
    """The import that stands for the kernel's place; LinkError when the object imports nothing from it."""
    highest, lowest = max(kernel.entries.values()), min(kernel.entries.values())
    found = [
        Anchor(index, symbol.name, kernel.exports[symbol.name])
        for index, symbol in enumerate(relocatable.symbols)
        if symbol.section == SHN_UNDEF and symbol.name in kernel.exports
    ]
    near = [
        anchor  # what is per CPU has a number of its own kind for an address
        for anchor in found
        if all(fits_signed(entry - anchor.va, REACH_BITS) for entry in (highest, lowest))
    ]
    if not near:
        raise LinkError(
            "module imports nothing from the kernel, so that it cannot know where the interface module is",
            found=f"no undefined symbol that {kernel.name} exports",
            expected="one at least, such as _printk",
        )
    return min(near, key=lambda anchor: (anchor.name.startswith("__"), anchor.name))
