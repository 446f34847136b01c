"""An x86-64 image annotated by hand in the original's format, from assembly to a bound image that runs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hand_annotated import assemble

import previrt
from linker.count.profile import read_profile

# Prints h, works a page table entry as the original's Linux patch does, prints + when it is right, and powers off.
TEXT = """
    .globl _start
    .type _start, @function
_start:
    lea stack_top(%rip), %rsp
    annotate 7, cli
    mov $0x3f8, %dx
    mov $'h', %al
    annotate 16, out %al, %dx
    lea entry(%rip), %rdi
    mov $0x3063, %eax
    operation pte_set, 15, mov %eax, (%rdi)
    mov $6, %eax
    operation pte_test_clear, 12, lock btrl %eax, (%rdi); sbbl %eax, %eax
    cmp $-1, %eax
    jne 1f
    operation pte_read, 13, mov (%rdi), %ecx
    cmp $0x3023, %ecx
    jne 1f
    annotate 6, pushfq
    annotate 21, popfq
    annotate 12, mov %cr0, %rax
    test $1, %al
    jz 1f
    mov $'+', %al
    annotate 16, out %al, %dx
1:  mov $0x604, %dx
    mov $0x2000, %ax
    annotate 16, out %ax, %dx
    annotate 6, hlt
    .data
    .balign 16
entry:
    .quad 0
    .skip 4096
stack_top:
"""


def run(guest: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([guest, *arguments], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("count", [False, True])
def test_it_is_listed_bound_run_and_restored(count: bool, tmp_path: Path) -> None:
    image = assemble(TEXT, tmp_path, 64)
    listed = [site.class_name for site in previrt.list_sites(image)]
    operations = ["pte_set", "pte_test_clear", "pte_read"]
    assert listed == ["cli", "out", *operations, "pushf", "popf", "mov_from_cr", "out", "out", "hlt"]
    bound, profile = tmp_path / "guest.lol", tmp_path / "profile"
    report = previrt.link(image, "lol", output=bound, count=count)
    assert report.bound == len(listed)
    done = run(bound, "-p", str(profile))
    assert (done.returncode, done.stdout, done.stderr) == (0, "h+", "")
    if count:
        runs = [site.runs for site in read_profile(bound, profile).sites]
        assert runs == [1] * (len(listed) - 1) + [0]
    previrt.restore(bound, output=tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == image.read_bytes()


def test_the_table_in_any_order_gives_the_same_image(tmp_path: Path) -> None:
    """The numbers of the records stand nowhere but in the table."""
    image = assemble(TEXT, tmp_path, 64)
    table = previrt.read_table(image)
    section = table.image.section(".afterburn")
    assert section is not None
    contents = image.read_bytes()
    records = contents[section.off : section.off + section.len]
    pairs = [records[n : n + 16] for n in range(0, len(records), 16)]
    shuffled = tmp_path / "shuffled"
    shuffled.write_bytes(contents.replace(records, b"".join(pairs[::-1]), 1))
    segments = []
    for path in (image, shuffled):
        bound = tmp_path / f"{path.name}.lol"
        previrt.link(path, "lol", output=bound)
        held = bound.read_bytes()
        windows = previrt.read_table(bound).image.windows
        segments.append([(w.va, held[w.off : w.off + w.len]) for w in windows if w.off])
    assert segments[0] == segments[1]
