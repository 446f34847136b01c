"""The disassembly of functions against the GNU disassembler: the same instructions at the same addresses."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import previrt
from linker.bind.examine import examined
from linker.inspection.functions import Half, find_function, take_apart

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
OBJDUMP = {"x86_64": "objdump", "i386": "objdump", "ia64": "ia64-linux-gnu-objdump"}
NOP_PREFIXES = ("cs", "data16")
RUN = re.compile(r"(.+) x(\d+)")


def objdump(arch: str, image: Path, low: int, high: int) -> dict[int, str]:
    """Address -> mnemonic."""
    command: list[str | Path] = [
        OBJDUMP[arch],
        "-d",
        "--no-show-raw-insn",
        f"--start-address={low}",
        f"--stop-address={high}",
        image,
    ]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = {}
    for line in out.splitlines():
        match = re.match(r"\s*([0-9a-f]+):\s+(?:\[\w+\]\s+)?(?:\(p\d+\)\s+)?(\S+)", line)
        if match and low <= int(match[1], 16) < high:
            found[int(match[1], 16)] = match[2]
    return found


def ours(arch: str, halves: list[Half]) -> dict[int, str]:
    found = {}
    for half in halves:
        run = RUN.fullmatch(half.text)
        word = re.sub(r"^\[\w+\] *|\(p\d+\) ", "", half.text.strip()).split()[0]
        for n in range(int(run[2]) if run else 1):
            # objdump gives the slots of a bundle the addresses 0, 6 and 12 bytes in.
            va = half.va + n if arch != "ia64" else half.va & ~15 | (half.va & 15) * 6
            found[va] = word
    return found


@pytest.mark.parametrize(
    ("arch", "target", "name"),
    [
        ("x86_64", "lol", "test_control"),
        ("x86_64", "xen", "test_flags"),
        ("x86_64", "bare", "test_msr"),
        ("i386", "bare", "test_segments"),
        ("ia64", "vnuma", "test_psr"),
        ("ia64", "xen", "test_control_registers"),
    ],
)
def test_both_sides_are_what_objdump_says(tmp_path: Path, arch: str, target: str, name: str) -> None:
    original, image = FIXTURES / arch / "guest.elf", tmp_path / "bound"
    previrt.link(original, target, output=image)
    with examined(image) as examination:
        symbols = examination.symbols()
        function = take_apart(examination, symbols, find_function(examination, symbols, name))
        inside = [site for site in examination.sites if function.start_va <= site.start_va < function.end_va]
    assert len(function.sites) == len(inside) > 5
    assert all(site.state == "bound" for site in function.sites)
    changed = {row.site for row in function.rows if row.present is not None}
    before = [row.original for row in function.rows if row.original]
    after = [row.present if row.site in changed else row.original for row in function.rows]
    for path, halves in ((original, before), (image, [half for half in after if half])):
        wanted, got = objdump(arch, path, function.start_va, function.end_va), ours(arch, halves)
        assert got.keys() == wanted.keys()
        wrong = {
            hex(va): (got[va], word)
            for va, word in wanted.items()
            if got[va][:3] != word[:3] and not (got[va].startswith("nop") and word in NOP_PREFIXES)
        }
        assert not wrong


def test_a_function_is_found_by_an_address_in_it(tmp_path: Path) -> None:
    with examined(FIXTURES / "x86_64" / "guest.elf") as examination:
        symbols = examination.symbols()
        span = find_function(examination, symbols, "test_control")
        assert find_function(examination, symbols, hex(span.start_va + 5)) == span
        plain = take_apart(examination, symbols, span)
    assert all(row.present is None for row in plain.rows)
    assert [site.form for site in plain.sites] == [""] * len(plain.sites)


def test_what_a_form_reaches_is_named(tmp_path: Path) -> None:
    previrt.link(FIXTURES / "x86_64" / "guest.elf", "lol", output=tmp_path / "bound")
    with examined(tmp_path / "bound") as examination:
        symbols = examination.symbols()
        function = take_apart(examination, symbols, find_function(examination, symbols, "test_flags"))
    assert {name for site in function.sites for name in site.reaches} & {"stub"}
    assert any(row.present and "interface module+" in row.present.text for row in function.rows)
