"""The fixture guest on one, two and four nodes prints what it prints on bare hardware, with all processors at work."""

import re
from pathlib import Path

import pytest
from vnuma_guests import ROOT, run_image

import previrt

GUEST = ROOT / "fixtures" / "ia64" / "guest.elf"
TRANSCRIPT = ROOT / "fixtures" / "ia64" / "transcript.txt"
MACHINE_MARK = "~"
ROUNDS = 40  # of each processor in the guest's SMP part


@pytest.fixture(scope="module")
def bound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fixture") / "guest.vnuma"
    previrt.link(GUEST, "vnuma", output=path)
    return path


def lines(text: str, *, of_the_machine: bool = False) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(MACHINE_MARK) == of_the_machine]


@pytest.mark.parametrize("nodes", [1, 2, 4])
def test_the_transcript_is_that_of_bare_hardware(bound: Path, nodes: int) -> None:
    result = run_image(bound, nodes, timeout_s=480)
    text = result.output.decode()
    assert result.status == 0, result.errors
    assert lines(text) == lines(TRANSCRIPT.read_text())
    assert re.search(r"done: \d+ checks, 0 failed", text)
    smp = [line for line in lines(text, of_the_machine=True) if line.startswith("~ smp: ")]
    if nodes == 1:
        assert not result.messages
        return
    total = ROUNDS * nodes
    assert f"~ smp: processors {nodes}, running {nodes}" in smp
    assert f"~ smp: counted under cmpxchg {total}, under xchg {total}, by fetchadd {total}" in smp
    assert f"~ smp: interrupts sent and answered {nodes - 1}" in smp
    # One wake-up, one call and one answer for each processor but the first; a purge reaches each and is answered.
    assert result.messages["interrupt"] == 3 * (nodes - 1)
    assert result.messages["purge"] == result.messages["purged"] > 0
    assert result.messages["page"] < 400 * nodes
