"""Every branch of a site leads to an entry of the module that serves the site's class, itself or through a stub.

    site  e8 rel32                       call stub
    stub  48 c7 05 rel32 imm32           movq $row, lol_row      the row must be that of the site's instruction
          e9 rel32                       jmp lol_emulate_call    the entry that works called sites

On ia64 a stub comes back to the end of its own site, and may call entries of the module before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linker.errors import LinkError
from linker.hypervisors.shared.x86_64_rows import ROW, ROW_FIELDS
from linker.quick.tuples import NamedTuple
from linker.verification.entries import CONTROL_OPERAND
from linker.verification.steps import JUMP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from linker.bind.examine import ExaminedSite
    from linker.sites.codec import Instruction
    from linker.verification.entries import Serving
    from linker.verification.image import BoundImage
    from linker.verification.proof import Failure
    from linker.verification.steps import Step

HALF_LEN, HALF_MASK = 4, 0xFFFFFFFF
LONGEST_STUB_LEN = 4096


class ReadStub(NamedTuple):
    """A stub decoded and followed.

    sets     address of a word -> number the stub puts there
    reached  branches on the way: address, how
    end_va   where the last branch leads, None where none was found
    """

    sets: Mapping[int, int]
    reached: tuple[tuple[int, str], ...]
    end_va: int | None
    text: str


class Branches:
    """Follows branches; stubs are read once each."""

    def __init__(
        self, image: BoundImage, serving: Serving | None, read: Callable[[bytes, int], Iterator[Step]]
    ) -> None:
        """`serving` None: what the binding says of entries is believed."""
        self._image = image
        self._serving = serving
        self._read = read
        self._stubs: dict[int, ReadStub] = {}
        self.followed = 0
        self.direct = 0

    @property
    def stub_count(self) -> int:
        """Stubs that were read."""
        return len(self._stubs)

    def check(self, site: ExaminedSite, steps: Sequence[Step]) -> Iterator[Failure]:
        """What is wrong with where a site's branches lead."""
        for step in steps:
            if step.target_va is None:
                continue
            names = self._image.names.get(step.target_va)
            if names is not None:
                self.direct += 1
                wanted = self._direct(site)
                if not wanted.intersection(names):
                    yield self._failure(site, f"a branch to {_words(wanted)}", f"{step.text}, which is {names[0]}")
            elif self._in_stubs(step.target_va):
                self.followed += 1
                yield from self._check_stub(site, step.target_va)
            else:
                yield self._failure(site, "a branch to an entry of the module or a stub", step.text)

    def _in_stubs(self, va: int) -> bool:
        reserve, placed = self._image.reserve, self._image.placed
        if reserve is None or placed is None:
            return False
        return reserve.text_va + len(placed.text) <= va < reserve.text_va + reserve.text_len

    def _check_stub(self, site: ExaminedSite, va: int) -> Iterator[Failure]:
        stub = self._stubs.get(va) or self._follow(va)
        self._stubs[va] = stub
        if stub.end_va is None:
            yield self._failure(site, "a stub that ends in a branch", f"at {va:#x}: {stub.text}")
            return
        for reached_va, how in stub.reached:
            names = self._image.names.get(reached_va, ())
            wanted = self._called(site)
            if not wanted.intersection(names):
                found = names[0] if names else f"{reached_va:#x}"
                yield self._failure(site, f"a stub that uses {_words(wanted)}", f"a {how} to {found}")
        if stub.end_va != site.end_va:
            names = self._image.names.get(stub.end_va, ())
            wanted = self._behind(site)
            if not wanted.intersection(names):
                found = names[0] if names else f"{stub.end_va:#x}"
                expected = _words(wanted) if wanted else f"the end of the site, {site.end_va:#x}"
                yield self._failure(site, f"a stub that ends in a branch to {expected}", f"one to {found}")
        yield from self._check_words(site, stub)

    def _check_words(self, site: ExaminedSite, stub: ReadStub) -> Iterator[Failure]:
        """What the stub tells the module: the row of the instruction, the address of the site."""
        wanted = set(self._serving.tells.get(site.form, ())) if self._serving is not None else set()
        for va, number in stub.sets.items():
            names = self._image.names.get(va, ())
            wanted.difference_update(names)
            if "lol_site_start" in names and number != site.start_va:
                yield self._failure(site, f"a stub that says the site is at {site.start_va:#x}", f"{number:#x}")
            elif "lol_row" in names:
                problem = row_problem(self._image, number, site.instruction)
                if problem:
                    yield self._failure(site, f"a stub with the row of '{site.instruction.text}'", problem)
            elif not names:
                yield self._failure(site, "a stub that writes words of the module", f"a write to {va:#x}")
        for name in sorted(wanted):
            yield self._failure(site, f"a stub that sets {name}", stub.text)

    def _follow(self, va: int) -> ReadStub:
        """Read a stub up to the branch that ends it; one to an entry that comes back does not."""
        reserve = self._image.reserve
        room_len = 0 if reserve is None else reserve.text_va + reserve.text_len - va
        code = self._image.present_at(va, min(LONGEST_STUB_LEN, room_len)) or b""
        return self._read_stub(code, va)

    def _read_stub(self, code: bytes, va: int) -> ReadStub:
        sets: dict[int, int] = {}
        reached: list[tuple[int, str]] = []
        texts: list[str] = []
        called = {self._image.exports.get(name) for name in self._all_called()}
        for step in self._steps(code, va):
            texts.append(step.text)
            if step.memory_va is not None and step.immediate is not None and step.mnemonic == "mov":
                _set(sets, step.memory_va, step.immediate)
            if step.target_va is None:
                if step.branch:
                    break
            elif step.branch == JUMP and step.target_va not in called:
                return ReadStub(sets, tuple(reached), step.target_va, "; ".join(texts))
            else:
                reached.append((step.target_va, step.branch))
        return ReadStub(sets, tuple(reached), None, "; ".join(texts[:4]) or "no code")

    def _steps(self, code: bytes, va: int) -> Iterator[Step]:
        """Instructions one by one: what is behind the end of the stub need not decode."""
        try:
            yield from self._read(code, va)
        except LinkError:
            return

    # ---- which entries ----

    def _keys(self, site: ExaminedSite) -> tuple[str, str]:
        insn = site.instruction
        operand = CONTROL_OPERAND.get(insn.class_name)
        number = insn.width_bits if operand is None else insn.registers[operand]
        return f"{insn.class_name}/{number}", insn.class_name

    def _direct(self, site: ExaminedSite) -> set[str]:
        if self._serving is None:
            return self._said(site)
        return {self._serving.direct[key] for key in self._keys(site) if key in self._serving.direct}

    def _called(self, site: ExaminedSite) -> set[str]:
        if self._serving is None:
            return self._said(site)
        return {self._serving.called[key] for key in self._keys(site) if key in self._serving.called}

    def _all_called(self) -> set[str]:
        if self._serving is None:
            return set()
        return set(self._serving.called.values()) - set(self._serving.behind.values())

    def _behind(self, site: ExaminedSite) -> set[str]:
        if self._serving is None:
            return self._said(site)
        return {self._serving.behind[site.form]} if site.form in self._serving.behind else set()

    def _said(self, site: ExaminedSite) -> set[str]:
        """The entries in the form that the binding gives."""
        form = self._image.binding.form(site.instruction, len(site.original), site.flags)
        fixups = [*getattr(form, "fixups", ())]
        stub = getattr(form, "stub", None)
        if stub is not None:
            fixups += stub.fixups
        return {fixup.symbol for fixup in fixups if fixup.symbol in self._image.exports}

    def _failure(self, site: ExaminedSite, expected: str, found: str) -> Failure:
        return self._image.site_failure("branch", site, expected, found)


def _set(sets: dict[int, int], va: int, value: int) -> None:
    """Note a write; one behind another's lower half is its upper half."""
    low_va = va - HALF_LEN
    if low_va in sets:
        sets[low_va] = sets[low_va] & HALF_MASK | (value & HALF_MASK) << 32
    else:
        sets[va] = value


def row_problem(image: BoundImage, row_va: int, instruction: Instruction) -> str:
    """What is wrong with a row as that of an instruction; empty if nothing is."""
    row = image.present_at(row_va, ROW.size)
    if row is None:
        return f"no row at {row_va:#x}"
    fields = dict(zip((field.name for field in ROW_FIELDS), ROW.unpack(row), strict=True))
    class_number, code = fields["class_number"], fields["code"][: fields["length"]]
    if (class_number, code) != (instruction.class_number, instruction.code):
        return f"the row of class {class_number}, {code.hex(' ')}"
    return ""


def _words(names: set[str]) -> str:
    return " or ".join(sorted(names)) or "nothing in the module"
