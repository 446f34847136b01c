"""A guest in physical memory, bound there: the same as a bound file that is loaded; nothing heavy, no file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from boot_qemu import GUEST, ROOT, segments_of

import previrt

MEMORY_LEN = 16 << 20


def load(image: Path, base_pa: int = 0) -> bytearray:
    memory = bytearray(MEMORY_LEN)
    for pa, data in segments_of(image):
        memory[pa - base_pa : pa - base_pa + len(data)] = data
    return memory


@pytest.mark.parametrize("target", ["bare", "lol", "xen"])
@pytest.mark.parametrize("base_pa", [0, 0x100000])
def test_physical_memory_equals_a_loaded_bound_file(target: str, base_pa: int, tmp_path: Path) -> None:
    table = previrt.read_table(GUEST)
    memory = load(GUEST, base_pa)
    report = previrt.link_buffer(memory, previrt.physical_map(table, base_pa), target, table=table)
    bound = previrt.link(GUEST, target, output=tmp_path / "bound")
    assert memory == load(tmp_path / "bound", base_pa)
    assert memory != load(GUEST, base_pa)
    assert (report.bound, report.entry_va) == (bound.bound, bound.entry_va)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_the_table_may_come_from_the_file_in_memory(kind: type, tmp_path: Path) -> None:
    contents = GUEST.read_bytes()
    table = previrt.read_table(kind(contents))
    assert table.annotations == previrt.read_table(GUEST).annotations
    elf = bytearray(contents)
    previrt.link_buffer(elf, previrt.file_map(table), "bare", table=table)
    previrt.link(GUEST, "bare", output=tmp_path / "bound")
    for window in table.image.windows:
        at = slice(window.off, window.off + window.len)
        assert elf[at] == (tmp_path / "bound").read_bytes()[at]


def test_a_buffer_that_is_no_elf_file() -> None:
    with pytest.raises(previrt.LinkError, match=r"memory: not an ELF file: found magic 00 00 00 00"):
        previrt.read_table(bytes(64))


def test_a_segment_below_the_memory_given() -> None:
    table = previrt.read_table(GUEST)
    with pytest.raises(previrt.LinkError, match=r"segment lies below the memory given: found physical address 0x\w+"):
        previrt.physical_map(table, 0x2000000)


PROGRAM = """
import sys
written = []
sys.addaudithook(lambda name, at: name == "open" and set(str(at[1])) & set("wax+") and written.append(at[0]))
import previrt
table = previrt.read_table({guest!r})
memory = bytearray(16 << 20)
with open({guest!r}, "rb") as file:
    contents = file.read()
for (va, length, off), (_, _, pa) in zip(previrt.file_map(table), sorted(previrt.physical_map(table))):
    memory[pa : pa + length] = contents[off : off + length]
previrt.link_buffer(memory, previrt.physical_map(table), {target!r}, table=table)
print(written, *sorted(set(sys.modules) & {{"lief", "structlog", "asyncio", "qemu", "argparse", "subprocess", "json"}}))
"""


@pytest.mark.parametrize("target", ["bare", "lol", "xen"])
def test_no_file_is_written_and_nothing_heavy_imported(target: str) -> None:
    code = PROGRAM.format(guest=str(GUEST), target=target)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
