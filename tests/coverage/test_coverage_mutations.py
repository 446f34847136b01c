"""Hostile images: whatever bytes are changed, looking ends in a coverage or one LinkError, in time and memory bounded.

PREVIRT_FUZZ_SECONDS says how long the mutations run (CI: 60, of which this takes a part).
"""

from __future__ import annotations

import os
import struct
import subprocess
import tempfile
import time
from pathlib import Path
from random import Random

from plain_objects import assemble

from linker.bind.uncovered import look_at
from linker.errors import LinkError
from linker.inspection.uncovered import format_uncovered
from linker.sites.x86_64.sweep import X86_64

SECONDS = min(10.0, float(os.environ.get("PREVIRT_FUZZ_SECONDS", "5")))
CODE = """
.globl startup_64
startup_64: cli
.byte 0x0f
inside: .byte 0x20,0xc0
.code32
early: wrmsr
jc early
ljmp $8,$startup_64
.type table,@object
.size table,4
table: .byte 0xfa,0xfa,0xfa,0xfa
.section .altinstr_replacement,"ax"
1: rdtsc
.section .altinstructions,"a"
.long startup_64 - ., 1b - .
.word 1
.byte 4,2
.section .note.Xen,"a",@note
.long 4,8,18
.asciz "Xen"
.quad early
"""


def seeds() -> list[bytes]:
    """An object, and the image it makes."""
    with tempfile.TemporaryDirectory() as directory:
        path = assemble(CODE, Path(directory) / "o")
        linked = Path(directory) / "image"
        subprocess.run(["ld", "-e", "startup_64", "-z", "noseparate-code", path, "-o", linked], check=True)
        return [path.read_bytes(), linked.read_bytes()]


SEEDS = seeds()
INTERESTING = (0, 1, 4, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 47, (1 << 64) - 1, 1 << 63)


def mutated(random: Random) -> bytes:
    image = bytearray(random.choice(SEEDS))
    for _ in range(random.randint(1, 4)):
        at, width = random.randrange(len(image) - 8), random.choice((1, 2, 4, 8))
        value = random.choice(INTERESTING) if random.random() < 0.5 else random.randrange(256)
        image[at : at + width] = (value % (1 << 8 * width)).to_bytes(width, "little")
    return bytes(image)


def test_mutations(tmp_path: Path) -> None:
    end = time.monotonic() + SECONDS
    random = Random(11)
    looked = 0
    while time.monotonic() < end or not looked:
        (tmp_path / "image").write_bytes(mutated(random))
        try:
            format_uncovered(look_at(tmp_path / "image"), every_one=True)
            looked += 1
        except LinkError as error:
            assert "\n" not in str(error)


def section_headers(image: bytes) -> tuple[int, int]:
    off, count = struct.unpack_from("<Q", image, 40)[0], struct.unpack_from("<H", image, 60)[0]
    return off, count


def test_sections_that_share_their_bytes(tmp_path: Path) -> None:
    """10,000 headers of code over one area of 256 KiB would be 2.5 GB to read."""
    path = assemble(".fill 0x40000,1,0x90\ncli\n", tmp_path / "o")
    image = path.read_bytes()
    off, count = section_headers(image)
    headers = image[off : off + 64 * count]
    text = next(
        headers[n : n + 64] for n in range(0, len(headers), 64) if struct.unpack_from("<Q", headers, n + 8)[0] == 6
    )
    many = bytearray(image[:off] + headers + text * 10_000)
    struct.pack_into("<H", many, 60, count + 10_000)
    path.write_bytes(many)
    start = time.process_time()
    try:
        look_at(path)
    except LinkError as error:
        assert "share bytes" in str(error)
    else:
        raise AssertionError("not refused")
    assert time.process_time() - start < 20


def test_many_sections_with_a_function_each(tmp_path: Path) -> None:
    """As -ffunction-sections makes them: time goes with their number, not with its square."""
    count = 4_000
    text = "".join(f'.section .text.f{n},"ax"\n.type f{n},@function\nf{n}: sti\nret\n' for n in range(count))
    text += "".join(f'.section .rodata.f{n},"a"\n.byte 0xfa\n' for n in range(count))
    path = assemble(text, tmp_path / "o")
    start = time.process_time()
    assert look_at(path).coverage.outside == count
    assert time.process_time() - start < 20  # 2 as measured


def test_code_up_to_the_last_address() -> None:
    """Behind it the decoder goes on at address 0."""
    code = b"\x90\x90\xfa\x90\xf4" + bytes(16)
    found = list(X86_64.sensitive(code, (1 << 64) - 3, 5))
    assert [X86_64.text(one) for one in found] == ["cli", "hlt"]
