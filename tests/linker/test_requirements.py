"""Can this run there? What is known when a guest is linked is said then: errors with a way out, or warnings."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import previrt

ROOT = Path(__file__).resolve().parents[2]
STAND_IN_DIR = ROOT / "afterburner" / "bin"
RESERVE = ROOT / "afterburner" / "reserve" / "x86_64.S"
SOURCE = """
    .text
    .globl {entry}
{entry}:
    lea stack(%rip), %rsp
    pushf
    cli
    popf
    hlt
    .section .interp, "a"
    .asciz "/nonexistent/solo5/"
    .bss
    .space 4096
stack:
    .section .note.GNU-stack, "", @progbits
"""
# Segments: their flags and load addresses, and whether .interp is one, as the cases ask.
SCRIPT = """
ENTRY({entry})
PHDRS {{ {interp} text PT_LOAD FLAGS({text_flags}); data PT_LOAD FLAGS({data_flags}); {percpu_header} note PT_NOTE; }}
SECTIONS {{
    . = {base};
    .interp : AT(ADDR(.interp) - ({down})) {{ *(.interp) }} :text {interp_in}
    .text : AT(ADDR(.text) - ({down})) {{ *(.text .text.*) }} :text
    .note.afterburn : {{ *(.note.afterburn) }} :text :note
    . = ALIGN(4096);
    .data : AT(ADDR(.data) - ({data_down})) {{ *(.data .data.*) }} :data
    .bss : {{ *(.bss) {bss} }} :data
    {percpu}
}}
"""
DEFAULTS = {
    "entry": "startup_64",
    "base": "0x200000",
    "interp": "",
    "interp_in": "",
    "text_flags": "5",
    "data_flags": "6",
    "down": "0",
    "bss": "",
    "percpu_header": "",
    "percpu": "",
}


def make(folder: Path, **changes: str) -> Path:
    values = {**DEFAULTS, **changes}
    values.setdefault("data_down", values["down"])
    (folder / "guest.S").write_text(SOURCE.format(**values))
    (folder / "guest.lds").write_text(SCRIPT.format(**values))
    subprocess.run(["gcc", f"-B{STAND_IN_DIR}", "-c", "guest.S"], cwd=folder, check=True)
    subprocess.run(["gcc", "-c", RESERVE, "-o", "reserve.o"], cwd=folder, check=True)
    command = ["ld", "-T", "guest.lds", "--no-warn-rwx-segments", "-o", "guest", "guest.o", "reserve.o"]
    subprocess.run(command, cwd=folder, check=True)
    return folder / "guest"


def patch(image: Path, off: int, value: bytes) -> None:
    contents = bytearray(image.read_bytes())
    contents[off : off + len(value)] = value
    image.write_bytes(contents)


FATAL = {
    "no 64-bit entry": (
        {"entry": "begin"},
        {"lol": "the image names no 64-bit entry", "xen": "the image names no 64-bit entry"},
    ),
    "interpreter": (
        {"interp": "interp PT_INTERP;", "interp_in": ":interp"},
        {"lol": "a guest with an interpreter cannot be a process"},
    ),
    "the first 64 KiB": ({"base": "0x8000"}, {"lol": "a process of Linux has no such address"}),
    "the module's window": (
        {"base": "0x7f0000200000", "down": "0x7f0000000000"},
        {"lol": "a process of Linux has no such address"},
    ),
    "the end of a process": (
        {"base": "0x7ffffffff000", "down": "0x7fffff000000"},
        {
            "lol": "a process of Linux has no such address",
            "xen": "Xen gives a guest no such address",
        },
    ),
    "between the halves": (
        {"base": "0x800000200000", "down": "0x800000000000"},
        {"lol": "a process of Linux has no such address", "xen": "Xen gives a guest no such address"},
    ),
    "the upper half": (
        {"base": "0xffffffff80200000", "down": "0xffffffff80000000"},
        {"lol": "a process of Linux has no such address"},
    ),
    "loaded elsewhere": (
        {"down": "-0x200000"},
        {
            "lol": "the guest is entered where memory is mapped one to one, but its entry is linked at another address",
            "xen": "the segment is loaded above the address that it is linked at",
        },
    ),
    "two distances": (
        {"data_down": "0x100000"},
        {"xen": "Xen maps all of a guest at one distance from where it is loaded"},
    ),
    "no flags": ({"data_flags": "0"}, {"xen": "Xen does not load a segment that may not be read"}),
    "a terabyte": (
        {"bss": ". = . + 0x10000000000;"},
        {"lol": "the guest needs more memory than a guest can have here"},
    ),
}


@pytest.mark.parametrize("case", FATAL)
def test_what_cannot_run(tmp_path: Path, case: str) -> None:
    changes, said = FATAL[case]
    guest = make(tmp_path, **changes)
    for target in ("bare", "lol", "xen"):
        output = tmp_path / target
        if target not in said:
            previrt.link(guest, target, output=output)
            continue
        with pytest.raises(previrt.LinkError, match=f"cannot run on {target}: {said[target]}") as caught:
            previrt.link(guest, target, output=output)
        error = caught.value
        assert error.file == str(guest)
        assert error.where
        assert error.advice
        assert not output.exists()
        if (case, target) == ("loaded elsewhere", "xen"):  # its note VIRT_BASE has no room for it either
            continue
        report = previrt.link(guest, target, output=output, anyway=True)
        assert any(f"cannot run on {target}: {said[target]}" in warning for warning in report.warnings)
        previrt.restore(output, output=tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == guest.read_bytes()


def test_per_cpu_data_linked_at_0(tmp_path: Path) -> None:
    """As Linux on x86-64 with several CPUs has it: a segment of offsets, loaded behind the kernel."""
    changes = {"percpu_header": "percpu PT_LOAD FLAGS(6);", "percpu": ".percpu 0 : AT(0x700000) { QUAD(1) } :percpu"}
    guest = make(tmp_path, base="0xffffffff80200000", down="0xffffffff80000000", **changes)
    for target in ("bare", "xen"):
        assert previrt.link(guest, target, output=tmp_path / target).warnings == ()


def test_what_is_no_address_at_all(tmp_path: Path) -> None:
    guest = make(tmp_path)
    headers_off = int.from_bytes(guest.read_bytes()[32:40], "little")
    patch(guest, headers_off + 56 + 40, (2**64 - 0x1000).to_bytes(8, "little"))  # p_memsz of the second segment
    for target in ("bare", "lol", "xen"):
        with pytest.raises(previrt.LinkError, match=f"cannot run on {target}: .*such.* address"):
            previrt.link(guest, target)


def test_a_position_independent_image(tmp_path: Path) -> None:
    guest = make(tmp_path)
    patch(guest, 16, b"\x03")  # e_type: ET_DYN
    with pytest.raises(previrt.LinkError, match="cannot run on lol: the host loads a position-independent image"):
        previrt.link(guest, "lol")
    previrt.link(guest, "bare", output=tmp_path / "bound")


def test_warnings_are_in_both_reports(tmp_path: Path) -> None:
    guest = make(tmp_path, bss=". = . + 0x10000000;")
    command = [sys.executable, "-m", "linker.commands.link", str(guest), "-t", "lol"]
    text, as_json = (
        subprocess.run([*command, *more], check=True, capture_output=True, text=True, cwd=ROOT).stdout
        for more in ([], ["--json"])
    )
    (warning,) = json.loads(as_json)["warnings"]
    assert "needs 259 MiB of memory: run it with -m" in warning
    assert f"warning: {warning}\n" in text


def test_notes_that_stand_elsewhere(tmp_path: Path) -> None:
    """An orphan section goes where the linker likes, and its load address with it."""
    make(tmp_path)
    (tmp_path / "flat.lds").write_text(
        "SECTIONS { . = 0x200000; .text : AT(0x200000) { *(.text .text.*) } . = ALIGN(4096); "
        ".data : { *(.data .data.* .interp) } .bss : { *(.bss) } .note.afterburn 0x8000000 : { *(.note.afterburn) } }"
    )
    command = [
        "ld",
        "-T",
        "flat.lds",
        "-e",
        "startup_64",
        "--no-warn-rwx-segments",
        "guest.o",
        "reserve.o",
        "-o",
        "guest",
    ]
    subprocess.run(command, cwd=tmp_path, check=True)
    (warning,) = previrt.link(tmp_path / "guest", "bare").warnings
    assert "the notes stand alone, far from the rest" in warning
    assert "name .note.afterburn in the linker script" in warning
    script = (tmp_path / "flat.lds").read_text().replace("0x8000000 :", "0x280000 : AT(0x900000)")
    (tmp_path / "flat.lds").write_text(script)
    subprocess.run(command, cwd=tmp_path, check=True)
    (warning,) = previrt.link(tmp_path / "guest", "bare").warnings
    assert "the notes are loaded elsewhere than the rest" in warning
