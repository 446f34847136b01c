"""The x86 codec against GNU objdump: classes, operands, no-operations; and the formats against their array reading."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spellings import SPELLINGS

import previrt
from linker.hypervisors.base import Fixup, FixupKind
from linker.plan.fill import fill
from linker.sites import formats
from linker.sites.reach import fits_signed
from linker.sites.x86_64.classes import CLASSES
from linker.sites.x86_64.codec import I386, X86_64
from linker.sites.x86_64.nops import NOPS
from linker.table.read import words

VA = 0xFFFFFFFF81000000

# AT&T text -> class, width of the data, registers in Intel order, immediate.
INSTRUCTIONS: dict[str, tuple[str, int, tuple[int, ...], int | None]] = {
    "cli": ("cli", 0, (), None),
    "sti": ("sti", 0, (), None),
    "pushfq": ("pushf", 64, (), None),
    "pushfw": ("pushf", 16, (), None),
    "popfq": ("popf", 64, (), None),
    "hlt": ("hlt", 0, (), None),
    "lgdt 8(%rax,%r12,4)": ("lgdt", 80, (), None),
    "lidt (%rdi)": ("lidt", 80, (), None),
    "lldt %ax": ("lldt", 16, (0,), None),
    "ltr %r9w": ("ltr", 16, (9,), None),
    "sgdt (%rax)": ("sgdt", 80, (), None),
    "sidt (%rax)": ("sidt", 80, (), None),
    "sldt %eax": ("sldt", 32, (0,), None),
    "str %r11d": ("str", 32, (11,), None),
    "smsw (%rbx)": ("smsw", 16, (), None),
    "lmsw %cx": ("lmsw", 16, (1,), None),
    "mov %cr3, %r10": ("mov_from_cr", 64, (10, 3), None),
    "mov %rax, %cr8": ("mov_to_cr", 64, (8, 0), None),
    "mov %dr7, %rbx": ("mov_from_dr", 64, (3, 7), None),
    "mov %rsi, %dr0": ("mov_to_dr", 64, (0, 6), None),
    "clts": ("clts", 0, (), None),
    "invlpg (%rax)": ("invlpg", 0, (), None),
    "invpcid (%rax), %r8": ("invpcid", 64, (8,), None),
    "invd": ("invd", 0, (), None),
    "wbinvd": ("wbinvd", 0, (), None),
    "wbnoinvd": ("wbinvd", 0, (), None),
    "inb $0x21, %al": ("in", 8, (0,), 0x21),
    "inl %dx, %eax": ("in", 32, (0, 2), None),
    "outb %al, $0x80": ("out", 8, (0,), 0x80),
    "outw %ax, %dx": ("out", 16, (2, 0), None),
    "rep insb": ("ins", 8, (2,), None),
    "rep outsl": ("outs", 32, (2,), None),
    "iretq": ("iret", 64, (), None),
    "iretl": ("iret", 32, (), None),
    "lretq": ("lret", 64, (), None),
    "lretq $8": ("lret", 64, (), 8),
    "sysretq": ("sysret", 64, (), None),
    "sysretl": ("sysret", 32, (), None),
    "sysexitq": ("sysexit", 64, (), None),
    "rex.W ljmp *(%rax)": ("ljmp", 80, (), None),
    "lcall *(%rax)": ("lcall", 48, (), None),
    "swapgs": ("swapgs", 0, (), None),
    "rdmsr": ("rdmsr", 0, (), None),
    "wrmsr": ("wrmsr", 0, (), None),
    "rdpmc": ("rdpmc", 0, (), None),
    "rdtsc": ("rdtsc", 0, (), None),
    "rdtscp": ("rdtscp", 0, (), None),
    "cpuid": ("cpuid", 0, (), None),
    "mov %ds, %eax": ("mov_from_seg", 32, (0, 3), None),
    "mov %gs, (%rax)": ("mov_from_seg", 16, (5,), None),
    "mov %eax, %ss": ("mov_to_seg", 32, (2, 0), None),
    "push %fs": ("push_seg", 64, (4,), None),
    "pop %gs": ("pop_seg", 64, (5,), None),
    "lss (%rax), %ebx": ("load_far_pointer", 32, (3,), None),
    "lfs (%rax), %bx": ("load_far_pointer", 16, (3,), None),
    "rdfsbase %rax": ("rdfsbase", 64, (0,), None),
    "rdgsbase %eax": ("rdgsbase", 32, (0,), None),
    "wrfsbase %r15": ("wrfsbase", 64, (15,), None),
    "wrgsbase %rdx": ("wrgsbase", 64, (2,), None),
    "verr (%rax)": ("verr", 16, (), None),
    "verw (%rax)": ("verw", 16, (), None),
    "lar %cx, %eax": ("lar", 32, (0, 1), None),
    "lsl (%rbx), %rax": ("lsl", 64, (0,), None),
    "int $0x80": ("int", 0, (), 0x80),
    "int3": ("int3", 0, (), None),
    "ud2": ("ud2", 0, (), None),
    "xsetbv": ("xsetbv", 0, (), None),
    "monitor": ("monitor", 0, (), None),
    "monitorx": ("monitor", 0, (), None),
    "mwait": ("mwait", 0, (), None),
    "mwaitx": ("mwait", 0, (), None),
}


@pytest.fixture(scope="module")
def assembled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Each instruction as GNU as encodes it."""
    directory = tmp_path_factory.mktemp("as")
    source = "".join(f".balign 32, 0x90\n{text}\n" for text in INSTRUCTIONS)
    (directory / "a.s").write_text(source)
    subprocess.run(["as", "-o", "a.o", "a.s"], cwd=directory, check=True)
    subprocess.run(["objcopy", "-O", "binary", "-j", ".text", "a.o", "a.bin"], cwd=directory, check=True)
    code = (directory / "a.bin").read_bytes()
    return {text: code[32 * n : 32 * n + 32] for n, text in enumerate(INSTRUCTIONS)}


@pytest.mark.parametrize("text", INSTRUCTIONS)
def test_instruction(assembled: dict[str, bytes], text: str) -> None:
    class_name, width, registers, immediate = INSTRUCTIONS[text]
    decoded = X86_64.decode(assembled[text], VA)
    assert (decoded.class_name, decoded.width_bits) == (class_name, width)
    assert (decoded.registers, decoded.immediate) == (registers, immediate)
    assert decoded.repeat == text.startswith("rep ")
    assert (decoded.memory is not None) == ("(" in text or class_name in ("ins", "outs"))


def test_every_spelling_of_every_class_is_decoded(tmp_path: Path) -> None:
    source = "x:\n" + "".join(f".balign 32, 0x90\n{att}\n" for _, att, *_ in SPELLINGS)
    (tmp_path / "a.s").write_text(source)
    subprocess.run(["as", "-o", "a.o", "a.s"], cwd=tmp_path, check=True)
    subprocess.run(["objcopy", "-O", "binary", "-j", ".text", "a.o", "a.bin"], cwd=tmp_path, check=True)
    code = (tmp_path / "a.bin").read_bytes()
    decoded = [X86_64.decode(code[32 * n : 32 * n + 32], VA).class_name for n in range(len(SPELLINGS))]
    assert decoded == [name for name, *_ in SPELLINGS]
    assert {*decoded} == {row.name for row in CLASSES}


def test_memory_operands(assembled: dict[str, bytes]) -> None:
    memory = X86_64.decode(assembled["lgdt 8(%rax,%r12,4)"], VA).memory
    assert memory == (0, 12, 4, 8, 3, 64)
    relative = X86_64.decode(bytes.fromhex("0f011d00100000"), VA)
    assert relative.ip_relative
    assert relative.memory is not None
    assert (relative.memory.base, relative.memory.displacement) == (None, VA + 7 + 0x1000)
    negative = X86_64.decode(bytes.fromhex("0f0178f0"), VA).memory
    assert negative is not None
    assert (negative.base, negative.displacement) == (0, -16)
    gs = X86_64.decode(bytes.fromhex("650f013c2544332211"), VA).memory
    assert gs is not None
    assert (gs.base, gs.displacement, gs.segment) == (None, 0x11223344, 5)


def test_widths_of_ia32() -> None:
    memory = I386.decode(bytes.fromhex("0f0118"), 0x1000).memory
    assert memory is not None
    assert memory.address_bits == 32
    assert I386.decode(b"\x9c", 0x1000).width_bits == 32


@pytest.mark.parametrize("length", range(1, 64))
def test_nops_are_nops_for_objdump(tmp_path: Path, length: int) -> None:
    path = tmp_path / "nops"
    path.write_bytes(X86_64.nops(length))
    listing = subprocess.run(
        ["objdump", "-D", "-w", "-b", "binary", "-m", "i386:x86-64", path], check=True, capture_output=True, text=True
    ).stdout
    decoded = re.findall(r"^\s*[0-9a-f]+:\t([0-9a-f ]+?)\s*\t(.*)$", listing, re.MULTILINE)
    assert sum(len(code.split()) for code, _ in decoded) == length
    assert all(text.startswith(("nop", "xchg   %ax,%ax")) for _, text in decoded)
    assert len(decoded) == -(-length // 9)
    assert X86_64.is_padding(path.read_bytes())


def test_nops_by_length() -> None:
    assert [len(nop) for nop in NOPS] == list(range(10))


@given(st.binary(max_size=20))
def test_decoding_anything_gives_an_instruction_or_a_link_error(code: bytes) -> None:
    for codec in (X86_64, I386):
        try:
            decoded = codec.decode(code, VA & 0xFFFFFFFF)
        except previrt.LinkError:
            continue
        assert code.startswith(decoded.code)
        assert (decoded.class_number, decoded.class_name) in {(row.number, row.name) for row in CLASSES}


@given(st.integers(-(1 << 70), 1 << 70), st.integers(2, 64), st.sampled_from([1, 2, 16]))
def test_fits_signed(value: int, bits: int, align: int) -> None:
    holds = True
    try:
        value.to_bytes(16, "little", signed=True)
        sign = -1 if value < 0 else 0
        holds = value >> (bits - 1) == sign and value % align == 0
    except OverflowError:
        holds = False
    assert fits_signed(value, bits, align) == holds


@given(st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1)), max_size=20))
def test_records_read_as_construct_reads_them(pairs: list[tuple[int, int]]) -> None:
    data = b"".join(formats.RECORD_64.build({"start_va": a, "end_va": b}) for a, b in pairs)
    read = words(data, 8)
    assert list(zip(read[0::2], read[1::2], strict=True)) == pairs
    small = b"".join(formats.RECORD_32.build({"start_va": a >> 32, "end_va": b >> 32}) for a, b in pairs)
    read = words(small, 4)
    assert list(zip(read[0::2], read[1::2], strict=True)) == [(a >> 32, b >> 32) for a, b in pairs]


@given(st.integers(0, 2**16 - 1), st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_info_words_are_where_construct_puts_them(number: int, flags: int, line: int, file_off: int) -> None:
    info = {"class_number": number, "flags": flags, "scratch": 0, "line": line, "file_off": file_off}
    read = words(formats.INFO.build(info), 4)
    assert list(read) == [number | flags << 16, 0, line, file_off]


@given(
    st.lists(st.integers(0, 2**31 - 64), min_size=1, max_size=8),
    st.integers(0, 2**31 - 64),
    st.integers(-64, 64),
    st.sampled_from([FixupKind.PC32, FixupKind.ABS32, FixupKind.ABS64]),
)
def test_fill_is_what_relocations_say(places: list[int], symbol: int, addend: int, kind: FixupKind) -> None:
    size = 8 if kind is FixupKind.ABS64 else 4
    template = b"\xaa\xbb" + bytes(size) + b"\xcc"
    filled = fill(template, [Fixup(2, "s", addend, kind)], places, lambda _: symbol, "test")
    for n, place in enumerate(places):
        one = filled[n * len(template) : (n + 1) * len(template)]
        value = symbol + addend - (place + 2 if kind is FixupKind.PC32 else 0)
        assert one == b"\xaa\xbb" + (value % (1 << 8 * size)).to_bytes(size, "little") + b"\xcc"


@pytest.mark.parametrize(("place", "reaches"), [(0x1000, True), (0x1001 + 2**31, False), (-(2**31), False)])
def test_fill_names_the_place_that_is_out_of_reach(place: int, reaches: bool) -> None:
    fixups = [Fixup(0, "far", 0)]
    if reaches:
        fill(bytes(4), fixups, [0x1000, place], lambda _: 0x1000, "'cli'")
        return
    with pytest.raises(previrt.LinkError) as caught:
        fill(bytes(4), fixups, [0x1000, place], lambda _: 0x1000, "'cli'")
    assert str(caught.value).startswith(f"'cli' at {place:#x}: 'far' is out of reach: found a distance of ")
