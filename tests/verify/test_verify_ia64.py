"""How the proof reads ia64 code, judged by objdump: branches, where they lead, breaks, no-operations."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from bound_guests import bound_guest

from linker.bind.examine import examined
from linker.verification.read_ia64 import read
from linker.verification.steps import CALL, CONDITIONAL, JUMP

OBJDUMP = "ia64-linux-gnu-objdump"
BUNDLE_LEN = 16
LINE = re.compile(r"\s*([0-9a-f]+):\s(?:[0-9a-f]{2} )+\s*(?:\[(\w+)\])?\s*(.*)$")
BRANCH = re.compile(r"(\(p\d+\) )?\s*(brl?\.[\w.]+)\s+(?:b\d=)?0x([0-9a-f]+)")


def bundles(code: bytes, va: int, directory: Path) -> dict[int, list[str]]:
    """The instructions of each bundle as objdump reads them."""
    (directory / "code").write_bytes(code)
    command: list[str | Path] = [
        OBJDUMP,
        "-D",
        "-z",
        "-b",
        "binary",
        "-m",
        "ia64",
        f"--adjust-vma={va:#x}",
        directory / "code",
    ]
    listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[int, list[str]] = {}
    for match in filter(None, map(LINE.match, listing.splitlines())):
        at = int(match[1], 16)
        found.setdefault(at - at % BUNDLE_LEN, []).extend(filter(None, [match[3].strip()]))
    return found


@pytest.mark.parametrize("target", ["lol", "xen", "vnuma"])
def test_branches_are_those_objdump_reads(tmp_path: Path, target: str) -> None:
    with examined(bound_guest("ia64", target)) as image:
        assert image.plan is not None
        reserve = image.table.annotations.reserve
        assert reserve is not None
        last = image.plan.stubs[-1]
        low, high = image.plan.stubs[0].va, last.va + len(last.code)
        windows = image.table.image.windows
        off = next(w.off + low - w.va for w in windows if w.va <= low < w.va + w.len)
        sites = list({site.present: site for site in image.sites}.values())
        pieces = [(low, bytes(image.present[off : off + high - low]))]
        pieces.append((0x1000000, b"".join(site.present for site in sites)))
    seen = {"": 0, CALL: 0, JUMP: 0, CONDITIONAL: 0, "break": 0, "nop": 0}
    for va, code in pieces:
        by_objdump = bundles(code, va, tmp_path)
        for step in read(code, va):
            lines = by_objdump[va + step.offset]
            branches = [match for match in map(BRANCH.search, lines) if match]
            assert (step.target_va is not None) == bool(branches), (hex(va + step.offset), lines)
            assert step.is_nop == all(line.startswith("nop.") for line in lines), lines
            assert (step.mnemonic == "break") == any("break." in line for line in lines), lines
            seen["nop"] += step.is_nop
            seen["break"] += step.mnemonic == "break"
            if branches:
                (branch,) = branches
                assert step.target_va == int(branch[3], 16)
                kind = CONDITIONAL if branch[1] else CALL if ".call" in branch[2] else JUMP
                assert step.branch == kind, lines
                seen[kind] += 1
    assert seen[JUMP] > 0 and seen["nop"] > 0
    assert target != "xen" or (seen[CALL] > 0 and seen["break"] > 0)
