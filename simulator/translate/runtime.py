"""The names translated runs refer to: registers, memory views, helpers, faults."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator import arithmetic, float_arithmetic, floating
from simulator import registers as reg

if TYPE_CHECKING:
    from simulator.machine import Machine

_ARITHMETIC = (
    "shift_right parallel_add parallel_average parallel_compare parallel_extreme parallel_shift_left "
    "parallel_shift_right parallel_shift_add parallel_multiply_shift parallel_multiply mix unpack pack "
    "sum_of_differences mux1 mux2 zero_index"
).split()
_FLOATING = (
    "from_integer to_integer from_exponent to_exponent from_single to_single from_double to_double from_extended "
    "to_extended from_spilled multiply_add merge logical join_halves convert_from_signed NATVAL"
).split()
_MACHINE = (
    "load store load_speculative load16 store16 compare_exchange compare_exchange16 exchange fetch_add load_float "
    "store_float prefetch"
).split()


def illegal() -> reg.Interruption:
    """Return the Illegal Operation fault."""
    return reg.general_exception(reg.GE_ILLEGAL_OPERATION)


def privileged_operation() -> reg.Interruption:
    """Return the Privileged Operation fault."""
    return reg.general_exception(reg.GE_PRIVILEGED_OPERATION)


def nat_consumption(access: int) -> reg.Interruption:
    """Return the Register NaT Consumption fault; access: isr bits of the reference, or 0."""
    return reg.Interruption(reg.NAT_CONSUMPTION, access | 0x10)


def disabled_fp(which: int) -> reg.Interruption:
    """Return the Disabled Floating-point Register fault; which: 1 the low registers, 2 the high ones."""
    return reg.Interruption(reg.DISABLED_FP_REGISTER, which)


def names(machine: Machine) -> dict[str, object]:
    """Return the global names of the runs of one machine."""
    cpu, memory = machine.cpu, machine.memory
    return {
        "G": cpu.gr, "N": cpu.nat, "P": cpu.pr, "F": cpu.fr, "B": cpu.br, "AR": cpu.ar, "m": machine,
        "M1": memory.ram1, "M2": memory.ram2, "M4": memory.ram4, "M8": memory.ram8,
        "illegal": illegal, "privileged_operation": privileged_operation, "nat_consumption": nat_consumption,
        "disabled_fp": disabled_fp, "addp4": arithmetic.add_pointer4,
        **{name: getattr(arithmetic, name) for name in _ARITHMETIC},
        **{name: getattr(floating, name) for name in _FLOATING},
        "fused": float_arithmetic.fused, "reciprocal": float_arithmetic.reciprocal,
        "convert_to_integer": float_arithmetic.convert_to_integer,
        **{name: getattr(machine, name) for name in _MACHINE},
    }  # fmt: skip
