"""Whether the flags matter behind a site: what `--count` asks before it counts in one instruction."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from linker.sites.x86_64.flags import ARITHMETIC, INC, flags_are_dead

START_VA = 0x1000


def dead(text: str, tmp_path: Path, flags: int = ARITHMETIC) -> bool:
    """Asked of code that GNU as made."""
    source, made, raw = tmp_path / "code.s", tmp_path / "code.o", tmp_path / "code"
    source.write_text(f"{text}\n")
    subprocess.run(["as", "--64", "-o", made, source], check=True)
    subprocess.run(["objcopy", "-O", "binary", "-j", ".text", made, raw], check=True)
    code = raw.read_bytes()
    return flags_are_dead(lambda va: code[max(va - START_VA, 0) :][:16] if va >= START_VA else b"", START_VA, 64, flags)


@pytest.mark.parametrize(
    ("text", "all_dead", "inc_dead"),
    [
        ("xor %eax, %eax", True, True),
        ("mov (%rdi), %rax; lea 8(%rsp), %rsp; test %eax, %eax", True, True),
        ("iretq", True, True),
        ("sysretq", True, True),
        ("swapgs; iretq", True, True),
        ("add $1, %eax; pushfq", True, True),
        ("pushfq", False, False),
        ("je 1f; 1: xor %eax, %eax", False, False),
        ("jc 1f; 1: xor %eax, %eax", False, True),
        ("inc %eax; ret", False, True),
        ("inc %eax; setc %al", False, True),
        ("bt $1, %eax; jc 1f; xor %eax, %eax; ret; 1: sub %ecx, %ecx; ret", True, True),
        ("bt $1, %eax; jc 1f; xor %eax, %eax; ret; 1: pushfq", False, False),
        ("call 1f; xor %eax, %eax; 1: mov %rax, %rcx; ret", True, True),
        ("call 1f; pushfq; 1: mov %rax, %rcx; ret", False, False),
        ("call 1f; xor %eax, %eax; 1: pushfq; ret", False, False),
        ("ret", False, False),
        ("jmp *%rax", False, False),
        ("call *%rax", False, False),
        ("syscall", False, False),
        ("shl %cl, %eax; ret", False, False),
        ("rep cmpsb; ret", False, False),
        ("mov %cr0, %rax; ret", False, False),
        ("cmovz %eax, %ecx; xor %eax, %eax", False, False),
        ("adc $0, %eax", False, True),
        ("lahf; xor %eax, %eax", False, False),
        ("1: nop; jmp 1b", True, True),
        (".byte 6", False, False),
        ("nop", False, False),
    ],
)
def test_flags_behind(text: str, all_dead: bool, inc_dead: bool, tmp_path: Path) -> None:
    assert dead(text, tmp_path) is all_dead
    assert dead(text, tmp_path, INC) is inc_dead


def test_far_ways_are_given_up(tmp_path: Path) -> None:
    assert not dead("nop; " * 200 + "xor %eax, %eax", tmp_path)
