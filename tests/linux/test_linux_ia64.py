"""Linux 6.1 for ia64: built through the afterburner, nothing missed, and bound to every target there is on ia64.

objdump reads the kernel before and after a link; what it finds at the sites must be what the linker says it did.
"""

from __future__ import annotations

import bisect
import itertools
import re
import struct
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from ia64_sweep import BUNDLE_LEN, Bundle, Slot, disassemble, sensitive_instructions
from linux_kernel import Kernel, build

import previrt
from linker.bind.uncovered import look_at
from linker.registry import targets

if TYPE_CHECKING:
    from collections.abc import Callable

TARGETS = [name for name, architectures in targets().items() if "ia64" in architectures]
SITES_MIN = 4000
FAST_SHARE_MIN = 0.8  # of the sites in C: not in trap form
STUB_LEN_MAX = 32 * BUNDLE_LEN
LONG_BRANCH = re.compile(r"brl(?:\.cond\.sptk)?\.few")
BREAK = re.compile(r"break\.[mifb] 0x")
HAND_WRITTEN = re.compile(r"\.S:\d+$")


class Contents:
    """The bytes of an image by address."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            elf = ELFFile(file)
            parts = [s for s in elf.iter_sections() if s["sh_addr"] and s["sh_type"] != "SHT_NOBITS"]
            self._parts = sorted((s["sh_addr"], s.data()) for s in parts)
            self.sections = {s.name: (s["sh_addr"], s.data()) for s in elf.iter_sections() if s.name}
            symbols = elf.get_section_by_name(".symtab")
            assert isinstance(symbols, SymbolTableSection)
            self.symbols = {symbol.name: symbol["st_value"] for symbol in symbols.iter_symbols()}

    def at(self, start_va: int, end_va: int) -> bytes:
        base, data = self._parts[bisect.bisect_right(self._parts, (start_va, b"\xff" * 64)) - 1]
        assert base <= start_va <= end_va <= base + len(data)
        return data[start_va - base : end_va - base]

    def read(self, places: list[tuple[int, int]]) -> list[tuple[Bundle, ...]]:
        """What objdump reads between pairs of addresses."""
        return disassemble([(start, self.at(start, end)) for start, end in places])

    @property
    def reserve(self) -> tuple[int, int, int, int, int]:
        """docs/formats.md, RESERVE: text VA and length, data VA and length, entry VA."""
        notes = self.sections[".notes"][1]
        header = struct.pack("<III8s", 8, 40, 3, b"previrt")
        return cast("tuple[int, int, int, int, int]", struct.unpack("<5Q", notes.partition(header)[2][:40]))


def operations(bundles: tuple[Bundle, ...]) -> list[Slot]:
    """All that is no no-operation."""
    return [slot for bundle in bundles for slot in bundle.slots if not slot.is_nop]


@pytest.fixture(scope="module")
def kernel() -> Kernel:
    return build("small", "ia64")


@pytest.fixture(scope="module")
def contents(kernel: Kernel) -> Contents:
    return Contents(kernel.vmlinux)


@dataclass(frozen=True)
class Bound:
    """The kernel bound to a target."""

    target: str
    contents: Contents
    report: previrt.LinkReport


@pytest.fixture(scope="module", params=TARGETS)
def bound(request: pytest.FixtureRequest, kernel: Kernel, tmp_path_factory: pytest.TempPathFactory) -> Bound:
    path = tmp_path_factory.mktemp("linux") / request.param
    report = previrt.link(kernel.vmlinux, request.param, output=path, details=True)
    return Bound(request.param, Contents(path), report)


def test_no_sensitive_instruction_is_missed(
    kernel: Kernel, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Every one of each executable section is alone in a site; there are no exceptions."""
    sites = kernel.sites
    record_property("sites", len(sites))
    print(f"{len(sites)} sites")
    assert len(sites) >= SITES_MIN
    assert all(end <= next_start for (_, end), (next_start, _) in itertools.pairwise(sites))
    starts = [start for start, _ in sites]
    found = list(sensitive_instructions(kernel.vmlinux))
    assert not [one for one in found if one.va not in set(starts)]
    assert sorted(one.va for one in found) == starts
    # The product sees nothing outside sites; where no table says what is a site, as much as objdump.
    assert look_at(kernel.vmlinux).coverage.outside == 0
    strip: list[str | Path] = [
        "ia64-linux-gnu-objcopy",
        "-R",
        ".afterburn*",
        "-R",
        ".notes",
        kernel.vmlinux,
        tmp_path / "stripped",
    ]
    subprocess.run(strip, check=True)
    coverage = look_at(tmp_path / "stripped").coverage
    assert sorted(row.va & -BUNDLE_LEN for row in coverage.uncovered) == starts


def test_every_site_is_an_instruction_and_no_operations(kernel: Kernel, contents: Contents) -> None:
    for (start, end), bundles in zip(kernel.sites, contents.read(kernel.sites), strict=True):
        (operation,) = operations(bundles)
        assert operation.is_sensitive, hex(start)
        assert bundles[-1].slots[-1].stop
        assert start % BUNDLE_LEN == end % BUNDLE_LEN == 0


def test_what_linux_patches_at_boot_is_what_it_expects(kernel: Kernel, contents: Contents) -> None:
    """The lists of arch/ia64/kernel/patch.c: each entry names the instruction it is about, outside every site."""

    def entries(name: str) -> list[int]:
        va, data = contents.sections[f".data..patch.{name}"]
        return [
            (va + off + value) % (1 << 64)
            for off, (value,) in zip(itertools.count(step=4), struct.iter_unpack("<i", data), strict=False)
        ]

    def bundle(va: int, count: int = 1) -> tuple[Bundle, ...]:
        start = va & -BUNDLE_LEN
        assert not any(site < start + count * BUNDLE_LEN and start < end for site, end in kernel.sites)
        (read,) = contents.read([(start, start + count * BUNDLE_LEN)])
        return read

    lists = {name: entries(name) for name in ("vtop", "rse", "mckinley_e9", "phys_stack_reg")}
    assert all(lists.values())
    for va in lists["vtop"]:
        assert bundle(va)[0].slots[1].text.startswith("movl r")
    for va in lists["rse"]:  # the predicate of slot 2 is cleared
        branch = bundle(va)[0].slots[2]
        assert branch.predicate
        assert branch.text.startswith("br.cond")
    for va in lists["mckinley_e9"]:  # two bundles are replaced
        read = bundle(va, 2)
        assert [slot.text for slot in operations(read)][1::2] == ["br.call.sptk.many b7=", "br.ret.sptk.many b6"]
    for va in lists["phys_stack_reg"]:
        assert re.match(r"(adds|mov) r\d+=", bundle(va)[0].slots[va % BUNDLE_LEN].text)


def test_exception_table_entries_name_the_start_of_a_site(kernel: Kernel, contents: Contents) -> None:
    va, data = contents.sections["__ex_table"]
    faults = [(va + 8 * n + value) % (1 << 64) for n, (value, _) in enumerate(struct.iter_unpack("<ii", data))]
    starts = [start for start, _ in kernel.sites]
    inside = 0
    for fault in faults:
        index = bisect.bisect_right(starts, fault) - 1
        if index >= 0 and fault < kernel.sites[index][1]:
            assert fault == starts[index]
            inside += 1
    assert inside


def test_the_unwind_table_is_read(kernel: Kernel, contents: Contents) -> None:
    shown = subprocess.run(["ia64-linux-gnu-readelf", "-u", kernel.vmlinux], capture_output=True, text=True, check=True)
    assert shown.stderr == ""
    assert shown.stdout.count("info at") == len(contents.sections[".IA_64.unwind"][1]) // 24


def test_the_reserve_is_in_memory_that_stays(contents: Contents) -> None:
    """Between _text and _etext, and between _sdata and _edata: what lies elsewhere may be freed after boot."""
    text_va, text_len, data_va, data_len, entry_va = contents.reserve
    at = contents.symbols
    assert at["_text"] <= text_va < text_va + text_len <= at["_etext"]
    assert at["_sdata"] <= data_va < data_va + data_len <= at["_edata"]
    assert entry_va == at["_start"]
    assert text_va % 16384 == data_va % 16384 == 0


def test_the_build_has_nothing_to_say(kernel: Kernel) -> None:
    log = (kernel.directory / "log").read_text()
    assert "orphan section" not in log
    assert ": Warning: " not in log, "the assembler"


def test_objdump_reads_what_the_linker_says(kernel: Kernel, contents: Contents, bound: Bound) -> None:
    assert bound.report.bound == bound.report.sites == len(kernel.sites)
    text_va, text_len, *_ = bound.contents.reserve
    before, after = contents.read(kernel.sites), bound.contents.read(kernel.sites)
    details = {detail.va: detail for detail in bound.report.details}
    stubs = []
    for (start, end), old, new in zip(kernel.sites, before, after, strict=True):
        (original,) = operations(old)
        found = operations(new)
        assert new[-1].slots[-1].stop
        where = f"{start:#x} '{original.text}' {details[start].form}"
        match details[start].form:
            case "native":
                assert found == [original], where
            case "trap":
                (trap,) = found
                assert trap.text == original.text or BREAK.match(trap.text), where
                assert trap.predicate == original.predicate, where
            case "inline" | "jump" as form:
                assert not original.predicate or {slot.predicate for slot in found} <= {original.predicate}, where
                # A call of the monitor may be left, and the instruction itself for the case that only it knows.
                left = [slot for slot in found if slot.is_sensitive]
                assert all(BREAK.match(slot.text) or is_conditional(slot, original) for slot in left), where
                branches = [slot for slot in found if slot.target is not None]
                assert len(branches) == (form == "jump"), where
                for branch in branches:
                    assert LONG_BRANCH.fullmatch(branch.text), where
                    assert branch.predicate == original.predicate or found[:-1], where
                    assert branch.target is not None
                    assert text_va <= branch.target < text_va + text_len, where
                    stubs.append((branch.target, end))
            case other:
                pytest.fail(f"{where}: unknown form {other}")
    check_stubs(bound, stubs)


def is_conditional(slot: Slot, original: Slot) -> bool:
    """Whether a slot executes the original under a condition that the form found."""
    return slot.text == original.text and slot.predicate != original.predicate


def check_stubs(bound: Bound, stubs: list[tuple[int, int]]) -> None:
    """Each stub, given with the end of its site, comes back there or goes into the module."""
    text_va, text_len, *_ = bound.contents.reserve
    limit = text_va + text_len
    read = bound.contents.read([(stub, min(stub + STUB_LEN_MAX, limit)) for stub, _ in stubs])
    for (stub, end), bundles in zip(stubs, read, strict=True):
        assert stub % BUNDLE_LEN == 0
        last = next(slot for slot in operations(bundles) if LONG_BRANCH.fullmatch(slot.text) and not slot.predicate)
        assert last.target is not None
        assert last.target == end or text_va <= last.target < limit, hex(stub)


def test_most_sites_in_c_are_not_left_to_trap(
    bound: Bound, kernel: Kernel, record_property: Callable[[str, object], None]
) -> None:
    listed = previrt.list_sites(kernel.vmlinux, bound.target)
    in_c = Counter(site.form for site in listed if not HAND_WRITTEN.search(site.source))
    shares = {form: round(count / in_c.total(), 3) for form, count in in_c.most_common()}
    record_property(f"{bound.target} forms in C", shares)
    print(f"{bound.target}: {in_c.total()} of {len(listed)} sites in C: {shares}")
    assert in_c.total() > len(listed) / 2
    assert shares.get("trap", 0) <= 1 - FAST_SHARE_MIN


def test_bind_rebind_and_restore_are_exact(bound: Bound, kernel: Kernel, tmp_path: Path) -> None:
    bare, first, again, back = (tmp_path / name for name in ("bare", "first", "again", "back"))
    previrt.link(kernel.vmlinux, "bare", output=bare)
    previrt.link(kernel.vmlinux, bound.target, output=first)
    previrt.link(bare, bound.target, output=again)
    assert first.read_bytes() == again.read_bytes()
    previrt.link(first, "bare", output=again)
    assert bare.read_bytes() == again.read_bytes()
    previrt.restore(first, output=back)
    assert back.read_bytes() == kernel.vmlinux.read_bytes()
