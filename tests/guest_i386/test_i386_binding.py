"""The i386 binding table of LoL: every class has a form in the original's room, and the forms are what they say."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import iced_x86
import pytest
from i386_guest import GUEST

import previrt
from linker.hypervisors.base import Fixup, FixupKind, Form, FormKind, Stub, TableContext
from linker.hypervisors.lol.i386 import BINDING, CALL_STUB, JUMP_STUB
from linker.hypervisors.shared.x86_64_rows import ROW
from linker.hypervisors.shared.x86_64_vcpu import vcpu_tables
from linker.sites.x86_64.codec import I386


def assemble(text: str, folder: Path) -> bytes:
    (folder / "a.s").write_text(text + "\n")
    subprocess.run(["as", "--32", "-o", folder / "a.o", folder / "a.s"], check=True)
    subprocess.run(["objcopy", "-O", "binary", "-j", ".text", folder / "a.o", folder / "a.bin"], check=True)
    return (folder / "a.bin").read_bytes()


def form_of(text: str, folder: Path, room_len: int) -> Form:
    form = BINDING.form(I386.decode(assemble(text, folder), 0x400000), room_len, 0)
    assert isinstance(form, Form), form
    assert len(form.code) <= room_len
    return form


def fill(code: bytes, form_fixups: tuple[Fixup, ...], va: int, symbols: dict[str, int]) -> bytes:
    """As the psABI says (R_386_PC32: S + A - P, R_386_32: S + A)."""
    filled = bytearray(code)
    for fixup in form_fixups:
        value = symbols[fixup.symbol] + fixup.addend
        if fixup.kind is FixupKind.PC32:
            value -= va + fixup.offset
        filled[fixup.offset : fixup.offset + 4] = (value % (1 << 32)).to_bytes(4, "little")
    return bytes(filled)


def decode(code: bytes, va: int) -> list[iced_x86.Instruction]:
    return list(iced_x86.Decoder(32, code, ip=va))


def test_cli_is_one_store_to_the_interrupt_flag_byte(tmp_path: Path) -> None:
    """The addresses of 32-bit code go up to 4 GiB."""
    form = form_of("cli", tmp_path, 8)
    assert form.kind is FormKind.INLINE
    (store,) = decode(fill(form.code, form.fixups, 0xC0100000, {"vcpu_vif_word": 0xC0500000}), 0xC0100000)
    assert (store.mnemonic, store.memory_displacement, store.immediate8) == (iced_x86.Mnemonic.MOV, 0xC0500001, 0)
    assert not store.rflags_modified


@pytest.mark.parametrize("register", ["eax", "ecx", "esp", "ebp", "edi"])
@pytest.mark.parametrize("control", [0, 2, 3, 4])
def test_reads_of_control_registers(register: str, control: int, tmp_path: Path) -> None:
    form = form_of(f"mov %cr{control}, %{register}", tmp_path, 15)
    (load,) = decode(fill(form.code, form.fixups, 0x400000, {"vcpu_cr": 0x500000}), 0x400000)
    assert load.mnemonic == iced_x86.Mnemonic.MOV
    assert load.op0_register == getattr(iced_x86.Register, register.upper())
    assert load.memory_displacement == 0x500000 + 8 * control
    assert load.memory_base == iced_x86.Register.NONE


@pytest.mark.parametrize(
    ("text", "entry"), [("sti", "lol_sti"), ("pushfl", "lol_pushf"), ("popfl", "lol_popf"), ("hlt", "lol_hlt")]
)
def test_calls_reach_their_entry(text: str, entry: str, tmp_path: Path) -> None:
    form = form_of(text, tmp_path, 6)
    (call,) = decode(fill(form.code, form.fixups, 0x400000, {entry: 0x7654321}), 0x400000)
    assert (call.mnemonic, call.near_branch_target) == (iced_x86.Mnemonic.CALL, 0x7654321)
    assert form.pad_front == (text == "sti"), "what stands behind the site is in the shadow of sti"


@pytest.mark.parametrize("text", ["iretl", "lretl", "ljmp $8, $0x1234", "movl %eax, %ss", "lss (%eax), %esp"])
def test_what_may_have_no_stack_jumps_in_five_bytes(text: str, tmp_path: Path) -> None:
    form = form_of(text, tmp_path, 5)
    assert (form.kind, form.stub) == (FormKind.JUMP, JUMP_STUB)


@pytest.mark.parametrize(("stub", "entry"), [(CALL_STUB, "lol_emulate_call"), (JUMP_STUB, "lol_emulate_jump")])
def test_stubs_store_their_row_and_go_on(stub: Stub, entry: str) -> None:
    symbols = {"lol_row": 0xC0600000, "lol_site_start": 0xC0600008, entry: 0xC0500000}
    symbols |= {"$row": 0xC0612340, "$start": 0xC0401234}
    *stores, jump = decode(fill(stub.code, stub.fixups, 0xC0510000, symbols), 0xC0510000)
    seen = [(s.memory_displacement, s.immediate(1)) for s in stores]
    assert seen == [(0xC0600000, 0xC0612340), (0xC0600008, 0xC0401234)][: len(stores)]
    assert all(s.mnemonic == iced_x86.Mnemonic.MOV and not s.rflags_modified for s in stores)
    assert (jump.mnemonic, jump.near_branch_target) == (iced_x86.Mnemonic.JMP, 0xC0500000)


@pytest.mark.parametrize(
    ("text", "width"), [("ljmp $8, $0x12345678", 4), ("lcall *(%eax)", 4), ("data16 ljmp $8, $0x1234", 2)]
)
def test_rows_of_far_transfers_have_the_offsets_width(text: str, width: int, tmp_path: Path) -> None:
    insn = I386.decode(assemble(text, tmp_path), 0)
    context = TableContext([insn], [(0x400000, 0x400010, 0)], 0x700000, 0, 0, 0, 0, 0, 0, {}, 0)
    assert ROW.unpack_from(vcpu_tables(context).data)[2] == width


def test_objdump_reads_the_bound_guest_as_planned(tmp_path: Path) -> None:
    """Each site of the fixture guest, as somebody else's decoder shows it: the form, then no-operations."""
    bound = tmp_path / "guest.lol"
    rows = previrt.link(GUEST, "lol", output=bound, details=True).details
    command = ["objdump", "-d", "-w", "--no-show-raw-insn", str(bound)]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = dict(re.findall(r"^ +([0-9a-f]+):\t(.*?) *$", shown, re.M))
    text = {int(va, 16): instruction for va, instruction in lines.items()}
    first = {"call": "call ", "jump": "jmp ", "inline": "mov", "native": "rdtsc"}
    for row in rows:
        room = len(bytes.fromhex(row.old))
        held = [text[va] for va in range(row.va, row.va + room) if va in text]
        work = [instruction for instruction in held if "nop" not in instruction and instruction != "xchg   %ax,%ax"]
        if row.form == "trap":
            assert work[0] in ("int3", "ud2")
        elif row.class_name in ("wbinvd", "invd"):
            assert work == []
        else:
            assert len(work) == 1, row
            assert work[0].startswith(first[row.form]), row
