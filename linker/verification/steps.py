"""Code as the proof reads it: one step an instruction on x86, one a bundle on ia64."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from linker.errors import LinkError
from linker.quick.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CALL, JUMP, CONDITIONAL, LEAVE = "call", "jump", "conditional", "leave"


class Step(NamedTuple):
    """One instruction, or bundle.

    offset      in the code read
    code        its bytes
    text        for a person
    branch      CALL, JUMP (always taken), CONDITIONAL, LEAVE (a return or anything else that goes elsewhere), or empty
    target_va   where a direct branch leads
    memory_va   address of a memory operand without registers
    immediate   operand, as an unsigned number of its instruction's width
    register    encoding number of the general register that is the first operand
    mnemonic    "mov", ...
    """

    offset: int
    code: bytes
    text: str
    is_nop: bool = False
    branch: str = ""
    target_va: int | None = None
    memory_va: int | None = None
    immediate: int | None = None
    register: int | None = None
    mnemonic: str = ""

    @property
    def end_off(self) -> int:
        """The offset behind it."""
        return self.offset + len(self.code)


READERS = {
    "x86_64": "linker.verification.read_x86:read_64",
    "i386": "linker.verification.read_x86:read_32",
    "ia64": "linker.verification.read_ia64:read",
}


def reader_for(architecture: str) -> Callable[[bytes, int], Iterator[Step]]:
    """The function that reads code at an address; its LinkError says that bytes do not decode."""
    if architecture not in READERS:
        raise LinkError(f"previrt-verify does not read {architecture}", expected=", ".join(READERS))
    module, _, function = READERS[architecture].partition(":")
    return cast("Callable[[bytes, int], Iterator[Step]]", getattr(import_module(module), function))
