"""The forms of the Xen binding, its notes, and what an image bound for Xen has in common with others."""

from __future__ import annotations

import subprocess
from pathlib import Path

import iced_x86
import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.segments import NoteSegment
from xen_machine import GUEST

import previrt
from linker.hypervisors.base import FixupKind, Form, FormKind, Unbindable
from linker.hypervisors.xen.x86_64 import BINDING
from linker.sites.codec import Instruction
from linker.sites.formats import INFO_NO_STACK, INFO_PAD_FRONT
from linker.sites.x86_64.codec import X86_64

ROOM_LEN = 8
# Xen's public header elfnote.h
ENTRY, HYPERCALL_PAGE, VIRT_BASE, PADDR_OFFSET, XEN_VERSION, GUEST_OS, LOADER = 1, 2, 3, 4, 5, 6, 8
SUPPORTED_FEATURES, PHYS32_ENTRY = 17, 18
DOM0 = 1 << 11
# pyelftools shows small types as if GNU owned the notes.
GNU_NAMES: dict[str | int, int] = {
    f"NT_GNU_{name}": number
    for number, name in enumerate("ABI_TAG HWCAP BUILD_ID GOLD_VERSION PROPERTY_TYPE_0".split(), start=1)
}


def instruction(text: str, folder: Path) -> Instruction:
    (folder / "a.s").write_text(f"{text}\n")
    subprocess.run(["as", "-o", folder / "a.o", folder / "a.s"], check=True)
    subprocess.run(["objcopy", "-O", "binary", "-j", ".text", folder / "a.o", folder / "a.bin"], check=True)
    return X86_64.decode((folder / "a.bin").read_bytes(), 0)


def form_of(text: str, folder: Path, room_len: int = ROOM_LEN, flags: int = 0) -> Form:
    form = BINDING.form(instruction(text, folder), room_len, flags)
    assert isinstance(form, Form), form
    return form


@pytest.mark.parametrize("text", ["rdmsr", "iretq", "hlt", "lgdt (%rax)", "mov %rax, %cr3", "popfw", "in %dx, %al"])
def test_what_needs_the_module_becomes_its_trap(text: str, tmp_path: Path) -> None:
    form = form_of(text, tmp_path)
    assert (form.kind, form.fixups, form.stub) == (FormKind.TRAP, (), None)
    (trap,) = iced_x86.Decoder(64, form.code)
    assert (trap.mnemonic, trap.immediate8) == (iced_x86.Mnemonic.INT, 0x80)


@pytest.mark.parametrize(("text", "entry"), [("sti", "xen_sti"), ("pushfq", "xen_pushfq"), ("popfq", "xen_popfq")])
def test_flags_are_worked_by_a_call(text: str, entry: str, tmp_path: Path) -> None:
    form = form_of(text, tmp_path)
    assert form.kind is FormKind.CALL
    ((offset, symbol, addend, kind),) = form.fixups
    assert (symbol, addend, kind) == (entry, -4, FixupKind.PC32)
    (call,) = iced_x86.Decoder(64, form.code, ip=0x1000)
    assert (call.mnemonic, call.len, offset) == (iced_x86.Mnemonic.CALL, 5, 1)
    assert form.pad_front == (text == "sti"), "the call of sti returns to the instruction behind the site"


def test_where_there_is_no_stack_nothing_is_called(tmp_path: Path) -> None:
    for text in ("sti", "pushfq", "popfq"):
        form = form_of(text, tmp_path, flags=INFO_NO_STACK)
        assert (form.kind, form.pad_front) == (FormKind.TRAP, text == "sti")


def test_short_sites(tmp_path: Path) -> None:
    assert form_of("cli", tmp_path, room_len=2).code == b"\xcd\x80"
    assert form_of("cli", tmp_path, room_len=1).code == b"\xfa"
    shadowed = form_of("sti", tmp_path, room_len=2, flags=INFO_PAD_FRONT)
    assert (shadowed.code, shadowed.pad_front) == (b"\xcd\x80", True)
    refused = BINDING.form(instruction("pushfq", tmp_path), 1, 0)
    assert isinstance(refused, Unbindable)
    assert "site has 1" in refused.reason


def notes_of(image: Path) -> dict[int, bytes]:
    """Descriptors of the notes of owner Xen in the PT_NOTE segments, by type, as Xen looks for them."""
    found: dict[int, bytes] = {}
    with image.open("rb") as file:
        for segment in ELFFile(file).iter_segments("PT_NOTE"):
            assert isinstance(segment, NoteSegment)
            for note in segment.iter_notes():
                if note["n_name"] == "Xen":
                    found[GNU_NAMES.get(note["n_type"]) or int(note["n_type"])] = note["n_descdata"]
    return found


def test_notes_say_what_xen_asks(tmp_path: Path) -> None:
    bound = tmp_path / "guest.xen"
    report = previrt.link(GUEST, "xen", output=bound)
    notes = notes_of(bound)
    assert notes[XEN_VERSION] == b"xen-3.0\0"
    assert (notes[GUEST_OS], notes[LOADER]) == (b"previrt\0", b"generic\0")
    assert int.from_bytes(notes[SUPPORTED_FEATURES], "little") == DOM0
    words = {kind: int.from_bytes(notes[kind], "little") for kind in (ENTRY, HYPERCALL_PAGE, VIRT_BASE, PADDR_OFFSET)}
    with bound.open("rb") as file:
        assert words[ENTRY] == ELFFile(file).header["e_entry"] == report.entry_va
    assert words[HYPERCALL_PAGE] % 4096 == 0
    assert (words[VIRT_BASE], words[PADDR_OFFSET]) == (0, 0)
    assert notes[PHYS32_ENTRY] == notes_of(GUEST)[PHYS32_ENTRY], "the guest's own stays"


def test_binding_identities(tmp_path: Path) -> None:
    direct, detour, bare, back = (tmp_path / name for name in ("direct", "detour", "bare", "back"))
    previrt.link(GUEST, "xen", output=direct)
    previrt.link(GUEST, "lol", output=detour)
    previrt.link(detour, "bare", output=bare)
    previrt.link(bare, "xen", output=detour)
    assert detour.read_bytes() == direct.read_bytes()
    previrt.link(detour, "xen", in_place=True)
    assert detour.read_bytes() == direct.read_bytes()
    previrt.link(detour, "lol", in_place=True)
    previrt.restore(direct, output=back)
    assert back.read_bytes() == GUEST.read_bytes()
    previrt.restore(detour, output=back)
    assert back.read_bytes() == GUEST.read_bytes()
