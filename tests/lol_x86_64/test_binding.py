"""The binding table: every class gets a form, and every form is what it says to a decoder that is not ours."""

import subprocess
from pathlib import Path

import iced_x86
import pytest
from spellings import SPELLINGS

from linker.hypervisors.base import Fixup, FixupKind, Form, FormKind, Stub, TableContext, Unbindable
from linker.hypervisors.lol.x86_64 import BINDING, CALL_STUB, JUMP_STUB
from linker.hypervisors.shared.x86_64_rows import ROW
from linker.sites.codec import Instruction
from linker.sites.formats import INFO_NO_STACK
from linker.sites.x86_64.classes import CLASSES, ROOM_LEN
from linker.sites.x86_64.codec import X86_64

# One instruction a class, in the words of GNU as.
INSTRUCTIONS = {
    **{name: att for name, att, *_ in SPELLINGS},
    **{"pushf": "pushfq", "popf": "popfq", "lidt": "lidt 16(%rsp)", "out": "out %eax, $0x80"},
    **{"mov_from_cr": "mov %cr3, %r9", "ljmp": "rex.w ljmp *(%rax)"},
}
ROOM = {row.name: row.room_len for row in CLASSES}


@pytest.fixture(scope="module")
def instructions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Instruction]:
    """Class name -> its instruction, assembled by GNU as, each at a multiple of 16."""
    folder = tmp_path_factory.mktemp("forms")
    source = "".join(f".balign 16, 0x90\n{INSTRUCTIONS[row.name]}\n" for row in CLASSES) + ".balign 16, 0x90\n"
    (folder / "all.s").write_text(source)
    subprocess.run(["as", "-o", folder / "all.o", folder / "all.s"], check=True)
    subprocess.run(["objcopy", "-O", "binary", "-j", ".text", folder / "all.o", folder / "all.bin"], check=True)
    code = (folder / "all.bin").read_bytes()
    return {row.name: X86_64.decode(code[16 * n : 16 * n + 16], 16 * n) for n, row in enumerate(CLASSES)}


def form_of(insn: Instruction, room_len: int = ROOM_LEN, flags: int = 0) -> Form:
    form = BINDING.form(insn, room_len, flags)
    assert isinstance(form, Form), form
    return form


def fill(code: bytes, form_fixups: tuple[Fixup, ...], va: int, symbols: dict[str, int]) -> bytes:
    """Fill the holes as the ELF ABI says (R_X86_64_PC32: S + A - P, R_X86_64_32S: S + A)."""
    filled = bytearray(code)
    for fixup in form_fixups:
        value = symbols[fixup.symbol] + fixup.addend
        if fixup.kind is FixupKind.PC32:
            value -= va + fixup.offset
        filled[fixup.offset : fixup.offset + 4] = value.to_bytes(4, "little", signed=True)
    return bytes(filled)


def decode(code: bytes, va: int) -> list[iced_x86.Instruction]:
    return list(iced_x86.Decoder(64, code, ip=va))


@pytest.mark.parametrize("name", [row.name for row in CLASSES])
def test_every_class_has_a_form_that_fits_its_room(name: str, instructions: dict[str, Instruction]) -> None:
    insn = instructions[name]
    assert insn.class_name == name
    form = form_of(insn, max(ROOM[name], insn.length))
    assert form.reason


def test_cli_is_one_store_to_the_interrupt_flag_byte(instructions: dict[str, Instruction]) -> None:
    form = form_of(instructions["cli"])
    assert form.kind is FormKind.INLINE
    (store,) = decode(fill(form.code, form.fixups, 0x400000, {"vcpu_vif_word": 0x500000}), 0x400000)
    assert f"{store:s}" == "mov byte ptr [500001h],0" or store.memory_displacement == 0x500001
    assert (store.mnemonic, store.immediate8) == (iced_x86.Mnemonic.MOV, 0)
    assert not store.rflags_modified


@pytest.mark.parametrize("register", ["rax", "rcx", "rsp", "rbp", "rdi", "r8", "r12", "r15"])
@pytest.mark.parametrize("control", [0, 2, 3, 4, 8])
def test_reads_of_control_registers(register: str, control: int, tmp_path: Path) -> None:
    (tmp_path / "a.s").write_text(f"mov %cr{control}, %{register}\n")
    subprocess.run(["as", "-o", tmp_path / "a.o", tmp_path / "a.s"], check=True)
    subprocess.run(["objcopy", "-O", "binary", "-j", ".text", tmp_path / "a.o", tmp_path / "a.bin"], check=True)
    form = form_of(X86_64.decode((tmp_path / "a.bin").read_bytes(), 0))
    (load,) = decode(fill(form.code, form.fixups, 0x400000, {"vcpu_cr": 0x500000}), 0x400000)
    assert load.mnemonic == iced_x86.Mnemonic.MOV
    assert load.op0_register == getattr(iced_x86.Register, register.upper())
    assert load.memory_displacement == 0x500000 + 8 * control
    assert not load.rflags_modified


@pytest.mark.parametrize(
    ("name", "entry"),
    [("sti", "lol_sti"), ("pushf", "lol_pushfq"), ("popf", "lol_popfq"), ("hlt", "lol_hlt"), ("rdmsr", "$stub")],
)
def test_calls_reach_their_entry(name: str, entry: str, instructions: dict[str, Instruction]) -> None:
    form = form_of(instructions[name])
    assert form.kind is FormKind.CALL
    (call,) = decode(fill(form.code, form.fixups, 0x400000, {entry: 0x7654321}), 0x400000)
    assert (call.mnemonic, call.near_branch_target) == (iced_x86.Mnemonic.CALL, 0x7654321)


def test_sti_ends_its_site_so_that_a_hlt_behind_it_is_seen(instructions: dict[str, Instruction]) -> None:
    assert form_of(instructions["sti"]).pad_front


@pytest.mark.parametrize("name", ["iret", "sysret", "swapgs", "ljmp", "lgdt", "mov_to_seg", "mov_to_cr"])
def test_what_may_have_no_stack_jumps(name: str, instructions: dict[str, Instruction]) -> None:
    form = form_of(instructions[name])
    assert form.kind is FormKind.JUMP
    (jump,) = decode(fill(form.code, form.fixups, 0x400000, {"$stub": 0x412345}), 0x400000)
    assert (jump.mnemonic, jump.near_branch_target) == (iced_x86.Mnemonic.JMP, 0x412345)
    assert form.stub is JUMP_STUB


def test_a_site_declared_stackless_jumps(instructions: dict[str, Instruction]) -> None:
    assert form_of(instructions["rdmsr"]).kind is FormKind.CALL
    assert form_of(instructions["rdmsr"], flags=INFO_NO_STACK).kind is FormKind.JUMP


@pytest.mark.parametrize(("stub", "entry"), [(CALL_STUB, "lol_emulate_call"), (JUMP_STUB, "lol_emulate_jump")])
def test_stubs_store_their_row_and_go_on(stub: Stub, entry: str) -> None:
    symbols = {"lol_row": 0x600000, "lol_site_start": 0x600008, entry: 0x500000, "$row": 0x612340, "$start": 0x401234}
    stores_and_jump = decode(fill(stub.code, stub.fixups, 0x510000, symbols), 0x510000)
    *stores, jump = stores_and_jump
    seen = [(s.memory_displacement, s.immediate(1)) for s in stores]
    assert seen == [(0x600000, 0x612340), (0x600008, 0x401234)][: len(stores)]
    assert all(s.mnemonic == iced_x86.Mnemonic.MOV and not s.rflags_modified for s in stores)
    assert (jump.mnemonic, jump.near_branch_target) == (iced_x86.Mnemonic.JMP, 0x500000)


def test_a_site_too_short_traps_where_the_host_faults_and_is_refused_elsewhere(
    instructions: dict[str, Instruction],
) -> None:
    assert form_of(instructions["rdmsr"], room_len=2).kind is FormKind.TRAP
    refused = BINDING.form(instructions["pushf"], 1, 0)
    assert isinstance(refused, Unbindable)
    assert "site has 1" in refused.reason


def test_rows_say_what_the_decoder_said(instructions: dict[str, Instruction]) -> None:
    listed = [instructions["lidt"], instructions["ljmp"], instructions["out"]]
    sites = [(0x400000, 0x400008, 0), (0x400010, 0x400018, 1), (0x400020, 0x400028, 2)]
    tables = BINDING.tables(
        TableContext(listed, sites, 0x700000, 0x400100, 0x400100, 0x500000, 4096, 0x700000, 8192, {}, 0)
    )
    lidt, ljmp, out = (ROW.unpack_from(tables.data, offset) for offset in tables.rows)
    assert (lidt[0], lidt[1], lidt[4 + 2 : 9], lidt[11:13]) == (7, 5, (4, -1, 1), (0, 16))
    assert ljmp[2] == 8, "the offset of a far pointer, without its selector"
    assert (out[2], out[3], out[13]) == (4, 4, 0x80)
    text_off = lidt[14] - 0x700000
    assert tables.data[text_off : tables.data.index(b"\0", text_off)] == b"lidt 0x10(%rsp)"
    assert tables.module_words["vcpu_site_count"] == 3
