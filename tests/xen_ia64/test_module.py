"""The Xen module for ia64: built from its sources, placeable, with the offsets the binding has; the binding's forms."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile

import previrt
from linker.hypervisors.base import Form, FormKind
from linker.hypervisors.xen import ia64_words
from linker.hypervisors.xen.ia64 import BINDING
from linker.sites.formats import NOTE_MODULE
from linker.sites.ia64.assemble import assemble
from linker.sites.ia64.bundles import split
from linker.sites.ia64.classes import CLASSES
from linker.sites.ia64.codec import IA64, NOP, bundle
from simulator.monitors.xen import layout

MODULE = BINDING.module
SOURCES = MODULE.parent / "src-ia64"
EM_IA_64 = 50
GUEST = Path(__file__).parents[2] / "fixtures" / "ia64" / "guest.elf"


@pytest.fixture(scope="module")
def module() -> ELFFile:
    return ELFFile(MODULE.open("rb"))


def section(module: ELFFile, name: str) -> Any:
    return module.get_section_by_name(name)


def test_rebuilding_gives_the_same_bytes(tmp_path: Path) -> None:
    built = tmp_path / "xen.so"
    subprocess.run(["make", "-s", "-B", "-C", SOURCES, f"MODULE={built}"], check=True)
    assert built.read_bytes() == MODULE.read_bytes(), "run `make modules` and commit the result"


def test_two_parts_no_undefined_symbols_no_dynamic_relocations(module: ELFFile) -> None:
    assert [segment["p_flags"] for segment in module.iter_segments("PT_LOAD")] == [5, 6]
    symbols = section(module, ".dynsym").iter_symbols()
    assert not [s.name for s in symbols if s.name and s["st_shndx"] == "SHN_UNDEF"]
    assert section(module, ".rela.dyn") is None
    (note,) = section(module, ".note.previrt.module").iter_notes()
    fields = NOTE_MODULE.parse(note["n_descdata"])
    assert (fields.target, fields.machine) == ("xen", EM_IA_64)


def test_offsets_of_the_binding_are_those_of_the_module() -> None:
    said = dict(re.findall(r"\.set (\w+), (0x[0-9a-f]+)", (SOURCES / "words.inc").read_text()))
    for name in ("LAST_IPSR", "ITC_OFFSET", "RESULT", "ARGUMENT", "BORROWED", "SAVED"):
        assert ia64_words.XSI_VA + int(said[name], 16) == getattr(ia64_words, f"{name}_VA"), name


def test_the_modules_words_are_none_of_xens() -> None:
    """Xen's fields as the monitor has them, written from Xen's header and not from the module."""
    said = {
        name: int(at, 16) for name, at in re.findall(r"\.set (\w+), (0x[0-9a-f]+)", (SOURCES / "words.inc").read_text())
    }
    xens = {value for name, value in vars(layout).items() if isinstance(value, int) and 0x4400 <= value < 0x5000}
    used_crs = {*range(0, 3), 8, 16, 17, *range(19, 26), *range(64, 75), 80, 81}
    xens |= {layout.CR_BASE + 8 * number for number in used_crs}
    xens |= {base + 8 * n for base in (layout.BANK1, layout.BANK0) for n in range(16)}
    xens |= {base + 8 * n for base in (layout.REGION_REGISTERS, layout.KERNEL_REGISTERS) for n in range(8)}
    xens |= set(range(0x4CD0, 0x4D60, 8))  # tmp, itc_offset, itc_last
    mine = {said[name] for name in ("LAST_IPSR", "ITC_OFFSET", "TIMER_PORT", "RESULT", "ARGUMENT", "BORROWED")}
    mine |= {said["IN_SERVICE"] + 8 * n for n in range(4)} | {said["SAVED"] + 8 * n for n in range(84)}
    assert not mine & xens
    assert max(mine) < 0x5000


def form_of(text: str, room_len: int, *scratch: int, predicate: int = 0) -> Form:
    """The form of a site with that instruction, in so much room, with those registers free; 0 is p6 and p7."""
    code = assemble(f"{text} ;;", predicate).code
    if text.startswith("ptc.g"):  # the last of its group wherever it stands
        code = bundle("MMI", split(code).slots[0], NOP["M"], NOP["I"], stop=True, stop_behind_first=True)
    insn = IA64.decode(code, 0)._replace(scratch=sum(1 << register for register in scratch))
    return BINDING.form(insn, room_len, 0)


def shown(code: bytes) -> list[str]:
    """The instructions but for no-operations."""
    bundles = IA64.text(code, 0).replace("{", "").replace("}", "")
    words = [word.strip() for word in re.split(r";;|;", bundles)]
    return [word for word in words if word and not re.match(r"(nop|\.m)", word)]


@pytest.mark.parametrize(
    ("text", "room_len", "scratch", "expected"),
    [
        ("rsm 0x4000", 48, (14,), ["movl r14=0xf500000000000001", "st1 [r14]=r14"]),
        (
            "ssm 0x4000", 64, (0, 14),
            ["movl r14=0xf500000000000001", "st1 [r14]=r0,-1", "ld1 r14=[r14]", "cmp.eq p7,p6=0,r14",
             "(p6) ssm 0x4000"],
        ),
        ("ssm 0x4000", 48, (), ["ssm 0x4000"]),
        ("rsm 0x400008", 48, (), ["rum 0x8"]),
        ("ssm 0x400000", 48, (), []),
        ("mov r8=cr.ifa", 32, (), ["movl r8=0xf5000000000048a0", "ld8 r8=[r8]"]),
        ("mov r8=cr.eoi", 32, (), ["addl r8=0,r0"]),
        ("mov cr.iip=r8", 32, (8, 14), ["movl r14=0xf500000000004898", "st8 [r14]=r8"]),
        (
            "mov cr.ipsr=r8", 48, (14,),
            ["movl r14=0xf500000000004880", "st8 [r14]=r8,80", "st8 [r14]=r8"],
        ),
        ("cover", 16, (), ["break.m 0x4"]),
        ("rfi", 16, (), ["rfi"]),
        ("bsw.1", 16, (), ["bsw.1"]),
        ("srlz.d", 16, (), []),
        ("thash r0=r8", 16, (), ["thash r0=r8"]),
        ("fc r8", 16, (), ["fc r8"]),
    ],
)  # fmt: skip
def test_forms_in_the_site(text: str, room_len: int, scratch: tuple[int, ...], expected: list[str]) -> None:
    form = form_of(text, room_len, *scratch)
    assert form.stub is None
    assert shown(form.code) == expected
    assert len(form.code) <= room_len


@pytest.mark.parametrize(
    ("text", "scratch", "expected"),
    [
        (
            "mov rr[r20]=r21", (14, 15),
            ["adds r15=0,r8", "adds r14=0,r9", "adds r8=0,r20", "adds r9=0,r21", "break.m 0x11", "adds r8=0,r15",
             "adds r9=0,r14"],
        ),
        (
            "mov rr[r9]=r8", (14, 15),
            ["adds r15=0,r8", "adds r14=0,r9", "adds r8=0,r14", "adds r9=0,r15", "break.m 0x11", "adds r8=0,r15",
             "adds r9=0,r14"],
        ),
        ("mov rr[r20]=r21", (8, 9), ["adds r8=0,r20", "adds r9=0,r21", "break.m 0x11"]),
        ("thash r20=r21", (14,), ["adds r14=0,r8", "adds r8=0,r21", "break.m 0xd", "adds r20=0,r8", "adds r8=0,r14"]),
        ("thash r8=r21", (), ["adds r8=0,r21", "break.m 0xd"]),
        ("thash r20=r21", (), ["mov cr.iipa=r26", "adds r26=0,r8", "adds r8=0,r21", "break.m 0xd", "adds r20=0,r8",
                               "adds r8=0,r26", "mov r26=cr.iipa"]),
        ("itr.d dtr[r20]=r21", (), ["itr.d dtr[r20]=r21", "ptc.e r0"]),
        ("ptc.g r20,r21", (), ["ptc.ga r20,r21"]),
    ],
)  # fmt: skip
def test_forms_in_a_stub(text: str, scratch: tuple[int, ...], expected: list[str]) -> None:
    form = form_of(text, 16, *scratch, predicate=6)
    assert form.kind is FormKind.JUMP
    assert form.stub is not None
    assert shown(form.code)[0].startswith("(p6) brl.cond.sptk.few")
    assert shown(form.stub.code)[:-1] == expected
    assert shown(form.stub.code)[-1].startswith("brl.cond.sptk.few")


@pytest.mark.parametrize(
    ("unit", "slot"), [("m", 0), ("i", 2), ("f", 1), ("b", 2), ("x", 1)]
)  # the units of break, and where previrt-as puts them
def test_a_break_of_the_guest_keeps_its_slot_and_loses_its_immediate(unit: str, slot: int) -> None:
    code = assemble(f"{{{min(slot, 2)}}} break.{unit} 0x12345 ;;" if unit != "x" else "break.x 0x12345 ;;").code
    insn = IA64.decode(code, 0)
    assert insn.slot == slot
    form = BINDING.form(insn, 16, 0)
    after = IA64.decode(form.code, 0)
    assert (form.kind, after.slot, after.immediate) == (FormKind.TRAP, slot, 0)
    assert after.text.startswith(f"break.{unit}")


def test_every_class_has_a_form() -> None:
    report = previrt.link(GUEST, "xen", dry_run=True)
    assert report.bound == report.sites > 1000
    assert {row.name for row in CLASSES} - {"vmsw"} <= set(report.forms)
