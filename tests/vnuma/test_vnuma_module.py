"""The vNUMA module: built from its sources, placeable, in place on a node only; the binding's forms."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile
from vnuma_guests import ROOT, build, run_image

import previrt
from linker.hypervisors.base import Form, Unbindable
from linker.hypervisors.vnuma.ia64 import BINDING
from linker.sites.formats import NOTE_MODULE
from linker.sites.ia64.assemble import assemble
from linker.sites.ia64.codec import IA64

MODULE = BINDING.module
SOURCES = MODULE.parent / "src-ia64"
R_IA64_REL64LSB = 0x6F
EM_IA_64 = 50
X86_GUEST = ROOT / "fixtures" / "x86_64" / "guest.elf"
GUEST = ROOT / "fixtures" / "ia64" / "guest.elf"


@pytest.fixture(scope="module")
def module() -> ELFFile:
    return ELFFile(MODULE.open("rb"))


@pytest.fixture(scope="module")
def bound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("module") / "guest.vnuma"
    previrt.link(GUEST, "vnuma", output=path)
    return path


def section(module: ELFFile, name: str) -> Any:
    return module.get_section_by_name(name)


def test_rebuilding_gives_the_same_bytes(tmp_path: Path) -> None:
    built = tmp_path / "vnuma.so"
    subprocess.run(["make", "-s", "-B", "-C", SOURCES, f"MODULE={built}"], check=True)
    assert built.read_bytes() == MODULE.read_bytes(), "run `make modules` and commit the result"


def test_two_parts_no_undefined_symbols_only_relative_relocations(module: ELFFile) -> None:
    assert [segment["p_flags"] for segment in module.iter_segments("PT_LOAD")] == [5, 6]
    symbols = section(module, ".dynsym").iter_symbols()
    assert not [s.name for s in symbols if s.name and s["st_shndx"] == "SHN_UNDEF"]
    assert {r["r_info_type"] for r in section(module, ".rela.dyn").iter_relocations()} == {R_IA64_REL64LSB}
    (note,) = section(module, ".note.previrt.module").iter_notes()
    fields = NOTE_MODULE.parse(note["n_descdata"])
    assert (fields.target, fields.machine) == ("vnuma", EM_IA_64)


@pytest.mark.parametrize(("monitor", "status"), [("bare", 1), ("linux", 1), ("xen", 3)])
def test_bound_image_run_elsewhere_says_so(bound: Path, monitor: str, status: int) -> None:
    result = run_image(bound, 1, monitor)
    assert result.output == b"previrt: this image is bound to vnuma, and this is no vNUMA node\n"
    assert result.status == status


def test_node_of_another_version_is_refused(bound: Path, tmp_path: Path) -> None:
    """A node that gives version 2 in r9: a small image in front of the module changes what it gave."""
    with bound.open("rb") as file:
        entry_va = ELFFile(file)["e_entry"]
    source = f"_start: mov r9=2\n movl r14={entry_va:#x} ;;\n mov b6=r14 ;;\n br.cond.sptk.few b6 ;;\n"
    front = build(tmp_path, f".explicit\n.global _start\n{source}", 1)
    code = section(ELFFile(front.open("rb")), ".text").data()
    image = bytearray(bound.read_bytes())
    with bound.open("rb") as file:
        elf = ELFFile(file)
        where = next(s for s in elf.iter_segments("PT_LOAD") if s["p_flags"] & 1)
        at = where["p_offset"] + where["p_filesz"] - 16 * len(code) & -16
        assert not any(image[at : at + len(code)]), "unused text of the reserve is zero"
        image[at : at + len(code)] = code
        image[24:32] = (where["p_vaddr"] + at - where["p_offset"]).to_bytes(8, "little")
    path = tmp_path / "guest.version"
    path.write_bytes(image)
    result = run_image(path, 1)
    assert result.status == 1
    assert result.output == b"previrt: this image is bound to vnuma version 1, and the node has another version\n"


def test_every_site_of_the_fixture_guest_is_bound() -> None:
    report = previrt.link(GUEST, "vnuma", dry_run=True)
    assert report.bound == report.sites > 1000


def form_of(text: str, room_len: int, *scratch: int, predicate: int = 0) -> Form | Unbindable:
    """The form of a site with that instruction, in so much room, with those registers free."""
    code = assemble(f"{text} ;;", predicate).code
    insn = IA64.decode(code, 0)._replace(scratch=sum(1 << register for register in scratch))
    return BINDING.form(insn, room_len, 0)


def shown(form: Form | Unbindable) -> list[str]:
    """The form's instructions but for no-operations."""
    assert isinstance(form, Form)
    bundles = IA64.text(form.code, 0).replace("{", "").replace("}", "")
    words = [word.strip() for word in re.split(r";;|;", bundles)]
    return [word for word in words if word and not re.match(r"(nop|\.m)", word)]


@pytest.mark.parametrize(
    ("text", "room_len", "scratch", "expected"),
    [
        ("ssm 0x4000", 48, (14,), ["movl r14=0xf600000000004000", "st2 [r14]=r14"]),
        ("rsm 0x4000", 48, (14,), ["movl r14=0xf600000000004000", "st2 [r14]=r0"]),
        (
            "ssm 0x6008", 48, (14,),
            ["sum 0x8", "movl r14=0xf600000000002000", "st2 [r14]=r14", "movl r14=0xf600000000004000", "st2 [r14]=r14"],
        ),
        (
            "rsm 0x6000", 48, (14,),
            ["movl r14=0xf600000000004000", "st2 [r14]=r0", "movl r14=0xf600000000002000", "st2 [r14]=r0"],
        ),
        ("ssm 0x4000", 48, (), ["ssm 0x4000"]),
        ("ssm 0", 48, (14,), []),
        ("rsm 0", 48, (), []),
        ("rsm 0x20000", 48, (14,), ["rsm 0x20000"]),
        ("mov r8=cr.ipsr", 32, (), ["movl r8=0xf600000000000480", "ld8 r8=[r8]"]),
        ("mov r8=cr.ivr", 32, (14,), ["mov r8=cr.ivr"]),
        ("mov cr.iip=r8", 32, (8, 14), ["movl r14=0xf600000000000498", "st8 [r14]=r8"]),
        ("mov cr.iip=r8", 32, (8,), ["mov cr.iip=r8"]),  # its own source is not free to work with
        ("mov cr.itm=r8", 32, (14,), ["mov cr.itm=r8"]),
        (
            "mov r8=psr", 48, (14, 15),
            ["mov r8=psr.um", "movl r14=0xf600000000004000", "ld8 r15=[r14]", "adds r14=-8192,r14", "or r8=r8,r15",
             "ld8 r14=[r14]", "or r8=r8,r14"],
        ),
        ("cover", 16, (), ["break.m 0x1d0000"]),
        ("srlz.d", 16, (), []),
        ("break.m 0x100000", 16, (), ["break.m 0x100000"]),
    ],
)  # fmt: skip
def test_forms(text: str, room_len: int, scratch: tuple[int, ...], expected: list[str]) -> None:
    form = form_of(text, room_len, *scratch)
    assert shown(form) == expected
    assert isinstance(form, Form)
    assert len(form.code) <= room_len


def test_a_predicate_goes_on_every_instruction_of_a_form() -> None:
    form = form_of("ssm 0x4000", 48, 14, predicate=6)
    assert shown(form) == ["(p6) movl r14=0xf600000000004000", "(p6) st2 [r14]=r14"]
    assert shown(form_of("cover", 16)) == ["break.m 0x1d0000"]


def test_break_immediates_of_hypercalls_cannot_be_bound() -> None:
    form = form_of("break.m 0x1d0085", 16)
    assert isinstance(form, Unbindable)
    assert "0x1d0000 to 0x1d0fff are vNUMA's" in form.reason


def test_an_image_of_another_architecture_is_one_clear_error() -> None:
    command = [sys.executable, "-m", "linker.commands.link", str(X86_GUEST), "-t", "vnuma", "--dry-run"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("previrt-link: target 'vnuma' does not support x86_64: expected ia64; ")
    assert re.search(r"x86_64 can be bound to bare, lol\b", line)
