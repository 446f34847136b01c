"""Placing an interface module and every kind of form, judged by running the result in unicorn and by objdump.

The module and the binding here are small and real: gcc builds the module, the linker places it, the CPU emulator runs
the sites. Nothing of the linker is replaced.
"""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import unicorn
from elftools.elf.elffile import ELFFile
from elfwriter import BASE_VA, PART_LEN, TEXT_VA, Site, make_image, note, site_addresses
from unicorn.x86_const import (
    UC_X86_REG_RAX,
    UC_X86_REG_RBX,
    UC_X86_REG_RCX,
    UC_X86_REG_RDX,
    UC_X86_REG_RIP,
    UC_X86_REG_RSP,
)

import previrt
from linker.hypervisors.base import (
    SITE_END,
    SITE_START,
    STUB,
    TABLE_ROW,
    Fixup,
    FixupKind,
    Form,
    FormKind,
    Stub,
    TableContext,
    Tables,
    Unbindable,
)
from linker.hypervisors.requirements import Finding, Guest
from linker.sites.codec import Instruction
from linker.table.read import read_bound_to

uc: Any = unicorn  # it has no types
STACK_VA, STACK_LEN = 0x10000000, 0x10000
STOP_VA = 0x20000000
HERE = Path(__file__).parent

# Two parts, references across them: PC32 to data and bss, PLT32 inside, words that hold addresses of both.
MODULE_C = """
__attribute__((visibility("protected"))) unsigned char flag = 1;
__attribute__((visibility("protected"))) unsigned long word_a, word_b;
__attribute__((visibility("protected"))) unsigned long seen[4];
static unsigned long counter;
static unsigned long bump(unsigned long by) { return counter += by; }
static unsigned long (*const table[])(unsigned long) = { bump };
static unsigned long *volatile pointer = &counter;
__attribute__((visibility("protected"))) unsigned long work(unsigned long row)
{
    seen[0] = row;
    seen[1] = word_a;
    return table[0](word_b) + *pointer;
}
"""
MODULE_S = """
    .globl enter, start
    .text
enter:                          # the row is in lol_row's place: %rax
    push %rdi
    mov %rax, %rdi
    call work@PLT
    pop %rdi
    ret
start:
    jmp start
    .section .note.previrt.module, "a", @note
    .long 8, 24, 5
    .asciz "previrt"
    .ascii "test"
    .zero 12
    .short 62, 0
    .long 7
    .section .note.GNU-stack, "", @progbits
"""
MODULE_LDS = """
PHDRS { text PT_LOAD FLAGS(5); data PT_LOAD FLAGS(6); dynamic PT_DYNAMIC; }
SECTIONS {
  . = 0;
  .text : { *(.text*) } :text
  .rodata : { *(.rodata*) } :text
  .note.previrt.module : { *(.note.previrt.module) } :text
  .hash : { *(.hash) } :text
  .gnu.hash : { *(.gnu.hash) } :text
  .dynsym : { *(.dynsym) } :text
  .dynstr : { *(.dynstr) } :text
  .rela.dyn : { *(.rela*) } :text
  . = ALIGN(0x1000);
  .data : { *(.data*) *(.got*) } :data
  .dynamic : { *(.dynamic) } :data :dynamic
  .bss : { *(.bss*) } :data
  /DISCARD/ : { *(.comment) *(.eh_frame) *(.note.gnu*) }
}
"""


@pytest.fixture(scope="session")
def module_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("module")
    for name, text in (("m.c", MODULE_C), ("s.S", MODULE_S), ("m.lds", MODULE_LDS)):
        (directory / name).write_text(text)
    compiling = "-O2 -fPIC -fvisibility=hidden -fno-asynchronous-unwind-tables -mno-red-zone -fcf-protection=none"
    linking = "-nostdlib -shared -Wl,-T,m.lds -Wl,--emit-relocs -Wl,--build-id=none -Wl,-z,norelro"
    subprocess.run(
        ["gcc", *compiling.split(), *linking.split(), "-o", "module.so", "m.c", "s.S"],
        cwd=directory,
        check=True,
    )
    return directory / "module.so"


CALL, JMP = b"\xe8\0\0\0\0", b"\xe9\0\0\0\0"
END = -4


class Binding:
    """cli: inline. sti: call of an entry, ends with the site. rdmsr: call of a stub per instruction. swapgs: jump to a
    stub per site. hlt: traps. wrmsr: nothing. cpuid: absolute fixups. invd: no form."""

    target = "test"
    entry_symbol: str | None = "start"

    def requirements(self, guest: Guest) -> tuple[Finding, ...]:
        return ()

    def __init__(self, module: Path | None) -> None:
        self.module = module
        self.contexts: list[TableContext] = []

    def form(self, insn: Instruction, room_len: int, flags: int) -> Form | Unbindable:
        name = insn.class_name
        # c6 05 rel32 00: the immediate is behind the field
        if name == "cli":
            return Form(FormKind.INLINE, b"\xc6\x05\0\0\0\0\0", (Fixup(2, "flag", -5),))
        if name == "sti":
            return Form(FormKind.CALL, CALL, (Fixup(1, "enter", END),), pad_front=True)
        if name == "rdmsr":
            # lea row(%rip), %rax; jmp enter
            stub = Stub(b"\x48\x8d\x05\0\0\0\0" + JMP, (Fixup(3, TABLE_ROW, END), Fixup(8, "enter", END)))
            return Form(FormKind.CALL, CALL, (Fixup(1, STUB, END),), stub)
        if name == "swapgs":
            # lea site(%rip), %rbx; mov $row, %ecx; jmp end
            code = b"\x48\x8d\x1d\0\0\0\0\x48\xc7\xc1\0\0\0\0" + JMP
            holes = (Fixup(3, SITE_START, END), Fixup(10, TABLE_ROW, 0, FixupKind.ABS32), Fixup(15, SITE_END, END))
            return Form(FormKind.JUMP, JMP, (Fixup(1, STUB, END),), Stub(code, holes, per_site=True))
        if name == "hlt":
            return Form(FormKind.TRAP, insn.code, reason="faults")
        if name == "wrmsr":
            return Form(FormKind.INLINE, b"", reason="does nothing")
        if name == "cpuid":
            # movabs $flag, %rdx
            return Form(FormKind.INLINE, b"\x48\xba" + bytes(8), (Fixup(2, "flag", 1, FixupKind.ABS64),))
        return Unbindable(f"no form for {name}")

    def tables(self, context: TableContext) -> Tables:
        self.contexts.append(context)
        data = b"".join(insn.code.ljust(16, b"\0") for insn in context.instructions)
        rows = tuple(range(0, len(data), 16))
        return Tables(data, rows, {"word_a": context.guest_entry_va, "word_b": len(context.sites)})


SITES = [
    Site("fa"),
    Site("fb"),
    Site("0f32"),
    Site("0f01f8"),
    Site("0f32"),
    Site("0f01f8"),
    Site("f4"),
    Site("0f30"),
    Site("0fa2", 10),
    Site("fa"),
]
CLI, STI, RDMSR, SWAPGS, RDMSR_2, SWAPGS_2, HLT, WRMSR, CPUID, CLI_2 = range(10)
PLACES = site_addresses(SITES)


class Bound(NamedTuple):
    path: Path
    original: Path
    binding: Binding
    report: previrt.LinkReport


@pytest.fixture
def bound(tmp_path: Path, module_path: Path) -> Bound:
    original = tmp_path / "guest"
    original.write_bytes(make_image(SITES))
    binding = Binding(module_path)
    report = previrt.link(original, "test", binding=binding)
    return Bound(tmp_path / "guest.test", original, binding, report)


class Machine:
    """A CPU with the image's segments in memory, read by pyelftools."""

    def __init__(self, path: Path) -> None:
        self.cpu: Any = uc.Uc(uc.UC_ARCH_X86, uc.UC_MODE_64)
        self.symbols: dict[str, int] = {}
        with path.open("rb") as stream:
            elf: Any = ELFFile(stream)
            for segment in elf.iter_segments("PT_LOAD"):
                start = segment["p_vaddr"] & ~4095
                length = segment["p_vaddr"] + segment["p_memsz"] - start
                self.cpu.mem_map(start, length + 4095 & ~4095)
                self.cpu.mem_write(segment["p_vaddr"], segment.data())
        self.cpu.mem_map(STACK_VA, STACK_LEN)
        self.cpu.reg_write(UC_X86_REG_RSP, STACK_VA + STACK_LEN)

    def run_site(self, index: int) -> None:
        start, end = PLACES[index]
        self.cpu.emu_start(start, end, count=200)
        assert self.cpu.reg_read(UC_X86_REG_RIP) == end
        assert self.cpu.reg_read(UC_X86_REG_RSP) == STACK_VA + STACK_LEN

    def word(self, va: int) -> int:
        return int(struct.unpack("<Q", self.cpu.mem_read(va, 8))[0])


def exported(module: Path, name: str, reserve_data_va: int) -> int:
    """Where a data symbol of the module is, worked out by pyelftools from the module alone."""
    with module.open("rb") as stream:
        elf: Any = ELFFile(stream)
        data = next(s for s in elf.iter_segments("PT_LOAD") if s["p_flags"] & 2)
        symbol = elf.get_section_by_name(".dynsym").get_symbol_by_name(name)[0]
        return int(reserve_data_va + symbol["st_value"] - data["p_vaddr"])


def reserve_of(path: Path) -> tuple[int, int]:
    with path.open("rb") as stream:
        elf: Any = ELFFile(stream)
        names = (".text.previrt_reserve", ".data.previrt_reserve")
        text, data = (int(elf.get_section_by_name(name)["sh_addr"]) for name in names)
    return text, data


def test_inline_form_reaches_the_modules_data(bound: Bound, module_path: Path) -> None:
    machine = Machine(bound.path)
    flag_va = exported(module_path, "flag", reserve_of(bound.path)[1])
    for site in (CLI, CLI_2):
        machine.cpu.mem_write(flag_va, b"\1")
        machine.run_site(site)
        assert machine.cpu.mem_read(flag_va, 1) == b"\0"


def test_call_runs_the_module_with_references_across_its_parts(bound: Bound, module_path: Path) -> None:
    """The entry uses bss, a table of function addresses and a pointer; words the linker set are added up."""
    machine = Machine(bound.path)
    machine.cpu.reg_write(UC_X86_REG_RAX, 0x1234)
    machine.run_site(STI)
    sites = len(SITES)
    assert machine.cpu.reg_read(UC_X86_REG_RAX) == 2 * sites  # counter grew by word_b, added to *pointer, the same
    seen_va = exported(module_path, "seen", reserve_of(bound.path)[1])
    assert machine.word(seen_va) == 0x1234
    assert machine.word(seen_va + 8) == TEXT_VA  # word_a: the guest's entry
    machine.run_site(STI)
    assert machine.cpu.reg_read(UC_X86_REG_RAX) == 4 * sites


def test_call_with_padding_in_front_ends_with_its_site(bound: Bound) -> None:
    start, end = PLACES[STI]
    code = bound.path.read_bytes()[start - BASE_VA : end - BASE_VA]
    assert code[:3] == bytes.fromhex("0f1f00")
    assert code[3] == 0xE8


def test_stub_of_an_instruction_is_shared_and_knows_its_row(bound: Bound, module_path: Path) -> None:
    machine = Machine(bound.path)
    context = bound.binding.contexts[0]
    seen_va = exported(module_path, "seen", reserve_of(bound.path)[1])
    for site in (RDMSR, RDMSR_2):
        machine.run_site(site)
        row_va = machine.word(seen_va)
        row = next(n for n, insn in enumerate(context.instructions) if insn.class_name == "rdmsr")
        assert row_va == context.data_va + 16 * row
        assert machine.cpu.mem_read(row_va, 16) == b"\x0f\x32".ljust(16, b"\0")
    targets = set()
    for site in (RDMSR, RDMSR_2):
        start, _ = PLACES[site]
        off = start - BASE_VA
        targets.add(start + 5 + struct.unpack_from("<i", bound.path.read_bytes(), off + 1)[0])
    assert len(targets) == 1


def test_stub_of_a_site_knows_its_site_and_comes_back(bound: Bound) -> None:
    machine = Machine(bound.path)
    for site in (SWAPGS, SWAPGS_2):
        machine.run_site(site)
        assert machine.cpu.reg_read(UC_X86_REG_RBX) == PLACES[site][0]
        row_va = machine.cpu.reg_read(UC_X86_REG_RCX)
        assert machine.cpu.mem_read(row_va, 3) == b"\x0f\x01\xf8"


def test_absolute_fixup_and_empty_form(bound: Bound, module_path: Path) -> None:
    machine = Machine(bound.path)
    machine.run_site(CPUID)
    flag_va = exported(module_path, "flag", reserve_of(bound.path)[1])
    assert machine.cpu.reg_read(UC_X86_REG_RDX) == flag_va + 1
    machine.run_site(WRMSR)
    start, end = PLACES[WRMSR]
    assert bound.path.read_bytes()[start - BASE_VA : end - BASE_VA] == bytes.fromhex("0f1f840000000000")


def test_trap_form_keeps_the_instruction(bound: Bound) -> None:
    start, end = PLACES[HLT]
    assert bound.path.read_bytes()[start - BASE_VA : end - BASE_VA] == bytes.fromhex("f40f1f8000000000")


def test_entry_is_the_modules_and_restoring_gives_the_guests_back(bound: Bound) -> None:
    with bound.path.open("rb") as stream:
        entry = ELFFile(stream).header["e_entry"]
    assert entry == bound.report.entry_va
    text_va, _ = reserve_of(bound.path)
    assert text_va <= entry < text_va + PART_LEN
    assert read_bound_to(bound.path).target == "test"
    assert bound.path.stat().st_mode & 0o100, "who may read it may run it"
    previrt.restore(bound.path)
    assert Path(f"{bound.path}.restored").read_bytes() == bound.original.read_bytes()


def test_table_context(bound: Bound) -> None:
    context = bound.binding.contexts[0]
    text_va, data_va = reserve_of(bound.path)
    assert (context.text_va, context.reserve_data_va) == (text_va, data_va)
    assert [(start, end) for start, end, _ in context.sites] == PLACES
    assert [context.instructions[row].text for _, _, row in context.sites][:3] == ["cli", "sti", "rdmsr"]
    assert (context.guest_entry_va, context.image_entry_va) == (TEXT_VA, TEXT_VA)
    assert context.data_va % 64 == 0


def test_nothing_changes_outside_sites_reserve_notes_undo_and_entry(bound: Bound) -> None:
    before, after = bound.original.read_bytes(), bound.path.read_bytes()
    assert len(before) == len(after)
    changed = {n for n, (a, b) in enumerate(zip(before, after, strict=True)) if a != b}
    text_va, data_va = reserve_of(bound.path)
    allowed = {va - BASE_VA for start, end in PLACES for va in range(start, end)} | set(range(24, 32))
    for va in (text_va, data_va):
        allowed |= set(range(va - BASE_VA, va - BASE_VA + PART_LEN))
    note_off = before.index(b"previrt\0" + bytes(40)) + 8
    allowed |= set(range(note_off, note_off + 40))
    with bound.path.open("rb") as stream:
        elf: Any = ELFFile(stream)
        undo = elf.get_section_by_name(".afterburn.undo")
        allowed |= set(range(undo["sh_offset"], undo["sh_offset"] + undo["sh_size"]))
    assert changed <= allowed


def test_rebinding_identities(bound: Bound, tmp_path: Path) -> None:
    previrt.link(bound.original, "bare")
    bare = Path(f"{bound.original}.bare")
    previrt.link(bound.path, "bare", output=tmp_path / "test.bare")
    assert (tmp_path / "test.bare").read_bytes() == bare.read_bytes()
    previrt.link(bare, "test", output=tmp_path / "bare.test", binding=bound.binding)
    assert (tmp_path / "bare.test").read_bytes() == bound.path.read_bytes()
    previrt.link(bound.path, "test", output=tmp_path / "test.test", binding=bound.binding)
    assert (tmp_path / "test.test").read_bytes() == bound.path.read_bytes()


def test_left_out_sites_stay_native_and_restore(bound: Bound, tmp_path: Path) -> None:
    output = tmp_path / "partly"
    report = previrt.link(bound.path, "test", binding=bound.binding, skip=["cli", "swapgs"], output=output)
    assert report.skipped == 4
    start, end = PLACES[CLI]
    assert output.read_bytes()[start - BASE_VA : end - BASE_VA] == b"\xfa" + b"\x90" * 7
    previrt.restore(output)
    assert Path(f"{output}.restored").read_bytes() == bound.original.read_bytes()


def test_sites_without_a_form_are_named(tmp_path: Path, module_path: Path) -> None:
    path = tmp_path / "guest"
    path.write_bytes(make_image([Site("fa"), Site("0f08"), Site("fb", 4)]))
    with pytest.raises(previrt.LinkError) as caught:
        previrt.link(path, "test", binding=Binding(module_path))
    assert str(caught.value) == (
        f"{path}: .afterburn record 1 at 0x401009: 2 of 3 sites cannot be bound; the first is 'invd' (invd) in 8 "
        "bytes: no form for invd; --list shows all of them; --skip leaves them native"
    )
    failures = caught.value.to_json()["failures"]
    assert isinstance(failures, list)
    assert [(f["class_name"], f["reason"]) for f in failures] == [
        ("invd", "no form for invd"),
        ("sti", "site is too short: 5 bytes needed, 4 there"),
    ]
    assert previrt.link(path, "test", binding=Binding(module_path), skip=["invd", "sti"]).bound == 1


def test_image_without_a_reserve_grows(tmp_path: Path, module_path: Path) -> None:
    """L4Ka's format and LIEF: the module becomes segments, sites run, restoring and binding again are exact."""
    path = tmp_path / "guest"
    path.write_bytes(make_image(SITES, version1=False, reserve=False))
    binding = Binding(module_path)
    previrt.link(path, "test", binding=binding)
    grown = tmp_path / "guest.test"
    machine = Machine(grown)
    for site in (CLI, STI, RDMSR, SWAPGS, CPUID):
        machine.run_site(site)
    assert machine.cpu.reg_read(UC_X86_REG_RBX) == PLACES[SWAPGS][0]
    assert read_bound_to(grown).target == "test"
    with path.open("rb") as one, grown.open("rb") as other:
        before: Any = ELFFile(one)
        after: Any = ELFFile(other)
        for name in (".data", ".afterburn", ".symtab", ".strtab"):
            assert before.get_section_by_name(name).data() == after.get_section_by_name(name).data()
    previrt.restore(grown)
    assert Path(f"{grown}.restored").read_bytes() == path.read_bytes()
    previrt.link(path, "bare")
    previrt.link(grown, "bare", output=tmp_path / "test.bare")
    assert (tmp_path / "test.bare").read_bytes() == Path(f"{path}.bare").read_bytes()
    previrt.link(f"{path}.bare", "test", output=tmp_path / "bare.test", binding=binding)
    assert (tmp_path / "bare.test").read_bytes() == grown.read_bytes()


def test_damaged_kept_original(tmp_path: Path, module_path: Path) -> None:
    path = tmp_path / "guest"
    path.write_bytes(make_image(SITES, version1=False, reserve=False))
    previrt.link(path, "test", binding=Binding(module_path), in_place=True)
    with path.open("rb") as stream:
        elf: Any = ELFFile(stream)
        kept_off = elf.get_section_by_name(".afterburn.original")["sh_offset"]
    for at, value in ((16, 1), (16, 255), (23, 255), (24, 0), (32, 0), (60, 255)):
        broken = bytearray(path.read_bytes())
        broken[kept_off + at] ^= value or 255
        (tmp_path / "broken").write_bytes(broken)
        with pytest.raises(previrt.LinkError, match=r"kept original is (damaged|larger than the image)"):
            previrt.restore(tmp_path / "broken")


def test_reserve_that_is_too_small(tmp_path: Path, module_path: Path) -> None:
    path = tmp_path / "guest"
    text_va, data_va = TEXT_VA + 0x2000, TEXT_VA + 0x2000 + PART_LEN
    reserve = note(3, struct.pack("<QQQQQ", text_va, 64, data_va, 4096, 0))
    good = make_image(SITES)
    notes = good[good.index(b"previrt\0") - 12 :][: 12 + 8 + 32 + 12 + 8 + 40]
    path.write_bytes(make_image(SITES, notes=notes + reserve))
    with pytest.raises(previrt.LinkError) as caught:
        previrt.link(path, "test", binding=Binding(module_path))
    assert "the reserve's text part is too small: found 64 bytes, expected at least" in str(caught.value)
    assert "PREVIRT_RESERVE_TEXT=4096" in str(caught.value)


def test_module_for_something_else_and_missing_module(tmp_path: Path, module_path: Path) -> None:
    path = tmp_path / "guest"
    path.write_bytes(make_image(SITES))
    other = Binding(module_path)
    other.target = "other"
    with pytest.raises(previrt.LinkError, match="interface module is for something else: found test on ELF machine 62"):
        previrt.link(path, "other", binding=other)
    with pytest.raises(previrt.LinkError, match="cannot open: No such file"):
        previrt.link(path, "test", binding=Binding(tmp_path / "none.so"))
    (tmp_path / "bad.so").write_bytes(make_image(SITES))
    with pytest.raises(previrt.LinkError, match="module has the wrong segments"):
        previrt.link(path, "test", binding=Binding(tmp_path / "bad.so"))


def test_module_text_disassembles_as_before_but_for_what_moved(bound: Bound, module_path: Path) -> None:
    """objdump of the placed text and of the module differ in addresses only, by how far the parts moved."""
    text_va, data_va = reserve_of(bound.path)

    def listing(path: Path, start: int, end: int) -> list[tuple[str, list[str]]]:
        command: list[str | Path] = [
            "objdump",
            "-d",
            "-w",
            "--no-show-raw-insn",
            f"--start-address={start}",
            f"--stop-address={end}",
            path,
        ]
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
        return [(line.split("\t")[1].split()[0], line.split("#")[1:]) for line in lines if line.startswith(" ")]

    with module_path.open("rb") as stream:
        elf: Any = ELFFile(stream)
        text = elf.get_section_by_name(".text")
        assert text is not None
        data = next(s for s in elf.iter_segments("PT_LOAD") if s["p_flags"] & 2)["p_vaddr"]
    old = listing(module_path, text["sh_addr"], text["sh_addr"] + text["sh_size"])
    new = listing(bound.path, text_va + text["sh_addr"], text_va + text["sh_addr"] + text["sh_size"])
    assert [name for name, _ in old] == [name for name, _ in new]
    moved = 0
    for (_, before), (_, after) in zip(old, new, strict=True):
        if before:
            old_va, new_va = (int(comment[0].split()[0], 16) for comment in (before, after))
            assert new_va - old_va == (data_va - data if old_va >= data else text_va)
            moved += old_va >= data
    assert moved
