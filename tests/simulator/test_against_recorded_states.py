"""Random programs against the register states another simulator recorded after every instruction.

Each file of data/ holds one program (memory contents, entry) and, for each step, the registers that changed; null means
the register's contents are no longer defined. How the files came about: docs/simulator.md.
"""

import json
from pathlib import Path

import pytest

from simulator.cpu import Cpu
from simulator.machine import Machine

DATA = sorted((Path(__file__).parent / "data").glob("*.json"))


def present_value(cpu: Cpu, name: str) -> int:
    """Return a register's value under the name the data use."""
    kind = name.rstrip("0123456789")
    number = int(name[len(kind) :] or "0")
    match kind:
        case "ip":
            return cpu.ip & -16 | (cpu.ip & 3) << 2
        case "psr" | "cfm":
            return int(getattr(cpu, kind))
        case "pr":
            return cpu.predicates()
        case "r":
            return cpu.gr[cpu.index(number)]
        case "nat":
            return cpu.nat[cpu.index(number)]
        case "ar" if number in {17, 18}:
            return cpu.rse.bsp_va if number == 17 else cpu.rse.bspstore_va
        case _:
            table = {"bank": cpu.bank, "b": cpu.br, "ar": cpu.ar, "cr": cpu.cr, "rr": cpu.rr, "f": cpu.fr}[kind]
            return table[number]


@pytest.mark.parametrize("path", DATA, ids=lambda path: path.stem)
def test_every_step_leaves_the_recorded_registers(path: Path) -> None:
    program = json.loads(path.read_text())
    machine = Machine(16 << 20)
    for address, contents in program["memory"].items():
        machine.memory.load(int(address, 16), bytes.fromhex(contents))
    cpu = machine.cpu
    cpu.ip = program["entry"]
    cpu.ar[40] = 0  # as the recording started
    expected: dict[str, int] = {}
    for number, step in enumerate(program["steps"]):
        before = cpu.ip
        machine.step()
        for name, value in step.items():
            if value is None:
                del expected[name]
            else:
                expected[name] = int(value, 16)
        wrong = [
            f"{name}: expected {value:#x}, found {present_value(cpu, name):#x}"
            for name, value in expected.items()
            if present_value(cpu, name) != value
        ]
        assert not wrong, f"step {number}, ip {before:#x}: {wrong[:8]}"


def test_there_are_programs_of_every_kind() -> None:
    assert {path.stem.partition("-")[0] for path in DATA} == {"alu", "flt", "mem", "nat", "rot", "rse", "sys"}
