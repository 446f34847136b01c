"""Assembling stubs, judged by GNU as and objdump; placing a module and every kind of form, judged by running them.

The module and the binding here are small and real: GNU as builds the module, the linker places it, the simulator runs.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ia64_assembling import ROOT, run_as
from ia64_binutils import AS, assemble_text, disassemble_bytes

import previrt
from linker.hypervisors.base import Form, TableContext, Tables, Unbindable
from linker.hypervisors.requirements import Finding, Guest
from linker.hypervisors.shared.ia64_forms import Scratch, breaking, inline, jump, native, trapping, unneeded
from linker.registry import binding_for
from linker.sites.codec import Instruction
from linker.sites.ia64.assemble import assemble
from linker.sites.ia64.codec import IA64
from simulator import ssc
from simulator.image import load_image
from simulator.machine import Machine, Stopped

# Lines a stub may have, with the stop each needs for the next line to see what it did.
LINES = [
    "movl r14=0xf500000000000001",
    "movl r31=-2",
    "st1 [r14]=r14",
    "ld8 r15=[r14],8",
    "st8.spill [r2]=r16,16",
    "mov r9=r10",
    "mov r9=-5",
    "adds r9=8,r10",
    "cmp.ne p6,p7=0,r15",
    "cmp.eq p8,p9=r15,r16",
    "tbit.nz p6,p7=r15,14",
    "dep r8=-1,r8,13,1",
    "dep r8=r9,r8,14,2",
    "dep.z r8=r9,63,1",
    "extr.u r8=r9,61,3",
    "shladd r8=r9,3,r10",
    "and r8=-16,r9",
    "mov r20=cr.ivr",
    "mov cr.ipsr=r20",
    "mov r20=psr",
    "mov.m ar.k3=r20",
    "mov.i r21=ar.pfs",
    "mov r22=pr",
    "mov pr=r22,-2",
    "mov r23=b6",
    "mov b6=r23",
    "setf.sig f6=r9",
    "break.m 0x7",
    "{2} break.i 0x7",
    "{0} break.m 0x1000",
    "mf",
    "br.cond.sptk.few b6",
    "brl.cond.dptk.many.clr 0x100",
    "brl.call.sptk.few b6=-0x200",
]


def meaning(code: bytes) -> list[tuple[str, bool]]:
    """What objdump reads, no-operations left out: text, and whether the group ends before the next instruction."""
    found: list[tuple[str, bool]] = []
    for _, slots in disassemble_bytes(code):
        for text, stop in slots:
            if not text.startswith("nop."):
                found.append((text, stop))
            elif stop and found:
                found[-1] = (found[-1][0], True)
    return found


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(LINES), st.booleans()), min_size=1, max_size=12), st.sampled_from([0, 6, 63]))
def test_text_means_what_gnu_as_makes_of_it(lines: list[tuple[str, bool]], predicate: int) -> None:
    text = "\n".join(line + (" ;;" if stop else "") for line, stop in lines)
    ours = meaning(assemble(text, predicate).code)
    prefix = f"(p{predicate}) " if predicate else ""
    theirs = []
    for line, stop in lines:
        plain = re.sub(r"^\{\d\} ", "", line)
        if plain.startswith("brl"):
            theirs.append(("branch", stop))
            continue
        # `{ .mlx` and its like are theirs to choose: each instruction is assembled by itself.
        ((read, _),) = meaning(assemble_text(f".text\n{prefix}{plain} ;;\n"))
        theirs.append((read, stop))
    assert len(ours) == len(theirs)
    for (our_text, our_stop), (their_text, stop) in zip(ours, theirs, strict=True):
        assert our_stop >= stop, f"{our_text}: no stop"
        if their_text != "branch":
            assert our_text == their_text
        else:
            assert "brl." in our_text


def test_slots_are_those_asked_for() -> None:
    for slot, unit in ((0, "m"), (2, "i")):
        code = assemble(f"mov r9=r10\nmov r10=r11\nmov r11=r12\n{{{slot}}} break.{unit} 7 ;;").code
        places = [n for _, slots in disassemble_bytes(code) for n, (text, _) in enumerate(slots) if "break" in text]
        assert places == [slot]


@pytest.mark.parametrize("text", ["mov r1", "ld9 r1=[r2]", "adds r1=r2", "{1} movl r1", "frob", "brl.cond.sptk.few"])
def test_text_that_is_no_instruction(text: str) -> None:
    with pytest.raises(ValueError, match="is no instruction"):
        assemble(text)


def test_operand_that_does_not_fit() -> None:
    with pytest.raises(previrt.LinkError, match="operand imm14 does not fit"):
        assemble("adds r1=8192,r2 ;;")


def test_stop_in_front_of_an_instruction_that_needs_it() -> None:
    """Two instructions with a stop between are never one group, whatever template they land in."""
    code = assemble("movl r14=1 ;;\nst1 [r14]=r14 ;;").code
    assert meaning(code) == [("movl r14=0x1", True), ("st1 [r14]=r14", True)]
    code = assemble("ld8 r14=[r15] ;;\nadds r14=1,r14 ;;\nst8 [r15]=r14 ;;").code
    assert [stop for _, stop in meaning(code)] == [True, True, True]


MODULE_S = """
        .text
        .explicit
        .global serve, start, counter
        .protected serve, start, counter
serve:
1:      { .mii; nop.m 0; mov r2=ip; nop.i 0 }
        { .mlx; nop.m 0; movl r3=pointer-1b ;; }
        add r3=r2,r3 ;;
        ld8 r3=[r3] ;;
        ld8 r8=[r3] ;;
        adds r8=1,r8 ;;
        st8 [r3]=r8
        br.ret.sptk.few b6 ;;
start:  mov r28=r0
        movl r31=7 ;;
        brl.cond.sptk.few 0 ;;
        .data
        .balign 16
counter: data8 41
pointer: data8 counter
        .section .note.previrt.module, "a", @note
        data4 8, 24, 5
        stringz "previrt"
        .ascii "test"
        .skip 12
        data2 50, 0
        data4 7
"""

# Sites, each with what is free there; then the guest prints nothing and exits with what the sites left in registers.
GUEST_S = """
        .text
        .explicit
        .global _start
        .afterburn_scratch r14, r15, p6-p7
_start: alloc r9=ar.pfs,0,1,1,0
        cmp.eq p1,p2=r0,r0 ;;
        ssm 0x4000 ;;                   // inline
        (p2) ssm 0x4000 ;;              // false: must not run
        mov r16=cr.itv ;;               // stub that calls the module
        (p2) mov r17=cr.itv ;;
        (p1) mov r18=cr.itv ;;
        mov r19=rr[r0] ;;               // break
        (p2) mov r19=rr[r0] ;;
        srlz.d ;;                       // nothing
        mov r20=psr ;;                  // stays
        mov r21=cr.tpr ;;               // long stub
        mov r32=r0
        mov r15=66 ;;
        break 0x80001 ;;                // stays, and is what ends the run
"""
FLAG_VA, BREAK = 0x2000000, 0x5AFE


class FormsBinding:
    target = "test"
    entry_symbol: str | None = None

    def requirements(self, guest: Guest) -> tuple[Finding, ...]:
        return ()

    def __init__(self, module: Path | None) -> None:
        self.module = module

    def form(self, insn: Instruction, room_len: int, flags: int) -> Form | Unbindable:
        scratch = Scratch(insn, destination=insn.registers[0] if insn.registers else None)
        name = insn.class_name
        if name == "ssm":
            (a,) = scratch.general(1) or [""]
            assert inline(insn, room_len, f"movl {a}={FLAG_VA:#x} ;;\n" * 4) is None, "four bundles in three"
            text = f"movl {a}={FLAG_VA:#x} ;;\nst1 [{a}]=r29 ;;"
            return inline(insn, room_len, text) or Unbindable("no room")
        if name == "mov_from_cr" and insn.registers[1] == 72:
            return jump(insn, f"brl.call.sptk.few b6=serve ;;\nmov r{insn.registers[0]}=r8 ;;")
        if name == "mov_from_cr":
            return jump(insn, f"movl r{insn.registers[0]}=counter ;;\nld8 r21=[r21] ;;")
        if name == "mov_from_rr":
            return breaking(insn, BREAK)
        if name == "srlz_d":
            return unneeded("nothing to serialize")
        return native(insn) if name == "mov_from_psr" else trapping(insn)

    def tables(self, context: TableContext) -> Tables:
        return Tables(b"", ())


class Made(NamedTuple):
    image: Path
    report: previrt.LinkReport

    @property
    def forms(self) -> list[str]:
        return [detail.form for detail in self.report.details]


def build_module(directory: Path) -> Path:
    (directory / "m.S").write_text(MODULE_S)
    script = ROOT / "linker" / "hypervisors" / "vnuma" / "src-ia64" / "module.lds"
    options = ["-shared", "--emit-relocs", "-Bsymbolic", "--hash-style=sysv", "-T", str(script)]
    subprocess.run([AS, "-xnone", "-o", "m.o", "m.S"], cwd=directory, check=True)
    subprocess.run(["ia64-linux-gnu-ld", *options, "-o", "m.so", "m.o"], cwd=directory, check=True)
    return directory / "m.so"


GUEST_LDS = """
SECTIONS {{
    . = 0x100000;
    .text : {{ *(.text) }}
    .note.afterburn : {{ *(.note.afterburn) }}
    .text.previrt_reserve {text_va:#x} : {{ *(.text.previrt_reserve) }}
    .data.previrt_reserve {data_va:#x} : {{ *(.data.previrt_reserve) }}
}}
"""


def build_guest(directory: Path, text_va: int = 0x110000, data_va: int = 0x120000) -> Path:
    (directory / "guest.S").write_text(GUEST_S)
    (directory / "guest.lds").write_text(GUEST_LDS.format(text_va=text_va, data_va=data_va))
    done = run_as("-xnone", "-o", "guest.o", "guest.S", cwd=directory)
    assert (done.returncode, done.stderr) == (0, "")
    reserve = ROOT / "afterburner" / "reserve" / "ia64.S"
    source = subprocess.run(
        ["cpp", "-P", "-DPREVIRT_RESERVE_TEXT=16384", "-DPREVIRT_RESERVE_DATA=16384", reserve],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    (directory / "reserve.S").write_text(source)
    subprocess.run([AS, "-o", "reserve.o", "reserve.S"], cwd=directory, check=True)
    command = ["ia64-linux-gnu-ld", "-T", "guest.lds", "-o", "guest", "guest.o", "reserve.o"]
    subprocess.run(command, cwd=directory, check=True)
    return directory / "guest"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    directory = tmp_path_factory.mktemp("forms")
    guest = build_guest(directory)
    report = previrt.link(guest, "test", binding=FormsBinding(build_module(directory)), details=True)
    return Made(directory / "guest.test", report)


def run(image: Path) -> tuple[Machine, list[int]]:
    """The machine after the guest's exit, and the places where BREAK was met."""
    machine = Machine(64 << 20)
    written = bytearray()
    breaks: list[int] = []
    ssc.attach(machine, written.extend)

    def serve_break(machine: Machine) -> None:
        breaks.append(machine.cpu.ip)
        machine.cpu.gr[19] = 0x1234

    machine.break_handlers[BREAK] = serve_break
    load_image(machine, image)
    machine.memory.write(FLAG_VA, 0xAA55, 8)
    with pytest.raises(Stopped):
        machine.run(10_000)
    return machine, breaks


def test_every_form_runs_and_only_where_its_predicate_is_true(made: Made) -> None:
    machine, breaks = run(made.image)
    assert machine.memory.read(FLAG_VA, 2) == 0xAA00, "one store of one byte"
    assert [machine.cpu.gr[n] for n in (16, 17, 18)] == [42, 0, 43], "the module counts from 41"
    assert machine.cpu.gr[19] == 0x1234
    assert len(breaks) == 1
    assert machine.cpu.gr[21] == 43, "the stub reaches the counter the module wrote"
    assert sorted(set(made.forms)) == ["inline", "jump", "native", "trap"]


def test_padding_behind_every_form_ends_the_group(made: Made) -> None:
    for detail in made.report.details:
        bundles = disassemble_bytes(bytes.fromhex(detail.final))
        assert bundles[-1][1][-1][1], f"{detail.instruction}: no stop at the site's end"


def test_identities(made: Made, tmp_path: Path) -> None:
    original = made.image.parent / "guest"
    previrt.restore(made.image, output=tmp_path / "restored")
    assert (tmp_path / "restored").read_bytes() == original.read_bytes()
    previrt.link(made.image, "bare", output=tmp_path / "bare")
    previrt.link(original, "bare", output=tmp_path / "direct")
    assert (tmp_path / "bare").read_bytes() == (tmp_path / "direct").read_bytes()


FAR = 0x3000_0000_0000_0000


def test_branches_reach_anywhere(tmp_path: Path) -> None:
    """The reserve half the address space away: objdump must read each brl as going to its stub, and each back."""
    guest = build_guest(tmp_path, FAR, FAR * 2)
    report = previrt.link(guest, "test", binding=FormsBinding(build_module(tmp_path)), details=True)
    listing = subprocess.run(
        ["ia64-linux-gnu-objdump", "-d", "--no-show-raw-insn", tmp_path / "guest.test"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    targets = {
        int(match[1], 16) & ~15: int(match[2], 16)
        for match in re.finditer(r"(?m)^\s*([0-9a-f]+):.*?\bbrl\.[\w.]* ([0-9a-f]+)", listing)
    }
    sites = [detail for detail in report.details if detail.form == "jump"]
    assert len(sites) == report.stubs == 4
    for site in sites:
        stub_va = targets[site.va]
        assert stub_va >= FAR
        back_va = min(va for va in targets if va > stub_va)
        assert targets[back_va] == site.va + len(bytes.fromhex(site.final))


def test_module_text_too_far_from_nothing_says_so(tmp_path: Path) -> None:
    """A module that reaches its text from the global pointer cannot be placed in two parts."""
    bad = MODULE_S.replace("movl r3=pointer-1b ;;", "movl r3=@gprel(serve) ;;")
    (tmp_path / "m.S").write_text(bad)
    build_guest(tmp_path)
    script = ROOT / "linker" / "hypervisors" / "vnuma" / "src-ia64" / "module.lds"
    subprocess.run([AS, "-xnone", "-o", "m.o", "m.S"], cwd=tmp_path, check=True)
    options = ["-shared", "--emit-relocs", "-Bsymbolic", "--hash-style=sysv", "-T", str(script)]
    subprocess.run(["ia64-linux-gnu-ld", *options, "-o", "m.so", "m.o"], cwd=tmp_path, check=True)
    with pytest.raises(previrt.LinkError, match="reaches its text from the global pointer"):
        previrt.link(tmp_path / "guest", "test", binding=FormsBinding(tmp_path / "m.so"))


def test_a_wrong_branch_is_found_when_the_result_is_decoded(made: Made) -> None:
    """What the verifier reads in a patched bundle is where objdump says it goes."""
    detail = next(detail for detail in made.report.details if detail.form == "jump")
    code = bytes.fromhex(detail.final)[:16]
    (reference,) = IA64.disassemble(code, detail.va)[0].references
    ((_, slots),) = disassemble_bytes(code)
    distance = int(slots[-1][0].split()[-1], 16)
    assert reference == (0, (detail.va + distance) % (1 << 64))


@pytest.mark.parametrize("target", ["bare", "lol", "xen", "vnuma"])
@pytest.mark.parametrize("scratch", [0, 1 << 14, 1 << 14 | 1 << 15])
@pytest.mark.parametrize("text", ["ssm 0", "rsm 0"])
def test_a_mask_without_bits(target: str, scratch: int, text: str) -> None:
    """Assemblers take it; it does nothing, and no target may stumble over it."""
    insn = IA64.decode(assemble(f"{text} ;;").code, 0)._replace(scratch=scratch)
    form = binding_for(target, 50).form(insn, 48, 0)
    assert isinstance(form, Form)
    assert len(form.code) <= 48
