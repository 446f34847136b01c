"""ia32 images of the original format under LoL: the fixture guest prints what it prints on bare hardware; the way back;
what the module does not do is said."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from i386_asmguest import build, make, run
from i386_guest import GUEST, ROOT, compare, machine_lines

import previrt
from linker.table.read import read_bound_to


@pytest.fixture(scope="module")
def bound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fixture") / "guest.lol"
    report = previrt.link(GUEST, "lol", output=path)
    assert report.bound == report.sites > 300
    return path


def previrt_run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "linker.commands.run", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=ROOT)


def test_the_transcript_is_that_of_bare_hardware(bound: Path) -> None:
    for _ in range(3):  # interrupts come elsewhere each time
        done = run(bound)
        assert (done.returncode, done.stderr) == (0, "")
        assert not compare(done.stdout.splitlines())


def test_segments_are_the_hardwares_own(bound: Path) -> None:
    """What TCG does not look at: a process's FS has the guest's base and limit."""
    lines = machine_lines(run(bound).stdout.splitlines())
    assert "fs: behind the segment's limit: #GP(0)" in lines
    assert "mov to fs: a null selector: fs:0 gives #GP(0)" in lines


def test_previrt_run_hands_over_memory_and_command_line(bound: Path) -> None:
    done = previrt_run(bound, "--memory", "96M", "--append", "notests two words", "--statistics")
    assert done.returncode == 0, done.stderr
    lines = machine_lines(done.stdout.splitlines())
    assert "command line: notests two words" in lines
    (memory,) = [line for line in lines if line.startswith("memory: ")]
    assert 95 * 1024 < int(memory.split()[1]) < 96 * 1024
    assert "host system calls" in done.stderr
    too_much = previrt_run(bound, "--memory", "2G")
    assert (too_much.returncode, "between 16M and 1G" in too_much.stderr) == (2, True)


def test_a_triple_fault_ends_it_with_a_report(bound: Path) -> None:
    done = previrt_run(bound, "--append", "notests panic")
    assert done.returncode == 1
    assert "guest stopped: triple fault" in done.stderr
    assert "<guest_main+0x" in done.stderr
    assert "eip " in done.stderr


def test_restored_and_bound_again(bound: Path, tmp_path: Path) -> None:
    """The original's format has no room to undo: the grown image keeps it whole."""
    assert read_bound_to(bound).target == "lol"
    previrt.restore(bound, output=tmp_path / "restored")
    assert (tmp_path / "restored").read_bytes() == GUEST.read_bytes()
    previrt.link(bound, "bare", output=tmp_path / "to bare")
    previrt.link(GUEST, "bare", output=tmp_path / "bare")
    assert (tmp_path / "to bare").read_bytes() == (tmp_path / "bare").read_bytes()
    for source in (tmp_path / "bare", bound):
        previrt.link(source, "lol", output=tmp_path / "again")
        assert (tmp_path / "again").read_bytes() == bound.read_bytes()


def test_growing_leaves_the_guests_sections_where_they_are(bound: Path) -> None:
    with GUEST.open("rb") as before, bound.open("rb") as after:
        old, new = ELFFile(before), ELFFile(after)
        for section in old.iter_sections():
            if section.name and section.name != ".shstrtab":
                twin = new.get_section_by_name(section.name)
                assert twin
                assert (twin["sh_addr"], twin["sh_size"]) == (section["sh_addr"], section["sh_size"]), section.name
        loads = [segment["p_vaddr"] for segment in old.iter_segments("PT_LOAD")]
        assert [segment["p_vaddr"] for segment in new.iter_segments("PT_LOAD")][: len(loads)] == loads
        assert len(list(new.iter_segments("PT_LOAD"))) == len(loads) + 2


@pytest.mark.parametrize(
    ("table_at", "entry_len", "number", "field", "name"),
    [
        (28, 32, 3, 4, "segment 3"),  # p_offset of the notes
        (28, 32, 4, 16, "segment 4"),  # p_filesz of the stack
        (32, 40, 0, 20, "section 0"),  # sh_size of the null section
        (32, 40, 5, 16, "section 5"),  # sh_offset of .bss
    ],
)
def test_headers_that_lie_do_not_make_it_grow_without_end(
    table_at: int, entry_len: int, number: int, field: int, name: str, tmp_path: Path
) -> None:
    image = bytearray(GUEST.read_bytes())
    at = int.from_bytes(image[table_at : table_at + 4], "little") + number * entry_len + field
    image[at : at + 4] = (0x80000000).to_bytes(4, "little")
    guest = tmp_path / "guest"
    guest.write_bytes(image)
    with pytest.raises(previrt.LinkError, match=f"{name} is not in the file, so the image cannot grow"):
        previrt.link(guest, "lol")
    assert list(tmp_path.iterdir()) == [guest]


def test_a_small_guest_prints_and_powers_off(tmp_path: Path) -> None:
    text = "guest: movl $'k', %eax\n call put\n jmp power_off\n"
    done = run(make(text, tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "k", "")


# %ebx: struct hvm_start_info. Prints the type of each entry of the memory map, then the first byte of the initrd.
TELLER = """
guest:
    movl 40(%ebx), %esi
    movl 48(%ebx), %edi
1:  movl 16(%esi), %eax
    addl $'0', %eax
    call put
    addl $24, %esi
    decl %edi
    jnz 1b
    movl 16(%ebx), %esi
    movl (%esi), %esi
    movb (%esi), %al
    call put
    jmp power_off
"""


def test_start_info_names_the_modules_area_and_the_initrd(tmp_path: Path) -> None:
    """RAM below and above 1 MiB, the module's own area, RAM again."""
    (tmp_path / "initrd").write_bytes(b"z" * 5000)
    done = previrt_run(make(TELLER, tmp_path), "--initrd", tmp_path / "initrd")
    assert (done.returncode, done.stdout, done.stderr) == (0, "1121z", "")


# One edge of the 8254 after 1 to 256 of its counts, then sti; hlt: it comes before, between and behind the two.
SLEEPER = """
    .macro write value, port
    movb $\\value, %al
    sensitive PAD_out, outb %al, $\\port
    .endm
tick:
    pushl %eax
    write 0x20, 0x20
    incl ticks
    popl %eax
    sensitive PAD_iret, iretl
guest:
    movl $tick, %eax
    set_gate 0x20
    write 0x11, 0x20
    write 0x20, 0x21
    write 4, 0x21
    write 1, 0x21
    write 0xfe, 0x21
    xorl %ebx, %ebx
1:  write 0x30, 0x43
    movb %bl, %al
    sensitive PAD_out, outb %al, $0x40
    write 0, 0x40
    sensitive PAD_sti, sti
    sensitive PAD_hlt, hlt
    sensitive PAD_cli, cli
    incl %ebx
    cmpl %ebx, ticks
    jne 2f
    cmpl $1024, %ebx
    jb 1b
    movl $'k', %eax
    call put
2:  jmp power_off
    .data
ticks:
    .long 0
"""


def test_nothing_comes_between_sti_and_hlt(tmp_path: Path) -> None:
    """The original pads behind sti; the call ends with the site, so that no wake-up is lost."""
    done = run(make(SLEEPER, tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "k", "")


# A 4 MiB page whose upper half lies behind the guest's addresses when it has 66 MiB of memory.
LAST_PAGE = """
guest:
    movl $directory, %eax
    sensitive PAD_mov, movl %eax, %cr3
    movl $0x10, %eax
    sensitive PAD_mov, movl %eax, %cr4
    movl $0x80010011, %eax
    sensitive PAD_mov, movl %eax, %cr0
    movl $'a', 0xebc01000
    sensitive PAD_invlpg, invlpg 0xebc01000
    movl 0xebc01000, %eax
    call put
    movl 0x401000, %eax
    call put
    movb $'b', 0x20000
    movl $0x20000, %esi
    sensitive PAD_rest, outsb
    jmp power_off
    .data
    .balign 4096
directory:
    .long 0x83, 0x400083
    .skip 941 * 4
    .long 0x400083
    .skip 80 * 4
"""


def test_a_page_that_ends_behind_the_guests_addresses(tmp_path: Path) -> None:
    """There the module sees the guest's memory: OUTSB is read through it."""
    guest = make(LAST_PAGE, tmp_path)
    assert run(guest).stdout == "aab"
    assert run(guest, "-m", "66M").stdout == "aab"


def test_halting_with_interrupts_off_stops(tmp_path: Path) -> None:
    done = run(make("guest: sensitive PAD_cli, cli\n sensitive PAD_hlt, hlt\n", tmp_path))
    assert done.returncode == 1
    assert "halted with interrupts off" in done.stderr
    assert "instruction: hlt" in done.stderr


def test_a_guest_that_starts_elsewhere_than_linked_is_refused(tmp_path: Path) -> None:
    """A kernel in the upper half enters at physical addresses, where its sites cannot reach the module."""
    guest = make("guest: jmp power_off\n", tmp_path, link=("-Wl,-e,0x100000",))
    done = run(guest)
    assert (done.returncode, done.stdout) == (2, "")
    assert "the guest starts at another address than it is linked at" in done.stderr


STOPS = {
    "virtual-8086 mode": "pushl $0x20002\n pushl $8\n pushl $0\n sensitive PAD_iret, iretl\n",
    "another task by iret": "pushl $0x4002\n sensitive PAD_popf, popfl\n sensitive PAD_iret, iretl\n",
    "a task gate": "xorl %eax, %eax\n set_gate 32, 0x8500\n sensitive PAD_int, int $32\n",
    "a 16-bit gate": "xorl %eax, %eax\n set_gate 32, 0x8600\n sensitive PAD_int, int $32\n",
    "that is not flat": "movl $0x30, %eax\n sensitive PAD_mov, movl %eax, %ds\n",
    "leaves protected mode": "xorl %eax, %eax\n sensitive PAD_mov, movl %eax, %cr0\n",
    "not in the annotation table": "cli\n",
    "a call gate or a task gate": "sensitive PAD_ljmp, ljmp $0x28, $0\n",
    "an address that a Linux process cannot give it": "movl 16, %eax\n",
}


@pytest.mark.parametrize("message", STOPS)
def test_what_the_module_does_not_do_is_said(message: str, tmp_path: Path) -> None:
    done = run(make(f"guest: {STOPS[message]} jmp power_off\n", tmp_path))
    assert done.returncode == 1, done.stderr
    assert "previrt-lol: guest stopped: " in done.stderr
    assert message in done.stderr.splitlines()[1]
    assert "  at: 0x" in done.stderr


@pytest.mark.parametrize("instruction", ["syscall", "sysenter"])
def test_fast_system_calls_stop_the_guest_on_every_host(instruction: str, tmp_path: Path) -> None:
    """Where the host's processor raises #UD and where it enters the host (tests/hosts runs both)."""
    text = "pushl $0x23\n pushl $stack_top\n pushl $2\n pushl $0x1b\n pushl $1f\n sensitive PAD_iret, iretl\n"
    done = run(make(f"guest: {text}1: movl $20, %eax\n {instruction}\n jmp power_off\n", tmp_path))
    assert done.returncode == 1, done.stderr
    assert "the guest uses sysenter or a 32-bit syscall, which cpuid does not offer" in done.stderr.splitlines()[1]


def test_sites_that_are_too_short_trap_or_are_refused(tmp_path: Path) -> None:
    """`in` of one byte raises #GP in a process, and the module finds it; `pushf` does not."""
    text = "guest: movl $0x3fd, %edx\n sensitive 0, inb %dx, %al\n call put\n jmp power_off\n"
    done = run(make(text, tmp_path))
    assert (done.returncode, done.stdout.encode("latin-1")) == (0, b"\x60")
    image = build("guest: sensitive 1, pushfl\n", tmp_path)
    with pytest.raises(previrt.LinkError, match="call form takes 5 bytes, the site has 2"):
        previrt.link(image, "lol")
