"""A LoL guest is a well-behaved process: it sleeps, ends, reports, and asks for no privilege."""

from __future__ import annotations

import os
import pty
import re
import resource
import signal
import subprocess
import termios
import time
from pathlib import Path

import pytest
from asmguest import PRELUDE, bind, build, make, run

import previrt

STRESS = Path(__file__).with_name("stress.S")
NOBODY = 65534


def test_interrupts_anywhere_change_nothing_they_must_not(tmp_path: Path) -> None:
    """6,000 timer interrupts at 5 kHz fall on inline forms, fast entries and slow ones; stress.S checks itself."""
    done = run(bind(build(STRESS, tmp_path)))
    assert (done.stdout, done.returncode, done.stderr) == ("ok\n", 0, "")


def test_cli_and_sti_make_no_system_call(tmp_path: Path) -> None:
    guest = make(
        "guest: mov $1000000, %ecx\n1: cli\n sti\n pushfq\n popfq\n dec %ecx\n jnz 1b\n jmp power_off\n", tmp_path
    )
    done = run(guest, "-s")
    calls = int(re.search(r"(\d+) host system calls", done.stderr)[1])  # type: ignore[index]
    assert calls < 100, "those of the start, whatever the number of rounds"


def test_hlt_sleeps(tmp_path: Path) -> None:
    text = """
    guest: mov $tick, %eax
        set_gate 0x20
        start_timer
        sti
    1:  hlt
        cmpl $100, ticks
        jb 1b
        jmp power_off
    tick: incl ticks
        outb 0x20, 0x20
        iretq
        .data
    ticks: .long 0
    """
    guest = make(text, tmp_path)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    assert run(guest).returncode == 0
    elapsed = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert 0.95 < elapsed < 5, "100 ticks at 100 Hz; a busy host may take longer"
    assert used < 0.25, "and next to none of it is work"


def test_input_interrupts_the_guest(tmp_path: Path) -> None:
    text = """
    guest: mov $receive, %eax
        set_gate 0x24
        open_interrupts 0xef
        mov $COM1 + 1, %dx
        mov $1, %al
        out %al, %dx
        sti
    1:  hlt
        jmp 1b
    receive: mov $COM1, %dx
        in %dx, %al
        cmp $'q', %al
        je power_off
        inc %al
        call put
        mov $COM1 + 5, %dx      /* as long as the line is raised: the 8259 sees edges */
        in %dx, %al
        test $1, %al
        jnz receive
        outb 0x20, 0x20
        iretq
    """
    guest = make(text, tmp_path)
    assert run(guest, stdin="HAL q").stdout == "IBM!"
    with subprocess.Popen([guest], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for sent, expected in ((b"a", b"b"), (b"1", b"2")):  # one at a time: it must wake from hlt for each
            process.stdin.write(sent)
            process.stdin.flush()
            assert process.stdout.read(1) == expected
        process.stdin.write(b"q")
        process.stdin.flush()
        assert process.wait(10) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_end_it_and_the_terminal_is_as_before(tmp_path: Path, number: signal.Signals) -> None:
    guest = make("guest: mov $'!', %al\n call put\n1: jmp 1b\n", tmp_path)
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    with subprocess.Popen([guest], stdin=slave, stdout=slave, stderr=slave) as process:
        assert os.read(master, 1) == b"!"
        assert termios.tcgetattr(slave) != before, "characters one by one, no echo"
        process.send_signal(number)
        assert process.wait(10) == 128 + number
    assert termios.tcgetattr(slave) == before
    os.close(master)
    os.close(slave)


def test_ctrl_c_typed_at_the_terminal_ends_it(tmp_path: Path) -> None:
    guest = make("guest: mov $'!', %al\n call put\n sti\n1: hlt\n jmp 1b\n", tmp_path)
    child, master = pty.fork()
    if child == 0:
        os.execv(guest, [str(guest)])
    assert os.read(master, 1) == b"!"
    os.write(master, b"\x03")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 128 + signal.SIGINT
    os.close(master)


def test_no_privilege_is_needed(tmp_path: Path) -> None:
    guest = make("guest: mov $'u', %al\n call put\n jmp power_off\n", tmp_path)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.owner() == tmp_path.owner() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    done = subprocess.run(
        ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs", guest],
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("u", 0)


def stopped(tmp_path: Path, text: str) -> str:
    done = run(make(text, tmp_path))
    assert done.returncode == 1
    assert "guest stopped" in done.stderr
    return done.stderr


def test_an_operation_that_cannot_be_done_is_reported_with_its_site(tmp_path: Path) -> None:
    text = "guest: xor %ebx, %ebx\n.globl leaver\n.type leaver, @function\nleaver: nop\n mov %rbx, %cr0\n"
    report = stopped(tmp_path, text.replace("xor %ebx, %ebx", "mov $0x10, %ebx"))
    assert "leaves long mode" in report
    assert "instruction: mov %rbx,%cr0" in report
    assert re.search(r"at: 0x4[0-9a-f]+ <leaver\+0x1>", report)
    assert "rbx 0000000000000010" in report


def test_a_sensitive_instruction_that_was_not_annotated_is_named(tmp_path: Path) -> None:
    report = stopped(tmp_path, "guest: .afterburn_noannotate\n cli\n")
    assert "not in the annotation table" in report
    assert "<guest+0x0>" in report


def test_a_triple_fault_is_reported(tmp_path: Path) -> None:
    assert "triple fault" in stopped(tmp_path, "guest: ud2\n")


def test_hlt_with_interrupts_off_does_not_hang(tmp_path: Path) -> None:
    assert "nothing can wake it" in stopped(tmp_path, "guest: cli\n hlt\n")


def test_skipped_sites_trap_and_are_worked_all_the_same(tmp_path: Path) -> None:
    """`--skip` leaves instructions native; the privileged ones fault, and the module knows them by address."""
    source = tmp_path / "guest.S"
    source.write_text(PRELUDE + "guest: cli\n mov %cr3, %rax\n mov $'s', %al\n call put\n jmp power_off\n")
    guest = build(source, tmp_path)
    previrt.link(guest, "lol", output=tmp_path / "bound", skip=["cli", "mov_from_cr", "out"])
    done = run(tmp_path / "bound")
    assert (done.stdout, done.returncode) == ("s", 0), done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-m", "4M"), "memory size must lie between 16M and 16G: 4M"),
        (("-m", "many"), "not a memory size (use 64M or 1G): many"),
        (("-x",), "unknown option"),
        (("-i", "/nonexistent"), "cannot open the initrd: /nonexistent"),
        (("-o", "/nonexistent/console"), "cannot open the console file"),
    ],
)
def test_wrong_options(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    done = run(make("guest: jmp power_off\n", tmp_path), *arguments)
    assert done.returncode != 0
    assert message in done.stderr
    assert not done.stdout


def test_console_goes_to_a_file(tmp_path: Path) -> None:
    guest = make("guest: mov $'f', %al\n call put\n jmp power_off\n", tmp_path)
    done = run(guest, "-o", str(tmp_path / "console"))
    assert (done.stdout, (tmp_path / "console").read_text()) == ("", "f")


def test_sysenter_stops_the_guest_on_every_host(tmp_path: Path) -> None:
    """Intel's processors enter the host, AMD's raise #UD (tests/hosts runs both)."""
    done = run(make("guest: sysenter\n jmp power_off\n", tmp_path))
    assert done.returncode == 1, done.stderr
    assert "the guest uses sysenter or a 32-bit syscall, which cpuid does not offer" in done.stderr.splitlines()[1]


# Prints vendor, then signature, at an annotated cpuid; then by one in data, which the afterburner does not see.
VENDOR = """
guest:
    xor %eax, %eax
    cpuid
    call print
    xor %eax, %eax
    call unseen
    call print
    jmp power_off
print:
    push %rcx
    push %rdx
    push %rbx
    mov %rsp, %rsi
    mov $4, %ecx
    call letters
    add $8, %rsi
    mov $4, %ecx
    call letters
    add $8, %rsi
    mov $4, %ecx
    call letters
    add $24, %rsp
    ret
letters:
    push %rsi
1:  mov (%rsi), %al
    call put
    inc %rsi
    dec %ecx
    jnz 1b
    pop %rsi
    ret
    .data
unseen:
    .long 0xc3a20f
"""


def test_cpuid_is_the_modules_at_sites_and_where_it_can_fault(tmp_path: Path) -> None:
    """docs/machine.md: one processor. What is no site asks the host where that cannot be had."""
    said = run(make(VENDOR, tmp_path)).stdout
    assert said[:12] == "AuthenticAMD"
    host = re.search(r"vendor_id\s*: (\w+)", cpuinfo := Path("/proc/cpuinfo").read_text())
    assert host
    assert said[12:] == ("AuthenticAMD" if "cpuid_fault" in cpuinfo else host[1])
