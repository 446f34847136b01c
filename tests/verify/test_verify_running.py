"""Sites run in the emulator: good bindings agree with the model, wrong ones are caught by what they do."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
from bound_guests import annotated, bound_guest

import previrt
from linker.bind.examine import examined
from linker.hypervisors.base import Binding, Fixup, Form, FormKind, Unbindable
from linker.hypervisors.lol.x86_64 import LolBinding
from linker.sites.codec import Instruction
from linker.sites.x86_64.classes import CLASSES
from linker.verification.prove import prove
from linker.verification.running.model import MODEL

# What is not run of the fixture guest, which has every class, and why: nothing else may be left out.
NOT_RUN = {
    "lol": {"hlt", "mov_to_cr"},
    "bare": {"hlt", "invpcid", "monitor", "mwait", "rdpmc", "mov_to_cr", "mov_from_cr", "load_far_pointer"},
}


@pytest.mark.parametrize("target", ["lol", "bare"])
def test_what_sites_do_agrees_with_the_model(target: str) -> None:
    proof = prove(bound_guest("x86_64", target))
    assert proof.failures == ()
    assert proof.runs is not None
    assert {run.class_name for run in proof.runs if run.not_run} <= NOT_RUN[target]
    assert sum(run.runs for run in proof.runs) > 1000
    run_classes = {run.class_name for run in proof.runs if run.runs}
    assert {"cli", "sti", "pushf", "popf", "lgdt", "sgdt", "mov_to_cr", "mov_from_cr", "rdmsr", "wrmsr"} <= run_classes


def test_on_xen_what_does_not_trap_is_run() -> None:
    proof = prove(bound_guest("x86_64", "xen"))
    assert proof.failures == ()
    assert proof.runs is not None
    run = {(run.class_name, run.form) for run in proof.runs if run.runs}
    assert {("cli", "inline"), ("sti", "call"), ("pushf", "call"), ("popf", "call"), ("mov_from_cr", "inline")} <= run
    assert all(set(run.not_run) <= {"it is a trap to Xen, which would bring it to the module"} for run in proof.runs)


def test_the_model_knows_every_class_but_halting() -> None:
    assert {row.name for row in CLASSES} - set(MODEL) == {"hlt"}


def test_ia64_says_why_nothing_is_run() -> None:
    proof = prove(bound_guest("ia64", "lol"))
    assert (proof.runs, proof.is_proven) == (None, True)
    assert "no emulator for ia64" in proof.run_why_not


CLOBBERING = b"\x48\x31\xc0"  # xor %rax, %rax: the register and the flags
COUNTING = b"\xff\xc1"  # inc %ecx


class Breaks(LolBinding):
    """A form that does more than it should: code is put in front of it."""

    def __init__(self, class_name: str, code: bytes) -> None:
        self._class_name, self._code = class_name, code

    def form(self, insn: Instruction, room_len: int, flags: int) -> Form | Unbindable:
        form = super().form(insn, room_len, flags)
        if not isinstance(form, Form) or insn.class_name != self._class_name or form.kind is FormKind.NATIVE:
            return form
        if len(form.code) + len(self._code) <= room_len:
            moved = tuple(fixup._replace(offset=fixup.offset + len(self._code)) for fixup in form.fixups)
            return form._replace(code=self._code + form.code, fixups=moved)
        return form


class DoesNothing(LolBinding):
    """cli leaves the flag alone."""

    def form(self, insn: Instruction, room_len: int, flags: int) -> Form | Unbindable:
        if insn.class_name == "cli":
            return Form(FormKind.INLINE, b"")
        return super().form(insn, room_len, flags)


class Exchanges(LolBinding):
    """pushf and popf go to each other's entry, or cpuid's stub to rdmsr's row."""

    def form(self, insn: Instruction, room_len: int, flags: int) -> Form | Unbindable:
        form = super().form(insn, room_len, flags)
        if isinstance(form, Form) and insn.class_name == "pushf" and form.stub is None:
            return form._replace(fixups=(Fixup(1, "lol_popfq", -4),))
        return form


class ReadsAnother(LolBinding):
    """mov from cr0 reads cr4."""

    def form(self, insn: Instruction, room_len: int, flags: int) -> Form | Unbindable:
        form = super().form(insn, room_len, flags)
        if isinstance(form, Form) and insn.class_name == "mov_from_cr" and insn.registers[1] == 0:
            (fixup,) = form.fixups
            return form._replace(fixups=(fixup._replace(addend=fixup.addend + 4 * 8),))
        return form


@pytest.mark.parametrize(
    ("binding", "text", "found"),
    [
        (Breaks("rdmsr", CLOBBERING), "rdmsr", "flags="),
        (Breaks("sgdt", CLOBBERING), "sgdt", "rax=0x0"),
        (Breaks("sldt", CLOBBERING), "sldt", "rax=0x0"),
        (Breaks("pushf", b"\x50"), "pushf", "rsp="),
        (Breaks("lgdt", COUNTING), "lgdt", "rcx="),
        (DoesNothing(), "pushf", "memory at"),
        (Exchanges(), "pushf", ""),
        (ReadsAnother(), "mov %cr0", "="),
    ],
)
def test_what_a_wrong_binding_does_is_seen(tmp_path: Path, binding: LolBinding, text: str, found: str) -> None:
    wrong = cast("Binding", binding)
    previrt.link(annotated("x86_64"), "lol", binding=wrong, output=tmp_path / "bound")
    failures = [failure for failure in prove(tmp_path / "bound", binding=wrong).failures if failure.check == "run"]
    assert any(failure.instruction.startswith(text) and found in failure.found for failure in failures), failures


class StartsElsewhere(LolBinding):
    """The image's entry is not the module's."""

    entry_symbol = "lol_hlt"


def test_a_module_that_does_not_start_is_said(tmp_path: Path) -> None:
    wrong = cast("Binding", StartsElsewhere())
    previrt.link(annotated("x86_64"), "lol", binding=wrong, output=tmp_path / "bound")
    failures = prove(tmp_path / "bound", binding=wrong).failures
    assert [(failure.check, failure.part) for failure in failures] == [("run", "start of day")]


def test_nothing_of_a_damaged_image_is_run(tmp_path: Path) -> None:
    contents = bytearray(bound_guest("x86_64", "lol").read_bytes())
    with examined(bound_guest("x86_64", "lol")) as image:
        contents[next(site for site in image.sites if site.form == "call").off + 2] ^= 1
    (tmp_path / "bound").write_bytes(contents)
    proof = prove(tmp_path / "bound")
    assert (proof.is_proven, proof.runs) == (False, None)
    assert proof.run_why_not == "the bytes are not those of a bound image"


def test_an_image_that_the_emulator_cannot_hold_is_said(tmp_path: Path) -> None:
    contents = bytearray(bound_guest("x86_64", "bare").read_bytes())
    contents[64 + 24 + 5] = 0x40  # the first p_paddr: 70 TB
    (tmp_path / "bound").write_bytes(contents)
    with pytest.raises(previrt.LinkError, match="emulator cannot hold the image"):
        prove(tmp_path / "bound")
    assert prove(tmp_path / "bound", run=False).is_proven
