"""Hooks of the original, bound both ways by name, in a guest that was annotated by hand and really runs under LoL."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import asmguest
import pytest
from elfwriter import BASE_VA, Site, make_image

import previrt
from linker.count.profile import read_profile
from linker.sites.l4ka import EXPORTS, IMPORTS

ROOT = Path(__file__).resolve().parents[2]

# The guest's pointers are initialised to functions of its own, as the original's Linux patch has it for exit and signal
# hooks; a bound one goes to the module. `afterburn_exit_hook` is one that LoL does not have.
GUEST = """
    .macro bind_hook table, type, symbol
    .pushsection .afterburn.\\table, "", @progbits
    .quad \\type, \\symbol
    .popsection
    .endm
    bind_hook imports, 1, afterburn_set_pte_hook
    bind_hook imports, 10, afterburn_pte_test_and_clear_hook
    bind_hook imports, 11, afterburn_pte_get_and_clear_hook
    bind_hook imports, 9, afterburn_read_pte_hook
    bind_hook imports, 12, afterburn_phys_to_dma_hook
    bind_hook imports, 0, afterburn_exit_hook
    bind_hook imports, 77, afterburn_no_such_hook
    bind_hook exports, 3, __burn_prof_counters_start
    bind_hook exports, 4, __burn_prof_counters_end
    bind_hook exports, 0, afterburn_thread_get_handle

    .data
    .balign 8
afterburn_set_pte_hook: .quad own
afterburn_pte_test_and_clear_hook: .quad own
afterburn_pte_get_and_clear_hook: .quad own
afterburn_read_pte_hook: .quad 0
afterburn_phys_to_dma_hook: .quad 0
afterburn_exit_hook: .quad own
afterburn_no_such_hook: .quad 0
__burn_prof_counters_start: .quad 0, 0, 0
__burn_prof_counters_end:
entry: .quad 0

    .text
own:
    mov $'o', %al
    jmp put
afterburn_thread_get_handle:
    ret
letter:                             # + or - by ZF
    mov $'+', %al
    je put
    mov $'-', %al
    jmp put
guest:
    lea entry(%rip), %rdi
    mov $0x1067, %esi
    mov $2, %edx
    call *afterburn_set_pte_hook(%rip)
    cmpq $0x1067, entry(%rip)
    call letter
    lea entry(%rip), %rdi
    mov $0x40, %esi
    call *afterburn_pte_test_and_clear_hook(%rip)
    cmp $1, %rax
    call letter
    cmpq $0x1027, entry(%rip)
    call letter
    lea entry(%rip), %rdi
    call *afterburn_pte_get_and_clear_hook(%rip)
    cmp $0x1027, %rax
    call letter
    cmpq $0, entry(%rip)
    call letter
    mov $0x2000, %edi
    mov $4096, %esi
    call *afterburn_phys_to_dma_hook(%rip)
    cmp $0x2000, %rax
    call letter
    call *afterburn_exit_hook(%rip)
    movq $5, __burn_prof_counters_start(%rip)
    movq $70000, __burn_prof_counters_start+16(%rip)
    jmp power_off
"""


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hooks")
    source = folder / "guest.S"
    source.write_text(asmguest.PRELUDE + GUEST)
    script = asmguest.LINKER_SCRIPT.read_text().replace(
        ".afterburn 0 :",
        ".afterburn.imports 0 : { *(.afterburn.imports) }\n    .afterburn.exports 0 : { *(.afterburn.exports) }\n"
        "    .afterburn 0 :",
    )
    (folder / "guest.lds").write_text(script)
    image = folder / "guest.elf"
    command = ["gcc", f"-B{asmguest.STAND_IN_DIR}", "-nostdlib", "-static", "-no-pie", f"-Wl,-T,{folder / 'guest.lds'}"]
    command += ["-Wl,-e,startup_64", "-Wl,-z,max-page-size=4096", "-o", str(image)]
    subprocess.run([*command, str(source), str(asmguest.RESERVE)], check=True)
    return image


def test_the_guest_calls_the_module_and_the_module_reads_the_guest(guest: Path, tmp_path: Path) -> None:
    bound = tmp_path / "guest.lol"
    report = previrt.link(guest, "lol", output=bound)
    made = {(hook.direction, hook.name): hook.symbol for hook in report.hooks}
    assert made["import", "set_pte"] == "hook_set_pte"
    assert made["export", "burn_prof_counters_start"] == "guest_burn_prof_counters_start"
    assert made["import", "exit"] == made["import", "number 77"] == made["export", "thread_get_handle"] == ""
    done = asmguest.run(bound, "-s")
    assert (done.returncode, done.stdout) == (0, "++++++o")
    assert "previrt-lol: guest counter 0 is 5\n" in done.stderr
    assert "guest counter 1" not in done.stderr
    assert "previrt-lol: guest counter 2 is 70000\n" in done.stderr


def test_what_the_module_does_not_have_is_reported_and_stays(guest: Path) -> None:
    line = [sys.executable, "-m", "linker.commands.link", str(guest), "-n", "-t"]
    said = subprocess.run([*line, "lol"], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert "import exit at 0x" in said
    assert "lol has none: stays as it is" in said
    said = subprocess.run([*line, "bare"], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert said.count("bare has none: stays as it is") == 10


def test_binding_again_and_restoring_give_the_guests_own_words_back(guest: Path, tmp_path: Path) -> None:
    direct = {}
    for target in ("bare", "lol", "xen"):
        for count in (False, True):
            direct[target, count] = tmp_path / f"{target}{count}"
            previrt.link(guest, target, output=direct[target, count], count=count)
    again = tmp_path / "again"
    for first in direct.values():
        previrt.restore(first, output=again)
        assert again.read_bytes() == guest.read_bytes()
        for (target, count), wanted in direct.items():
            previrt.link(first, target, output=again, count=count)
            assert again.read_bytes() == wanted.read_bytes()


def test_counters_and_kept_words_share_the_reserve(guest: Path, tmp_path: Path) -> None:
    bound = tmp_path / "guest.lol"
    previrt.link(guest, "lol", output=bound, count=True)
    done = asmguest.run(bound, "-s", "-p", str(tmp_path / "profile"))
    assert (done.returncode, done.stdout) == (0, "++++++o")
    assert read_profile(bound, tmp_path / "profile").by_class()["out"] == 8


def hooked(tmp_path: Path, tables: dict[str, bytes]) -> Path:
    image = tmp_path / "guest"
    image.write_bytes(make_image([Site("fa")], tables=tables))
    return image


DATA_VA = BASE_VA + 0x2000


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({".afterburn.imports": struct.pack("<QQ", 1, 0)}, "hook's word is not in the file"),
        (
            {".afterburn.imports": struct.pack("<QQQQ", 1, DATA_VA, 9, DATA_VA + 4)},
            "imports record 0 and .afterburn.imports record 1 overlap",
        ),
        ({".afterburn.imports": struct.pack("<QQ", 1, DATA_VA)[:-3]}, "truncated"),
        ({".afterburn.exports": struct.pack("<QQ", 3, 0x10)}, ".afterburn.exports record 0"),
        (
            {".afterburn.exports": struct.pack("<QQQQ", 3, DATA_VA, 3, DATA_VA)},
            "two exports of burn_prof_counters_start",
        ),
    ],
)
def test_records_that_cannot_be_bound_are_named(tables: dict[str, bytes], said: str, tmp_path: Path) -> None:
    image = hooked(tmp_path, tables)
    with pytest.raises(previrt.LinkError) as caught:
        previrt.link(image, "bare")
    assert said in str(caught.value)
    assert not Path(f"{image}.bare").exists()


def test_the_names_are_those_of_the_originals_numbers() -> None:
    assert (IMPORTS[16], IMPORTS[18], EXPORTS[2], EXPORTS[5]) == (
        "signal",
        "dma_coherent_check",
        "uaccess_fault_handler",
        "cpu_get_startup_ip",
    )
    assert len(IMPORTS) == 20
    assert len(EXPORTS) == 6
