"""The built LoL module for ia64 is what its sources give; the binding's forms; the monitor's gate page."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile

import previrt
from linker.hypervisors.base import Form, FormKind, TableContext
from linker.hypervisors.lol import ia64
from linker.hypervisors.lol.ia64 import BINDING
from linker.sites.codec import Instruction
from linker.sites.formats import NOTE_MODULE
from linker.sites.ia64.assemble import assemble
from linker.sites.ia64.classes import CLASSES, LAST_IN_GROUP
from linker.sites.ia64.codec import IA64
from simulator.monitors.linux import gate

ROOT = Path(__file__).resolve().parents[2]
MODULE = BINDING.module
SOURCES = MODULE.parent / "src-ia64"
GUEST = ROOT / "fixtures" / "ia64" / "guest.elf"
GATE = ROOT / "simulator" / "monitors" / "linux" / "gate.S"
EM_IA_64 = 50
GPREL64I, PCREL21B, PCREL64I = 0x2B, 0x49, 0x7B


@pytest.fixture(scope="module")
def module() -> ELFFile:
    return ELFFile(MODULE.open("rb"))


def section(module: ELFFile, name: str) -> Any:
    return module.get_section_by_name(name)


def test_rebuilding_gives_the_same_bytes(tmp_path: Path, ia64_compiler: str) -> None:
    environment = {**os.environ, "PATH": ia64_compiler}
    built = tmp_path / "lol.so"
    subprocess.run(["make", "-s", "-B", "-C", SOURCES, f"MODULE={built}"], check=True, env=environment)
    assert built.read_bytes() == MODULE.read_bytes(), "run `make modules` and commit the result"


def test_two_parts_no_undefined_symbols_one_reference_between_them(module: ELFFile) -> None:
    assert [segment["p_flags"] for segment in module.iter_segments("PT_LOAD")] == [5, 6]
    symbols = section(module, ".dynsym").iter_symbols()
    assert not [s.name for s in symbols if s.name and s["st_shndx"] == "SHN_UNDEF"]
    kinds = [r["r_info_type"] for r in section(module, ".rela.text").iter_relocations()]
    assert set(kinds) == {GPREL64I, PCREL21B, PCREL64I}
    assert kinds.count(PCREL64I) == 1  # the global pointer, from ip
    (note,) = section(module, ".note.previrt.module").iter_notes()
    fields = NOTE_MODULE.parse(note["n_descdata"])
    assert (fields.target, fields.machine) == ("lol", EM_IA_64)


def test_the_binding_and_the_module_mean_the_same_addresses(tmp_path: Path, ia64_compiler: str) -> None:
    """The compiler itself says where the fields of struct vcpu are."""
    names = ["psr_i", "poll", "psr_readable", "itc_offset", "psr_ic", "cr", "kr", "rr"]
    source = '#include "lol.h"\n' + "".join(
        f"u64 at_{name} = __builtin_offsetof(struct vcpu, {name});\n" for name in names
    )
    source = source.replace('#include "lol.h"\n', '#include "lol.h"\n#undef vcpu\n')
    (tmp_path / "offsets.c").write_text(source + "u64 at_base = LOL_VCPU;\n")
    compiler = shutil.which("ia64-linux-gnu-gcc", path=ia64_compiler)
    assert compiler is not None
    command = [compiler, "-S", "-o", "-", f"-I{SOURCES}", str(tmp_path / "offsets.c")]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = {name: int(value) for name, value in re.findall(r"at_(\w+):\s+data8\s+(-?\d+)", text)}
    found.update(dict.fromkeys(set(names) - set(found), 0))
    expected = {
        "psr_i": ia64.PSR_I_VA, "poll": ia64.POLL_VA, "psr_readable": ia64.PSR_VA, "itc_offset": ia64.ITC_OFFSET_VA,
        "psr_ic": ia64.PSR_IC_VA, "cr": ia64.CR_VA, "kr": ia64.KR_VA, "rr": ia64.RR_VA,
    }  # fmt: skip
    assert found["base"] == ia64.VCPU_VA
    assert {name: found[name] + ia64.VCPU_VA for name in names} == expected


def instruction(text: str, scratch: int = 1 << 30 | 1 << 31, predicate: int = 0) -> Instruction:
    code = assemble(text + " ;;", predicate).code
    return IA64.decode(code[:16], 0)._replace(scratch=scratch)


def form(text: str, scratch: int = 1 << 30 | 1 << 31, room: int = 48) -> Form:
    made = BINDING.form(instruction(text, scratch), room, 0)
    assert isinstance(made, Form)
    return made


@pytest.mark.parametrize(
    ("text", "room", "kind"),
    [
        ("ssm 0x4000", 48, FormKind.INLINE),
        ("ssm 0x2000", 48, FormKind.INLINE),
        ("ssm 0x6000", 48, FormKind.JUMP),
        ("rsm 0x4000", 48, FormKind.INLINE),
        ("rsm 0x6000", 48, FormKind.INLINE),
        ("rsm 0x80000", 48, FormKind.TRAP),
        ("mov r8=psr", 48, FormKind.JUMP),
        ("mov r8=cr.iip", 32, FormKind.INLINE),
        ("mov r8=cr.ivr", 32, FormKind.TRAP),
        ("mov cr.ipsr=r8", 32, FormKind.INLINE),
        ("mov cr.itm=r8", 32, FormKind.TRAP),
        ("mov.m r8=ar.k6", 32, FormKind.INLINE),
        ("mov.m ar.k6=r8", 32, FormKind.INLINE),
        ("mov r8=rr[r9]", 32, FormKind.JUMP),
        ("mov.m r44=ar.itc", 32, FormKind.JUMP),
        ("srlz.d", 16, FormKind.INLINE),
        ("fc r8", 16, FormKind.NATIVE),
        ("cover", 16, FormKind.TRAP),
        ("rfi", 16, FormKind.TRAP),
        ("break.m 0x80001", 16, FormKind.NATIVE),
        ("break.i 0x100000", 16, FormKind.TRAP),
    ],
)
def test_form_of(text: str, room: int, kind: FormKind) -> None:
    assert form(text, room=room).kind is kind


@pytest.mark.parametrize("text", ["ssm 0x4000", "rsm 0x4000", "mov r8=psr", "mov cr.ipsr=r8", "mov r8=rr[r9]"])
def test_no_free_register_means_the_instruction_stays(text: str) -> None:
    made = form(text, scratch=0)
    assert (made.kind, made.code) == (FormKind.TRAP, instruction(text, 0).code)


@pytest.mark.parametrize("text", ["ssm 0x4000", "ssm 0x6000", "rsm 0x6000", "mov r8=psr", "mov.m r44=ar.itc"])
def test_forms_write_nothing_but_their_own_registers(text: str) -> None:
    insn = instruction(text)
    made = form(text)
    code = made.code + (made.stub.code if made.stub else b"")
    destination = {f"r{insn.registers[0]}"} if text.startswith("mov") else set()
    writes = r"(?:^|[;{)] |; )(?:movl|adds|add|ld\d|shladd|dep\.z|or|mov(?:\.\w)?) (r\d+)="
    written = set(re.findall(writes, IA64.text(code, 0)))
    assert written <= {"r30", "r31", *destination}
    assert written


@pytest.mark.parametrize(
    ("text", "unit"), [("cover", "b"), ("epc", "b"), ("break.i 0x100000", "i"), ("thash r8=r9", "m")]
)
def test_a_break_has_the_place_of_its_instruction(text: str, unit: str) -> None:
    insn = instruction(text)
    (decoded,) = [s for s in IA64.text(form(text, room=16).code, 0).split(";") if "break" in s]
    assert f"break.{unit}" in decoded
    assert IA64.decode(form(text, room=16).code, 0).slot == insn.slot


def test_every_class_has_a_form() -> None:
    assert {row.name for row in CLASSES} >= {*ia64.BREAKS, *ia64.NATIVE, *ia64.NOTHING, *LAST_IN_GROUP}


def test_tables_hold_the_instructions_of_the_sites() -> None:
    insns = (instruction("cover"), instruction("mov cr.itm=r8"))
    context = TableContext(
        instructions=insns,
        sites=[(0x4000040, 0x4000050, 1), (0x4000010, 0x4000020, 0)],
        data_va=0x5000000,
        guest_entry_va=0,
        image_entry_va=0x4000000,
        text_va=0,
        text_len=0,
        reserve_data_va=0,
        reserve_data_len=0,
        symbols={},
        virtual_offset=0,
    )
    tables = BINDING.tables(context)
    word, _, unit = ia64.ROW.unpack_from(tables.data, ia64.ROW.size)
    assert (word >> 27 & 63, word >> 37, unit) == (0x2C, 1, ord("M"))
    sites = tables.module_words["lol_sites_va"] - context.data_va
    assert ia64.SITE.unpack_from(tables.data, sites) == (0x4000010, 0, insns[0].slot)
    assert ia64.SITE.unpack_from(tables.data, sites + ia64.SITE.size) == (0x4000040, 1, 0)


def test_binding_again_gives_the_same_image_and_restoring_the_first(tmp_path: Path) -> None:
    previrt.link(GUEST, "lol", output=tmp_path / "direct")
    previrt.link(GUEST, "bare", output=tmp_path / "bare")
    previrt.link(tmp_path / "bare", "lol", output=tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "direct").read_bytes()
    previrt.link(tmp_path / "again", "bare", output=tmp_path / "bare again")
    assert (tmp_path / "bare again").read_bytes() == (tmp_path / "bare").read_bytes()


def test_the_gate_page_is_what_its_source_gives(tmp_path: Path) -> None:
    subprocess.run(["ia64-linux-gnu-as", "-x", "-o", tmp_path / "gate.o", GATE], check=True)
    command = ["ia64-linux-gnu-objcopy", "-O", "binary", "-j", ".text", "gate.o", "gate"]
    subprocess.run(command, cwd=tmp_path, check=True)
    assert (tmp_path / "gate").read_bytes() == gate.GATE
    symbols = subprocess.run(["ia64-linux-gnu-nm", tmp_path / "gate.o"], check=True, capture_output=True, text=True)
    places = {line.split()[2]: int(line.split()[0], 16) for line in symbols.stdout.splitlines()}
    assert (places["system_call"], places["trampoline"]) == (gate.SYSTEM_CALL_OFFSET, gate.TRAMPOLINE_OFFSET)
