"""Properties of rewriting, with texts that hypothesis puts together."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

from assembling import STAND_IN_DIR, assemble, assemble_plain
from hypothesis import given, settings
from hypothesis import strategies as st

from afterburner.x86_64.rewrite import rewrite

SENSITIVE = [
    "cli",
    "STI",
    "rdtsc",
    "mov %cr0, %rax",
    "mov %eax,%ds",
    "push %fs",
    "rep insb",
    "rep; outsl",
    "lgdt (%rax)",
]
SENSITIVE += [".byte 0x0f, 0x0b", "int $0x80", "int3", "iretq", "in (%dx), %al", "rex.W lret", "swapgs", "verw %ax"]
OTHER = [
    "nop",
    "ret",
    "mov %gs:8, %rax",
    "lock incl (%rax)",
    ".byte 1, 2",
    '.ascii "cli; # sti"',
    "call f",
    "jmp 1f",
    "",
]
MODES = [".data", ".text", ".previous", ".code32; cli; .code64", ".afterburn_noannotate", ".afterburn_annotate"]
MODES += ['.section .altinstr_replacement,"ax"', '.section .x, "ax"', ".subsection 1"]
BLOCKS = [
    ".rept 2\n{}\n.endr",
    ".pushsection .data\n{}\n.popsection",
    ".irp op, cli, nop\n\\op\n{}\n.endr",
    "m {}",
    "1: {}",
]

statements = st.sampled_from(SENSITIVE + OTHER)
lines = st.one_of(
    st.lists(statements, min_size=1, max_size=3).map("; ".join),
    st.sampled_from(MODES),
    st.tuples(st.sampled_from(BLOCKS), statements).map(lambda pair: pair[0].format(pair[1])),
    st.tuples(statements, st.sampled_from([" # cli", " /* sti; */", "\t"])).map("".join),
)
texts = st.lists(lines, max_size=12).map(
    lambda body: ".macro m a:vararg\n\\a\n.endm\nf:\n" + "\n".join(body) + "\n.text\n.code64\n1:\n"
)


@settings(deadline=None)
@given(texts)
def test_rewriting_is_a_fixed_point(text: str) -> None:
    once = rewrite(text.encode(), b"x.s")
    assert rewrite(once, b"y.s") == once


@settings(deadline=None)
@given(texts)
def test_every_user_s_line_stays_on_its_line(text: str) -> None:
    rewritten = rewrite(text.encode(), b"x.s")
    if rewritten is not text.encode() and b'\n# 1 "x.s"\n' in rewritten:
        body = rewritten.split(b'\n# 1 "x.s"\n', 1)[1]
        assert body.count(b"\n") == text.count("\n")


@settings(deadline=None, max_examples=60)
@given(texts)
def test_what_is_rewritten_passes_the_scan_in_front(text: str) -> None:
    """grep may let through too much, never too little, else the two scans would disagree on what is sensitive."""
    if rewrite(text.encode(), b"x.s") != text.encode():
        patterns = STAND_IN_DIR.parent / "x86_64" / "candidates.ere"
        done = subprocess.run(["grep", "-qiEf", patterns], input=text.encode(), env={"LC_ALL": "C"}, check=False)
        assert done.returncode == 0


@settings(deadline=None, max_examples=25)
@given(texts)
def test_without_its_padding_the_code_is_the_assembler_s(text: str) -> None:
    text = text.replace("call f", "nop").replace("jmp 1f", "nop")  # their displacements may grow
    plain_text = text.replace(".afterburn_noannotate", "").replace(".afterburn_annotate", "")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        made, plain = assemble(text, directory), assemble_plain(plain_text, directory)
        for section in (".text", ".data", ".altinstr_replacement", ".x"):
            if section in plain.sections:
                assert made.without_padding(section) == plain.sections[section]


def test_no_pattern_has_a_possessive_group() -> None:
    """Python before 3.11.5 gets them wrong (python/cpython issue 106052): sites would be missed, and only there."""
    sources = sorted(STAND_IN_DIR.parent.rglob("*.py"))
    assert sources
    found = [path.name for path in sources if re.search(r"\)(?:[*+?]|\{[\d,]+\})\+|\(\?>", path.read_text())]
    assert found == []
