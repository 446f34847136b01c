"""Any ia64 code as text, for a person: the simulator knows every instruction, the codec only those that sites hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linker.sites.codec import Line
from linker.sites.ia64.bundles import BUNDLE_LEN
from linker.sites.ia64.isa.decoder import decode_bundle
from linker.sites.ia64.isa.disassembler import instruction_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linker.sites.ia64.isa.decoder import SlotInstruction

NO_OPERATIONS = frozenset({"nop.m", "nop.f", "nop.i", "nop.b", "nop.x"})
LONG_UNITS = "MLX"
BRANCH_FIELDS = ("target25", "target64")


class Ia64Disassembler:
    """See `linker.sites.codec.Disassembler`."""

    def lines(self, code: bytes, va: int) -> Iterator[Line]:
        """One line a slot, the first of a bundle with its bytes and its template; `;;` where a stop is."""
        for offset in range(0, len(code), BUNDLE_LEN):
            held = code[offset : offset + BUNDLE_LEN]
            bundle = decode_bundle(int.from_bytes(held, "little")) if len(held) == BUNDLE_LEN else None
            if bundle is None:
                yield Line(offset, held, "(bad)", False, None)
                continue
            is_long = bundle.units == LONG_UNITS  # an X instruction takes two slots and counts as the first of them
            for slot, instruction in enumerate(bundle.slots):
                if is_long and slot == 1:
                    continue
                text = "(bad)" if instruction is None else instruction_text(instruction, va + offset)
                stop = " ;;" if bundle.stops >> slot & 1 else ""
                head = f"[{bundle.units}]" if slot == 0 else ""
                yield Line(
                    offset + (1 if is_long and slot else slot),
                    held if slot == 0 else b"",
                    f"{head:5} {text}{stop}",
                    instruction is not None and instruction.key in NO_OPERATIONS,
                    _target_va(instruction, va + offset),
                )


def _target_va(instruction: SlotInstruction | None, bundle_va: int) -> int | None:
    if instruction is None:
        return None
    distances = [value for name, value in instruction.ops.items() if name in BRANCH_FIELDS]
    return (bundle_va + distances[0]) % (1 << 64) if distances else None


IA64 = Ia64Disassembler()
