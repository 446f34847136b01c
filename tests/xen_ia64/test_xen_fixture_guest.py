"""The fixture guest bound to Xen prints under the monitor what it prints on bare hardware; what Xen is entered for."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest
from xen_guests import boot

import previrt

FIXTURE = Path(__file__).parents[2] / "fixtures" / "ia64"
GUEST = FIXTURE / "guest.elf"
MACHINE_MARK = "~"

LIMIT = 200_000_000


class Ran(NamedTuple):
    status: int
    lines: list[str]
    counts: Counter[tuple[str, str]]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("xen") / "guest.xen"
    previrt.link(GUEST, "xen", output=path)
    return path


@pytest.fixture(scope="module")
def ran(image: Path) -> Ran:
    status, console, counts = boot(image, LIMIT)
    return Ran(status, console.decode().splitlines(), counts)


@pytest.mark.xdist_group("xen-fixture")
def test_the_transcript_is_that_of_bare_hardware(ran: Ran) -> None:
    expected = (FIXTURE / "transcript.txt").read_text().splitlines()
    assert [line for line in ran.lines if not line.startswith(MACHINE_MARK)] == expected
    assert ran.status == 0, "a shutdown with the reason poweroff"


@pytest.mark.xdist_group("xen-fixture")
def test_what_xen_is_entered_for(ran: Ran) -> None:
    """psr.i and psr.ic are memory: the few ssm and rsm that trap are those no register is free for, or other bits."""
    counts = ran.counts
    assert counts["hypercall", "event_channel_op"] == 1
    assert counts["hypercall", "console_io"] == sum(len(line) + 1 for line in ran.lines)
    assert counts["hyperprivop", "cover"] > 100
    assert counts["emulated", "rfi"] > 100
    assert not counts["hyperprivop", "ssm_i"]
    assert counts["emulated", "ssm imm24"] + counts["emulated", "rsm imm24"] < counts["hyperprivop", "cover"]


@pytest.mark.parametrize("way", [["xen"], ["bare", "xen"], ["vnuma", "xen"], ["xen", "xen"]])
def test_binding_again_gives_what_a_direct_link_gives(image: Path, tmp_path: Path, way: list[str]) -> None:
    path = GUEST
    for number, target in enumerate(way):
        output = tmp_path / f"{number}"
        previrt.link(path, target, output=output)
        path = output
    assert path.read_bytes() == image.read_bytes()
    previrt.restore(path, output=tmp_path / "restored")
    assert (tmp_path / "restored").read_bytes() == GUEST.read_bytes()
