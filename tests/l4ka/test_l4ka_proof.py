"""previrt-verify proves images that count, have hooks and memory operations; and sees what is wrong with counting."""

from __future__ import annotations

from pathlib import Path

import pytest
from counting_guest import build
from guest_on_qemu import GUEST
from hand_annotated import assemble

import previrt
from linker.bind.examine import examined
from linker.verification.prove import prove

TEXT = """
    .globl _start
_start:
    annotate 7, cli
    operation pte_set, 15, mov %eax, (%rdx)
    operation lapic, 17, xchg %eax, (%rdx)
    annotate 6, hlt
    bind_hook imports, 1, set_pte
    bind_hook exports, 3, counters
    .data
set_pte: .quad _start
counters: .quad 0
"""


@pytest.mark.parametrize("target", ["bare", "lol", "xen"])
def test_an_image_that_counts_is_proven(target: str, tmp_path: Path) -> None:
    bound = tmp_path / "bound"
    report = previrt.link(GUEST, target, output=bound, count=True)
    proof = prove(bound, original=GUEST, run=False)
    assert proof.failures == ()
    assert proof.sites == {name: dict(forms) for name, forms in sorted(report.forms.items())}


def test_counting_sites_do_in_the_emulator_what_their_instructions_do(tmp_path: Path) -> None:
    bound = tmp_path / "bound"
    previrt.link(GUEST, "lol", output=bound, count=True)
    proof = prove(bound, original=GUEST)
    assert proof.failures == ()
    assert proof.runs


@pytest.mark.parametrize("count", [False, True])
@pytest.mark.parametrize("target", ["bare", "lol"])
def test_hooks_and_memory_operations_are_proven(target: str, count: bool, tmp_path: Path) -> None:
    image, bound = assemble(TEXT, tmp_path, 64), tmp_path / "bound"
    previrt.link(image, target, output=bound, count=count)
    assert prove(bound, original=image, run=False).failures == ()


def test_a_stub_that_counts_elsewhere_is_seen(tmp_path: Path) -> None:
    bound = tmp_path / "bound"
    previrt.link(build(tmp_path), "lol", output=bound, count=True)
    with examined(bound) as examination:
        reserve, plan = examination.table.annotations.reserve, examination.plan
        assert reserve is not None
        assert plan is not None
        window = next(w for w in examination.table.image.windows if w.va <= reserve.text_va < w.va + w.len)
        stubs = [stub for stub in plan.stubs if stub.code.startswith(b"\x48\x87\x05")]
    contents = bytearray(bound.read_bytes())
    contents[stubs[3].va - window.va + window.off + 3] ^= 8
    bound.write_bytes(contents)
    failures = prove(bound, run=False).failures
    assert any(failure.check == "shape" and "does not count at" in failure.found for failure in failures)
