"""Where a guest may be linked: layouts that a target can run are run, the others are refused when they are bound."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from asmguest import RESERVE, STAND_IN_DIR

import previrt
from linker.verification.prove import prove

if TYPE_CHECKING:
    from pathlib import Path

# For QEMU: the PVH entry is 32-bit code. It makes the machine of docs/machine.md and goes to the physical ENTRY.
PVH = """
    .section .note.pvh, "a", @note
    .long 4, 4, 18
    .asciz "Xen"
    .long pvh
    .section .pvh, "awx"
    .code32
    .globl pvh
pvh:
    movl $(table2 + 3), table1
    movl $(table3 + 3), table2
    xor %ecx, %ecx
1:  mov %ecx, %eax
    shl $21, %eax
    or $0x83, %eax
    mov %eax, table3(,%ecx,8)
    inc %ecx
    cmp $512, %ecx
    jne 1b
    mov $table1, %eax
    mov %eax, %cr3
    mov $0x20, %eax
    mov %eax, %cr4
    mov $0xc0000080, %ecx
    rdmsr
    or $0x100, %eax
    wrmsr
    mov %cr0, %eax
    or $0x80000000, %eax
    mov %eax, %cr0
    lgdt 1f
    ljmp $8, $2f
1:  .word 15
    .long 3f
    .balign 8
3:  .quad 0, 0x00af9b000000ffff
    .code64
2:  mov $ENTRY, %eax
    jmp *%rax
    .balign 4096
table1: .space 4096
table2: .space 4096
table3: .space 4096
"""
# Maps memory at 0 and at BASE, then goes to `high`. It stands in .boot or, itself linked high, in .text.
PAGING = """
startup_64:
    lea pml4(%rip), %rax
    lea pdpt(%rip), %rcx
    lea pd(%rip), %rdx
    mov %rcx, %rsi
    or $3, %rsi
    mov %rsi, (%rax)
    mov $P4IX, %edi
    mov %rsi, (%rax,%rdi,8)
    mov %rdx, %rsi
    or $3, %rsi
    mov %rsi, (%rcx)
    mov $P3IX, %edi
    mov %rsi, (%rcx,%rdi,8)
    mov $0x83, %esi
    xor %edi, %edi
1:  mov %rsi, (%rdx,%rdi,8)
    add $0x200000, %rsi
    inc %edi
    cmp $16, %edi
    jne 1b
    mov %rax, %cr3
    movabs $high, %rax
    jmp *%rax
"""
# With sites of both kinds: one that traps by itself, and one that does not.
FAR_BOOT = '.section .boot, "ax"\n.globl startup_64\n' + PAGING.replace(
    "    lea pml4(%rip)", "    mov $(stack - BASE), %esp\n    xor %eax, %eax\n    cpuid\n    lea pml4(%rip)", 1
).replace("pml4(%rip)", "(pml4 - BASE)").replace("pdpt(%rip)", "(pdpt - BASE)").replace("pd(%rip)", "(pd - BASE)")
# Sites of each form where memory is loaded. `mine` runs where it is linked, on the tables loaded below; once it has
# loaded its own, the module's image below is memory like any other.
BUSY = (
    """
    .macro sites
    pushf
    cli
    sti
    cli
    popf
    xor %eax, %eax
    cpuid
    cmp $0x68747541, %ebx
    jne 2b
    lgdt descriptor(%rip)
    mov %cr0, %rax
    mov %rax, %cr0
    sgdt stack - 64(%rip)
    cmpw $47, stack - 64(%rip)
    jne 2b
    pushf
    pop %rax
    test $0x200, %eax
    jnz 2b
    .endm
    .text
    .globl startup_64
    jmp startup_64
2:  hlt
    jmp 2b
descriptor:
    .word 47
    .quad 0
startup_64:
    lea stack(%rip), %rsp
    sites
"""
    + PAGING.replace("startup_64:\n", "").replace("$high", "$mine").replace("%cr3\n", "%cr3\n    pushf\n")
    + """
mine:
    lgdt descriptor(%rip)
    movabs $stack, %rsp
    sites
    mov %cr3, %rax
    mov %rax, %cr3
    sites
    movabs $(reserve_text - BASE), %rax
    mov (%rax), %rax
    jmp high
"""
)
SOURCES = {
    "all high, busy": BUSY,
    "boot code low": FAR_BOOT + "    .text\n",
    "all high": "    .text\n    .globl startup_64\n" + PAGING,
    "one address": "    .text\n    .globl startup_64\nstartup_64:\n",
}
BODY = """
high:
    movabs $stack, %rsp
    pushf
    cli
    popf
    xor %eax, %eax
    cpuid
    mov %cr4, %rbx
    .irp c, 'O', 'K', 10
    mov $\\c, %al
    mov $0x3f8, %dx
    out %al, %dx
    .endr
    mov $0x604, %dx
    mov $0x2000, %ax
    out %ax, %dx
2:  cli
    hlt
    jmp 2b
    .data
    .quad 0
    .bss
    .balign 4096
pml4:   .space 4096
pdpt:   .space 4096
pd: .space 4096
    .space 4096
stack:
    .section .note.GNU-stack, "", @progbits
"""
SCRIPT = """
ENTRY(pvh)
PHDRS { boot PT_LOAD FLAGS(7); text PT_LOAD FLAGS(5); data PT_LOAD FLAGS(6); note PT_NOTE; }
SECTIONS {
    . = 0x100000;
    .pvh : { *(.pvh) } :boot
    .notes : { *(.note.pvh) } :boot :note
    .boot : { *(.boot) } :boot
    . = BASE + 0x200000;
    .text : AT(ADDR(.text) - DOWN) { *(.text) . = ALIGN(4096); reserve_text = .; *(.text.*) } :text
    .note.afterburn : AT(ADDR(.note.afterburn) - DOWN) { *(.note.afterburn) } :text :note
    . = ALIGN(4096);
    .data : AT(ADDR(.data) - DOWN) { *(.data .data.*) } :data
    .bss : AT(ADDR(.bss) - DOWN) { *(.bss) } :data
}
"""
UPPER = 0xFFFF_FFFF_8000_0000
FAR_ENOUGH = 16 << 30  # from here on an address says whether it is a linked one
LOWER = [0x4000_0000, 0x8000_0000, 0x40_0000_0000, 0x4000_0000_0000, 0x7E00_0000_0000]


def make(folder: Path, kind: str, base: int, *, load_base: int | None = None) -> Path:
    """A guest linked at `base` + 2 MiB and loaded `load_base` lower, by default at 2 MiB."""
    down = base if load_base is None else load_base
    entry = f"startup_64 - {base:#x}" if "all high" in kind else "startup_64"
    (folder / "guest.S").write_text(PVH + SOURCES[kind] + BODY)
    (folder / "guest.lds").write_text(SCRIPT)
    index = [f"-DP4IX={base >> 39 & 511}", f"-DP3IX={base >> 30 & 511}", f"-DBASE={base:#x}", f"-DENTRY=({entry})"]
    subprocess.run(["gcc", f"-B{STAND_IN_DIR}", *index, "-c", "guest.S"], cwd=folder, check=True)
    subprocess.run(["gcc", "-c", RESERVE, "-o", "reserve.o"], cwd=folder, check=True)
    command = [
        "ld",
        "-T",
        "guest.lds",
        "--defsym",
        f"BASE={base:#x}",
        "--defsym",
        f"DOWN={down:#x}",
        "--no-warn-rwx-segments",
    ]
    subprocess.run([*command, "guest.o", "reserve.o", "-o", "guest"], cwd=folder, check=True)
    return folder / "guest"


def run_on_lol(guest: Path) -> tuple[int, bytes]:
    previrt.link(guest, "lol", output=guest.with_suffix(".lol"))
    done = subprocess.run([guest.with_suffix(".lol")], capture_output=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def run_on_bare(guest: Path) -> bytes:
    previrt.link(guest, "bare", output=guest.with_suffix(".bare"))
    command = [
        "qemu-system-x86_64",
        "-M",
        "pc",
        "-accel",
        "tcg",
        "-m",
        "64M",
        "-nodefaults",
        "-no-reboot",
        "-display",
        "none",
    ]
    command += ["-serial", "stdio", "-kernel", str(guest.with_suffix(".bare"))]
    return subprocess.run(command, capture_output=True, timeout=120, check=True, stdin=subprocess.DEVNULL).stdout


@pytest.mark.parametrize("base", LOWER, ids=hex)
def test_boot_code_low_kernel_in_the_lower_half(tmp_path: Path, base: int) -> None:
    """From 2 GiB on addresses need more than 32 bits, and the boot code's sites do not reach the module."""
    guest = make(tmp_path, "boot code low", base)
    assert run_on_lol(guest) == (0, b"OK\n")
    assert prove(guest.with_suffix(".lol"), original=guest).failures == ()
    assert run_on_bare(guest) == b"OK\n"
    with pytest.raises(previrt.LinkError, match="cannot run on xen: Xen maps all of a guest at one distance"):
        previrt.link(guest, "xen")


def test_boot_code_low_kernel_in_the_upper_half(tmp_path: Path) -> None:
    guest = make(tmp_path, "boot code low", UPPER)
    assert run_on_bare(guest) == b"OK\n"
    with pytest.raises(previrt.LinkError, match="cannot run on lol: a process of Linux has no such address"):
        previrt.link(guest, "lol")
    assert not (tmp_path / "guest.lol").exists()


@pytest.mark.parametrize("kind", ["all high", "all high, busy"])
@pytest.mark.parametrize("base", [base for base in LOWER if base >= FAR_ENOUGH], ids=hex)
def test_entry_loaded_below_where_it_is_linked(tmp_path: Path, base: int, kind: str) -> None:
    """Sites run at two addresses, and reach the module from both."""
    guest = make(tmp_path, kind, base)
    assert run_on_bare(guest) == b"OK\n"
    assert run_on_lol(guest) == (0, b"OK\n")
    assert prove(guest.with_suffix(".lol"), original=guest).failures == ()


@pytest.mark.parametrize("base", [*(base for base in LOWER if base < FAR_ENOUGH), UPPER], ids=hex)
def test_entry_linked_elsewhere_than_loaded(tmp_path: Path, base: int) -> None:
    guest = make(tmp_path, "all high", base)
    assert run_on_bare(guest) == b"OK\n"
    said = "no such address" if base == UPPER else "entered where memory is mapped one to one"
    with pytest.raises(previrt.LinkError, match=f"cannot run on lol: .*{said}"):
        previrt.link(guest, "lol")


def test_one_address_for_all(tmp_path: Path) -> None:
    guest = make(tmp_path, "one address", 0)
    assert run_on_lol(guest) == (0, b"OK\n")
    assert run_on_bare(guest) == b"OK\n"
    assert previrt.link(guest, "xen").warnings == ()
