"""Every operation class in AT&T and in Intel syntax: found, padded, recorded, its bytes untouched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import iced_x86
import pytest
from assembling import assemble, assemble_plain

from linker.sites.x86_64.classes import CLASSES

if TYPE_CHECKING:
    from pathlib import Path

# class, AT&T, Intel (None: the same words), mnemonic iced-x86 must see at the site
SPELLINGS = (
    ("cli", "cli", None, "CLI"),
    ("sti", "sti", None, "STI"),
    ("pushf", "pushf", None, "PUSHFQ"),
    ("pushf", "pushfq", None, "PUSHFQ"),
    ("pushf", "pushfw", None, "PUSHF"),
    ("popf", "popf", None, "POPFQ"),
    ("popf", "popfq", None, "POPFQ"),
    ("popf", "popfw", None, "POPF"),
    ("hlt", "hlt", None, "HLT"),
    ("lgdt", "lgdt 4(%rax)", "lgdt [rax+4]", "LGDT"),
    ("lgdt", "lgdt x(%rip)", "lgdt x[rip]", "LGDT"),
    ("lidt", "lidt (%rsp)", "lidt [rsp]", "LIDT"),
    ("lldt", "lldt %ax", "lldt ax", "LLDT"),
    ("lldt", "lldt 2(%rbx)", "lldt word ptr [rbx+2]", "LLDT"),
    ("ltr", "ltr %si", "ltr si", "LTR"),
    ("sgdt", "sgdt (%rdi)", "sgdt [rdi]", "SGDT"),
    ("sidt", "sidt (%rdi)", "sidt [rdi]", "SIDT"),
    ("sldt", "sldt %eax", "sldt eax", "SLDT"),
    ("sldt", "sldtw (%rax)", "sldt word ptr [rax]", "SLDT"),
    ("str", "str %rax", "str rax", "STR"),
    ("smsw", "smsw %rcx", "smsw rcx", "SMSW"),
    ("smsw", "smsww (%rax)", "smsw word ptr [rax]", "SMSW"),
    ("lmsw", "lmsw %ax", "lmsw ax", "LMSW"),
    ("mov_from_cr", "mov %cr0, %rax", "mov rax, cr0", "MOV"),
    ("mov_from_cr", "movq %cr8,%r12", "mov r12,cr8", "MOV"),
    ("mov_from_cr", "mov % cr3, %rbx", "mov rbx, cr3", "MOV"),
    ("mov_to_cr", "mov %rax, %cr4", "mov cr4, rax", "MOV"),
    ("mov_from_dr", "mov %dr7, %rax", "mov rax, dr7", "MOV"),
    ("mov_from_dr", "mov %db6, %rax", "mov rax, dr6", "MOV"),
    ("mov_to_dr", "mov %rax, %dr0", "mov dr0, rax", "MOV"),
    ("clts", "clts", None, "CLTS"),
    ("invlpg", "invlpg (%rax)", "invlpg [rax]", "INVLPG"),
    ("invpcid", "invpcid (%rax), %rcx", "invpcid rcx, [rax]", "INVPCID"),
    ("invd", "invd", None, "INVD"),
    ("wbinvd", "wbinvd", None, "WBINVD"),
    ("wbinvd", "wbnoinvd", None, "WBNOINVD"),
    ("in", "in %dx, %al", "in al, dx", "IN"),
    ("in", "inb %dx, %al", "in al, dx", "IN"),
    ("in", "inl $0x71, %eax", "in eax, 0x71", "IN"),
    ("in", "inw (%dx), %ax", "in ax, dx", "IN"),
    ("in", "inb $7, %al", "in al, 7", "IN"),
    ("out", "out %al, %dx", "out dx, al", "OUT"),
    ("out", "outb %al, $0x80", "out 0x80, al", "OUT"),
    ("out", "outl %eax, (%dx)", "out dx, eax", "OUT"),
    ("ins", "insb", None, "INSB"),
    ("ins", "rep insl", "rep insd", "INSD"),
    ("ins", "rep insw (%dx), %es:(%rdi)", "rep ins word ptr es:[rdi], dx", "INSW"),
    ("outs", "outsw", None, "OUTSW"),
    ("outs", "repz outsl", "rep outsd", "OUTSD"),
    ("iret", "iret", None, "IRETD"),
    ("iret", "iretq", None, "IRETQ"),
    ("iret", "rex.W iret", None, "IRETQ"),
    ("iret", "iretw", None, "IRET"),
    ("lret", "lret", None, "RETF"),
    ("lret", "lretq", None, "RETF"),
    ("lret", "lret $8", "retf 8", "RETF"),
    ("sysret", "sysretq", None, "SYSRETQ"),
    ("sysret", "sysretl", "sysretd", "SYSRET"),
    ("sysret", "rex64 sysret", "sysretq", "SYSRETQ"),
    ("sysexit", "sysexit", "sysexitd", "SYSEXIT"),
    ("sysexit", "sysexitq", None, "SYSEXITQ"),
    ("ljmp", "ljmp *(%rax)", "jmp fword ptr [rax]", "JMP"),
    ("ljmp", "ljmpl *x(%rip)", "jmp fword ptr x[rip]", "JMP"),
    ("ljmp", "rex.W ljmp *(%rax)", "rex.W jmp fword ptr [rax]", "JMP"),
    ("lcall", "lcall *(%rax)", "call fword ptr [rax]", "CALL"),
    ("swapgs", "swapgs", None, "SWAPGS"),
    ("rdmsr", "rdmsr", None, "RDMSR"),
    ("wrmsr", "wrmsr", None, "WRMSR"),
    ("rdpmc", "rdpmc", None, "RDPMC"),
    ("rdtsc", "rdtsc", None, "RDTSC"),
    ("rdtscp", "rdtscp", None, "RDTSCP"),
    ("cpuid", "cpuid", None, "CPUID"),
    ("mov_from_seg", "mov %ds, %eax", "mov eax, ds", "MOV"),
    ("mov_from_seg", "movw %cs, 8(%rax)", "mov word ptr [rax+8], cs", "MOV"),
    ("mov_to_seg", "mov %ax, %ss", "mov ss, ax", "MOV"),
    ("mov_to_seg", "movl %eax, %fs", "mov fs, eax", "MOV"),
    ("mov_to_seg", "mov %gs:4(%rax), %ds", "mov ds, word ptr gs:[rax+4]", "MOV"),
    ("push_seg", "push %fs", "push fs", "PUSH"),
    ("push_seg", "pushq %gs", "push gs", "PUSH"),
    ("pop_seg", "pop %gs", "pop gs", "POP"),
    ("pop_seg", "popw %fs", "popw fs", "POP"),
    ("load_far_pointer", "lss (%rax), %esp", "lss esp, [rax]", "LSS"),
    ("load_far_pointer", "lfsl (%rax), %ecx", "lfs ecx, [rax]", "LFS"),
    ("load_far_pointer", "lgs (%rax), %ecx", "lgs ecx, [rax]", "LGS"),
    ("rdfsbase", "rdfsbase %rax", "rdfsbase rax", "RDFSBASE"),
    ("rdgsbase", "rdgsbase %rax", "rdgsbase rax", "RDGSBASE"),
    ("wrfsbase", "wrfsbase %eax", "wrfsbase eax", "WRFSBASE"),
    ("wrgsbase", "wrgsbase %r9", "wrgsbase r9", "WRGSBASE"),
    ("verr", "verr %ax", "verr ax", "VERR"),
    ("verw", "verw x(%rip)", "verw word ptr x[rip]", "VERW"),
    ("lar", "lar %ax, %eax", "lar eax, ax", "LAR"),
    ("lsl", "lsl %ecx, %eax", "lsl eax, ecx", "LSL"),
    ("int", "int $0x80", "int 0x80", "INT"),
    ("int3", "int3", None, "INT3"),
    ("int3", "int $3", "int 3", "INT3"),
    ("ud2", "ud2", None, "UD2"),
    ("ud2", "ud2a", None, "UD2"),
    ("xsetbv", "xsetbv", None, "XSETBV"),
    ("monitor", "monitor", None, "MONITOR"),
    ("monitor", "monitorx", None, "MONITORX"),
    ("mwait", "mwait", None, "MWAIT"),
    ("mwait", "mwaitx", None, "MWAITX"),
    ("clac", "clac", None, "CLAC"),
    ("stac", "stac", None, "STAC"),
    ("xsaves", "xsaves (%rdi)", "xsaves [rdi]", "XSAVES"),
    ("xsaves", "xsaves64 (%rdi)", "xsaves64 [rdi]", "XSAVES64"),
    ("xrstors", "xrstors x(%rip)", "xrstors x[rip]", "XRSTORS"),
    ("wrpkru", "wrpkru", None, "WRPKRU"),
    ("rdpkru", "rdpkru", None, "RDPKRU"),
    ("xrstor", "xrstor (%rsp)", "xrstor [rsp]", "XRSTOR"),
    ("xrstor", "xrstor64 8(%rax)", "xrstor64 [rax+8]", "XRSTOR64"),
    ("xgetbv", "xgetbv", None, "XGETBV"),
)
# Words some compilers and kernels write as bytes.
BYTES = (
    ("ud2", "0x0f, 0x0b", "UD2"),
    ("ud2", "15,11", "UD2"),
    ("monitor", "0x0f,0x01,0xc8", "MONITOR"),
    ("mwait", "0x0f, 0x01, 0xc9", "MWAIT"),
    ("monitor", "0x0f,0x01,0xfa", "MONITORX"),
    ("mwait", "0x0f,0x01,0xfb", "MWAITX"),
    ("xsetbv", "0x0f,0x01,0xd1", "XSETBV"),
    ("swapgs", "0x0f,0x01,0xf8", "SWAPGS"),
    ("rdtscp", "0x0f,0x01,0xf9", "RDTSCP"),
    ("rdmsr", "0x0f,0x32", "RDMSR"),
    ("wbinvd", "0xf3,0x0f,0x09", "WBNOINVD"),
    ("rdfsbase", "0xf3,0x48,0x0f,0xae,0xc0", "RDFSBASE"),
    ("wrgsbase", "0xf3,0x48,0x0f,0xae,0xd8", "WRGSBASE"),
    ("invpcid", "0x66, 0x0f, 0x38, 0x82, 0x01", "INVPCID"),
    ("mov_to_cr", "0x0f,0x22,0xc0", "MOV"),
    ("lgdt", "0x0f,0x01,0x10", "LGDT"),
    ("smsw", "0x0f,0x01,0xe0", "SMSW"),
    ("sysret", "0x48,0x0f,0x07", "SYSRETQ"),
    ("str", "0x0f,0x00,0xc8", "STR"),
    ("clac", "0x0f,0x01,0xca", "CLAC"),
    ("xrstors", "0x48, 0x0f,0xc7,0x1f", "XRSTORS64"),
    ("xrstor", "0x0f,0xae,0x2f", "XRSTOR"),
    ("wrpkru", "0x0f,0x01,0xef", "WRPKRU"),
)
MNEMONICS = {value: name for name, value in vars(iced_x86.Mnemonic).items() if name.isupper()}
ROOM = {row.name: row.room_len for row in CLASSES}


def check(text: str, directory: Path, class_name: str, mnemonic: str) -> None:
    made = assemble(text, directory)
    plain = assemble_plain(text, directory)
    assert made.classes == [class_name]
    (site,) = made.sites
    instruction = next(iter(iced_x86.Decoder(64, site.instruction)))
    assert MNEMONICS[instruction.mnemonic] == mnemonic
    assert instruction.len == len(site.instruction)
    assert len(site.code) == max(instruction.len, ROOM[class_name])
    assert site.is_padded_in_front == (class_name == "sti")  # its interrupt shadow must not fall on padding
    assert made.without_padding() == plain.sections[".text"]


@pytest.mark.parametrize(("class_name", "att", "intel", "mnemonic"), SPELLINGS, ids=str)
def test_every_class_is_found_in_both_syntaxes(
    tmp_path: Path, class_name: str, att: str, intel: str | None, mnemonic: str
) -> None:
    check(f"nop\n\t{att}\nnop\n", tmp_path, class_name, mnemonic)
    check(f".intel_syntax noprefix\nnop\n\t{intel or att}\nnop\n", tmp_path, class_name, mnemonic)
    check(f"nop\n{att.upper()}\nnop\n", tmp_path, class_name, mnemonic)


@pytest.mark.parametrize(("class_name", "values", "mnemonic"), BYTES)
def test_sensitive_instructions_written_as_bytes(tmp_path: Path, class_name: str, values: str, mnemonic: str) -> None:
    check(f"nop\n.byte {values}\nnop\n", tmp_path, class_name, mnemonic)


def test_the_table_above_leaves_out_no_class() -> None:
    assert {row[0] for row in SPELLINGS} == {row.name for row in CLASSES}


@pytest.mark.parametrize(
    "statement",
    [
        "mov %gs:8, %rax",
        "mov %rax, %fs:(%rdi)",
        "pushq %gs:4",
        "push %rbx",
        "popq %fs:8(%rax)",
        "mov %rax, %rbx",
        "mov cr0(%rip), %rax",
        "rep movsb",
        "ret",
        "syscall",
        "movsbl (%rax), %ebx",
        "inc %eax",
        "cld; stc; clc; std",
        "lea ds(%rip), %rax",
        "lock incl (%rax)",
        "jmp *(%rax)",
        "xsave (%rdi); xsavec (%rdi); xsaveopt (%rdi); fxrstor (%rdi); lfence",
        ".byte 0x0f, 0xae, 0xe8",
        ".byte 0xcc",
        ".byte 0xfa, 0x90",
        '.ascii "cli; hlt"; nop',
        "nop # cli; hlt",
        "/* cli\n hlt */ nop",
        "cli_like: nop",
        "in: nop; jmp in",
        "cli = 3",
    ],
)
def test_other_instructions_are_left_alone(tmp_path: Path, statement: str) -> None:
    text = f'.text\n{statement}\n.section .foo,"ax"\n{statement.replace("in:", "in2:").replace("cli_like", "c")}\n'
    text += "ds: cr0: .long 1\n"
    assert assemble(text, tmp_path).path.read_bytes() == assemble_plain(text, tmp_path).path.read_bytes()
