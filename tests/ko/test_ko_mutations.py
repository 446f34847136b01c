"""Hostile objects: whatever bytes are changed, only LinkErrors come out, and nothing is left behind."""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ko_kernel import build_kernel
from ko_objects import I386, IA64, X86_64, assemble
from test_ko_modules import SOURCE

import previrt
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


# The linker's own addresses; behind a plus it is an offset, which a damaged object may give any value.
PSEUDO_VA = re.compile(r"(?<!\+)0x4f[0-9a-f]{14}\b")


@pytest.mark.parametrize("name", ["x86_64", "i386", "ia64", "module", "bound"])
def test_only_link_errors_come_out(name: str, seeds: dict[str, bytes], kernel: Path, tmp_path: Path) -> None:
    choose = random.Random(name)
    path = tmp_path / "object.o"
    acts: list[Callable[[], object]] = [
        lambda: previrt.list_sites(path, "bare"),
        lambda: previrt.link(path, "bare"),
        lambda: previrt.restore(path),
    ]
    if name in ("module", "bound"):
        acts.append(lambda: previrt.link(path, "xen", options=ObjectOptions(kernel, strip_signature=True)))
    end = time.monotonic() + SECONDS
    tried = taken = 0
    while time.monotonic() < end:
        path.write_bytes(mutated(seeds[name], choose))
        tried += 1
        for act in acts:
            try:
                act()
                taken += 1
            except previrt.LinkError as error:
                assert str(error)
                assert not PSEUDO_VA.search(str(error))
        for left in tmp_path.iterdir():
            assert left.name in ("object.o", "object.o.bare", "object.o.xen", "object.o.restored")
            left.unlink()
    assert tried > SECONDS
    assert taken, "nothing gets past the headers"
