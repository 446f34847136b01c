"""Hostile objects: whatever bytes are changed, only LinkErrors come out, and nothing is left behind."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest
from fuzz_mutate import seed
from fuzz_oracles import Case
from ko_kernel import build_kernel
from ko_objects import I386, IA64, X86_64, assemble
from test_ko_modules import SOURCE

import previrt
from linker.bind.examine import examined
from linker.objects.options import ObjectOptions

SECONDS = min(float(os.environ.get("PREVIRT_FUZZ_SECONDS", "10")), 20) / 4
INTERESTING = (0, 1, 2, 3, 7, 8, 0xFF, 0xFFF1, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 40, 1 << 63, (1 << 64) - 1)


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = build_kernel(tmp_path_factory.mktemp("kernel"))
    previrt.link(path, "xen", in_place=True)
    return path


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory, kernel: Path) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("seeds")
    sources = {"x86_64": X86_64, "i386": I386, "ia64": IA64}
    made = {arch: assemble(folder, arch, source).read_bytes() for arch, source in sources.items()}
    module = assemble(folder, "x86_64", SOURCE, "module.ko")
    made["module"] = module.read_bytes()
    previrt.link(module, "xen", in_place=True, options=ObjectOptions(kernel))
    made["bound"] = module.read_bytes()
    return made


def mutated(seed: bytes, choose: random.Random) -> bytes:
    image = bytearray(seed)
    hot = [n for n, byte in enumerate(image) if byte]
    for _ in range(choose.randint(1, 5)):
        at = choose.choice(hot) if choose.random() < 0.7 else choose.randrange(len(image) - 8)
        width = choose.choice((1, 2, 4, 8))
        value = choose.choice(INTERESTING) if choose.random() < 0.6 else choose.randrange(256)
        image[at : at + width] = (value % (1 << 8 * width)).to_bytes(width, "little")
    if choose.random() < 0.05:
        del image[choose.randrange(len(image)) :]
    return bytes(image)


TARGETS = {"module": ("xen", "bare"), "bound": ("xen", "bare")}


@pytest.mark.parametrize("name", ["x86_64", "i386", "ia64", "module", "bound"])
def test_what_binds_can_be_restored_and_nothing_else_comes_out(
    name: str, seeds: dict[str, bytes], kernel: Path, tmp_path: Path
) -> None:
    """Oracles: only LinkErrors escape, exit 0 means readable, and restoring gives the original (tests/fuzz)."""
    choose = random.Random(name)
    one = seed(name, seeds[name], *TARGETS.get(name, ("bare",)))
    end = time.monotonic() + SECONDS
    tried = bound = 0
    while time.monotonic() < end:
        outcome = Case(one, mutated(one.image, choose), tmp_path, kernel, choose).run()
        assert not outcome.findings, outcome.findings[0]
        tried += 1
        bound += outcome.bound
    assert tried > SECONDS
    assert bound, "nothing gets past the headers"


def test_an_operand_that_leads_out_of_the_object(kernel: Path, tmp_path: Path) -> None:
    """The assembler writes a number in front of (%rip) as it is: no section is there."""
    path = assemble(tmp_path, "x86_64", SOURCE.replace("cli", "lgdt -0x70000000(%rip)", 1))
    with pytest.raises(previrt.LinkError, match=r"record \d+ at .text\+0x[0-9a-f]+: operand leads out of the object's"):
        previrt.link(path, "xen", options=ObjectOptions(kernel))


def test_inspecting_a_damaged_object_says_sections(seeds: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "object.o"
    damaged = bytearray(seeds["x86_64"])
    damaged[damaged.index(bytes.fromhex("fa90909090")) + 4] = 0x91
    path.write_bytes(damaged)
    with (
        pytest.raises(previrt.LinkError, match=r"record \d+ at .text\+0x[0-9a-f]+: padding behind 'cli'"),
        examined(path),
    ):
        pass
