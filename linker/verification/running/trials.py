"""Each distinct form of an image, run a few times and compared with the model.

State lives on from run to run, in the module and in the model: what one site writes, the next that reads it must see.
That is how a virtual flag, register or table is judged: by the bound sites of the same image (readback.py). A trial
that fails, or goes to another privilege level, is taken back.
"""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from itertools import islice
from random import Random
from typing import TYPE_CHECKING

from linker.bind.examine import SiteState
from linker.quick.tuples import NamedTuple
from linker.sites.formats import INFO_PAD_FRONT
from linker.verification.bytes import differences
from linker.verification.entries import CONTROL_OPERAND
from linker.verification.image import shown
from linker.verification.proof import RunCount
from linker.verification.running import cpu as c
from linker.verification.running import world as w
from linker.verification.running.cpu import EmulatedCpu
from linker.verification.running.hosts import HOSTS
from linker.verification.running.inputs import Trial, prepare
from linker.verification.running.machine import EmulatedMachine
from linker.verification.running.model import MODEL, execute
from linker.verification.running.readback import PRIMED_BY, reads, written_msr
from linker.verification.running.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from linker.bind.examine import ExaminedSite
    from linker.sites.codec import Instruction
    from linker.verification.image import BoundImage
    from linker.verification.proof import Failure
    from linker.verification.running.hosts import Host

ROUNDS = 5
SEED = 20261129
# What others need comes first, once; later rounds are in any order.
FIRST = ("lgdt", "lidt", "mov_to_seg", "load_far_pointer", "lret", "ljmp", "iret", "wrmsr", "mov_to_cr", "lldt", "ltr")
SHOWN_DIFFERENCES = 4


class TriedForm(NamedTuple):
    """Sites that differ in the linker's operands alone; one of them is run."""

    class_name: str
    form: str
    site: ExaminedSite


def _keys(form: TriedForm) -> tuple[str, ...]:
    insn = form.site.instruction
    operand = CONTROL_OPERAND.get(form.class_name)
    number = insn.width_bits if operand is None else insn.registers[operand]
    return form.form, form.class_name, f"{form.class_name}/{number}"


class Saved(NamedTuple):
    """What a trial may be taken back to."""

    machine: tuple[object, bytes]
    cpu: dict[str, object]
    scratch: bytes
    bases: dict[int, int]


class TrialTally:
    """What became of one form."""

    def __init__(self) -> None:
        self.runs = 0
        self.why_not = ""
        self.failed = False
        self.can_run = True


def distinct_forms(image: BoundImage) -> list[TriedForm]:
    """One site for each distinct instruction, room and form."""
    forms = []
    sites = image.examination.sites
    for group in image.plan.groups:
        members = [sites[index] for index in group.members if sites[index].state is SiteState.BOUND]
        if members:
            forms.append(TriedForm(group.instruction.class_name, group.form, members[0]))
    return forms


def run_trials(image: BoundImage, rounds: int = ROUNDS) -> tuple[tuple[RunCount, ...], list[Failure]]:
    """Run all forms; StartError when the world they need cannot be made."""
    runner = Runner(image)
    tallies = runner.run(rounds)
    counts: dict[tuple[str, str], tuple[int, int, Counter[str]]] = {}
    for form, tally in tallies:
        number, runs, why = counts.get((form.class_name, form.form), (0, 0, Counter()))
        why.update([tally.why_not] if not tally.runs and not tally.failed else [])
        counts[form.class_name, form.form] = (number + 1, runs + tally.runs, why)
    listed = tuple(RunCount(*key, number, runs, dict(why)) for key, (number, runs, why) in sorted(counts.items()))
    return listed, runner.failures


class Runner:
    """One world and machine, and the model's CPU beside it."""

    def __init__(self, image: BoundImage) -> None:
        self._image = image
        self._host: Host = HOSTS[image.examination.target, image.codec.name]()
        self._world = World(image)
        self._machine = EmulatedMachine(self._world)
        self._cpu = EmulatedCpu(self._world)
        self._random = Random(SEED)  # noqa: S311  # the same trials each time, not a secret
        self._tallies: list[tuple[TriedForm, TrialTally]] = []
        self._take_back = False
        self.failures: list[Failure] = []

    def run(self, rounds: int) -> list[tuple[TriedForm, TrialTally]]:
        """All forms, `rounds` times each."""
        tallies = [(form, TrialTally()) for form in distinct_forms(self._image)]
        self._host.start(self._machine, self._cpu)
        rank = {name: n for n, name in enumerate(FIRST)}
        ordered = sorted(tallies, key=lambda pair: rank.get(pair[0].class_name, len(rank)))
        self._tallies = tallies
        for number in range(rounds):
            if number:
                self._random.shuffle(ordered)
            for form, tally in ordered:
                self._prime(form)
                if self._one(form, tally):
                    self._read_back(form)
        self._compare_all()
        return tallies

    def _find(self, wanted: Callable[[Instruction], bool]) -> tuple[TriedForm, TrialTally] | None:
        """Any form that can be run and is wanted."""
        found = [one for one in self._tallies if one[1].can_run and wanted(one[0].site.instruction)]
        return self._random.choice(found) if found else None

    def _prime(self, form: TriedForm) -> None:
        """Let another site do the contrary."""
        name = PRIMED_BY.get(form.class_name, "")
        primer = self._find(lambda one: one.class_name == name)
        if primer is not None:
            self._one(*primer)

    def _read_back(self, form: TriedForm) -> None:
        """Let another site show what this one wrote."""
        writer = form.site
        msr = written_msr(self._cpu, writer.instruction)
        reader = self._find(lambda one: reads(one, writer.instruction))
        if reader is not None:
            self._one(*reader, msr=msr, behind=f" (behind '{writer.instruction.text}' at {writer.start_va:#x})")

    def _one(self, form: TriedForm, tally: TrialTally, *, msr: int | None = None, behind: str = "") -> bool:
        """One trial; whether it changed the state that the next one finds."""
        if tally.failed:
            return False
        self._run_padding(form, tally)
        why = next((self._host.not_run[key] for key in _keys(form) if key in self._host.not_run), None)
        if why is None and form.class_name not in MODEL:
            why = "the model does not know the instruction"
        if why is not None:
            tally.why_not = why
            tally.can_run = False
            return False
        saved = self._save()
        trial = Trial(self._cpu, self._world, form.site.instruction, self._random)
        trial.msr, trial.may_fault = msr, self._host.takes_exceptions
        why = prepare(trial)
        if why:
            tally.why_not = tally.why_not or why
            self._load(saved)
            return False
        left, wrong = self._try(form)
        if left:
            tally.why_not = tally.why_not or left
        elif wrong:
            tally.failed = True
            tally.can_run = False
            expected = "; ".join(one for one, _ in wrong[:SHOWN_DIFFERENCES])
            found = "; ".join(other for _, other in wrong[:SHOWN_DIFFERENCES])
            self.failures.append(self._image.site_failure("run", form.site, expected, found + behind))
        else:
            tally.runs += 1
            if not self._cpu.cpl and not self._take_back:
                return True
        self._load(saved)  # also from another level: sites belong to ring 0
        return False

    def _try(self, form: TriedForm) -> tuple[str, list[tuple[str, str]]]:
        """Why the run cannot go on; pairs of what was expected and found."""
        cpu, machine, host, site = self._cpu, self._machine, self._host, form.site
        host.about_to_run(machine, cpu)
        machine.set(cpu.regs)
        machine.flags = cpu.flags & host.host_flags | host.real_flags | c.FLAG_ONE
        self._world.touched = []
        try:
            execute(cpu, site.instruction, site.end_va, site.start_va)
        except LookupError as error:
            return f"it reaches memory outside the trial: {error}", []
        self._take_back = cpu.vector is not None and not host.takes_exceptions
        if self._take_back:
            raised = machine.run(site.start_va, site.end_va)
            right = raised.exception == cpu.vector
            return "", [] if right else [(f"exception {cpu.vector}", raised.left or "none")]
        outcome = machine.run(site.start_va, cpu.rip)
        if outcome.left:
            return (outcome.left, []) if outcome.is_exit else ("", [(f"control at {cpu.rip:#x}", outcome.left)])
        return "", list(self._differences(site))

    def _differences(self, site: ExaminedSite) -> Iterator[tuple[str, str]]:
        cpu, machine, world = self._cpu, self._machine, self._world
        for number, (wanted, found) in enumerate(zip(cpu.regs, machine.get(), strict=True)):
            open_bits = cpu.unknown_registers.get(number, 0)
            if (wanted ^ found) & ~open_bits:
                yield f"{c.REGISTERS[number]}={wanted:#x}", f"{c.REGISTERS[number]}={found:#x}"
            cpu.regs[number] = found
        cpu.unknown_flags |= self._loose_flags(site)
        mask = self._host.host_flags & ~cpu.unknown_flags
        if (cpu.flags ^ machine.flags) & mask:
            yield f"flags={cpu.flags & mask:#x}", f"flags={machine.flags & mask:#x}"
        for va, bits in cpu.return_slots:
            returned = int.from_bytes(world.real(va, bits // 8), "little")
            if site.start_va < returned <= site.end_va:
                cpu.write_word(va, bits, returned)
        ranges = [(world.scratch.va, world.scratch.end_va), *world.touched]
        for low, high in ranges:
            yield from self._compare_memory(low, high)
        cpu.flags = cpu.flags & ~self._host.host_flags | machine.flags & self._host.host_flags

    def _loose_flags(self, site: ExaminedSite) -> int:
        """Flags that counting may change: none, or those that nobody reads behind the site."""
        counters = self._image.plan.counters
        return c.ARITHMETIC if counters is not None and site.position in counters.loose else 0

    def _compare_memory(self, low: int, high: int) -> Iterator[tuple[str, str]]:
        """All but what is below the stack pointer, which an interrupt may overwrite, and what the model leaves open."""
        world = self._world
        found = world.real(low, high - low)
        wanted = bytearray(world.read(low, high - low))
        if wanted == found:
            return
        below = (world.at(w.STACK_OFF), self._cpu.regs[c.RSP])
        for first, end in (below, *self._cpu.unknown_memory):
            part = slice(max(first - low, 0), max(min(end, high) - low, 0))
            wanted[part] = found[part]
        world.put(low, found)
        for first, end in islice(differences(wanted, found), 1):
            where = f"memory at {low + first:#x}"
            yield f"{where}: {shown(wanted[first:end])}", f"{where}: {shown(found[first:end])}"

    def _run_padding(self, form: TriedForm, tally: TrialTally) -> None:
        """Of a native form: what stands around the instruction changes nothing."""
        site = form.site
        if form.form != "native" or tally.runs:
            return
        length = len(site.instruction.code)
        front = bool(site.flags & INFO_PAD_FRONT)
        low, high = (site.start_va, site.end_va - length) if front else (site.start_va + length, site.end_va)
        held = site.present[-length:] if front else site.present[:length]
        if low == high or held != site.instruction.code:  # no padding; or the site counts, and the rest is elsewhere
            return
        before = [self._random.getrandbits(64) for _ in range(15)]
        regs = [*before[:4], self._world.at(w.STACK_MIDDLE_OFF), *before[4:]]
        flags = self._random.getrandbits(12) & (c.ARITHMETIC | c.DF) | self._host.real_flags | c.FLAG_ONE
        self._machine.set(regs)
        self._machine.flags = flags
        outcome = self._machine.run(low, high)
        if outcome.left or self._machine.get() != regs or (self._machine.flags ^ flags) & ~self._loose_flags(site):
            found = outcome.left or "registers or flags changed"
            self.failures.append(self._image.site_failure("run", site, "padding that does nothing", found))

    def _compare_all(self) -> None:
        """In the end nothing else of the guest's memory has changed."""
        reserve = self._image.reserve
        own = [] if reserve is None else [(reserve.text_va, reserve.text_len), (reserve.data_va, reserve.data_len)]
        for area in self._world.areas:
            real = self._world.ram[area.pa : area.pa + len(area.shadow)]
            if real == bytes(area.shadow) or area is self._world.scratch:
                continue
            for n, (one, other) in enumerate(zip(area.shadow, real, strict=True)):
                va = area.va + n
                if one != other and not any(low <= va < low + length for low, length in own):
                    wanted, found = f"{one:#04x} as before", f"{other:#04x}"
                    self.failures.append(self._image.failure("run", "memory", va=va, expected=wanted, found=found))
                    break

    def _save(self) -> Saved:
        cpu = {name: deepcopy(value) for name, value in vars(self._cpu).items() if name != "memory"}
        return Saved(self._machine.save(), cpu, bytes(self._world.scratch.shadow), dict(self._host.bases))

    def _load(self, saved: Saved) -> None:
        self._machine.load(saved.machine)
        vars(self._cpu).update(saved.cpu)
        self._world.put(self._world.scratch.va, saved.scratch)
        self._host.bases.update(saved.bases)
