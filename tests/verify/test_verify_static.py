"""The static proof: good images of every kind pass, and what is wrong is named."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import cast

import pytest
from bound_guests import ALL, annotated, bound_guest

import previrt
from linker.bind.examine import examined
from linker.hypervisors.base import Binding, Fixup, Form, FormKind, Unbindable
from linker.hypervisors.lol.x86_64 import LolBinding
from linker.plan.place import read_module
from linker.sites.codec import Instruction
from linker.verification.prove import prove


@pytest.mark.parametrize(("arch", "target"), ALL)
def test_a_bound_fixture_guest_is_proven(arch: str, target: str) -> None:
    proof = prove(bound_guest(arch, target), original=annotated(arch), run=False)
    assert proof.failures == ()
    assert (proof.target, proof.architecture, proof.entries) == (target, arch, "table")
    report = previrt.link(annotated(arch), target, dry_run=True)
    assert proof.sites == {name: dict(forms) for name, forms in sorted(report.forms.items())}
    assert proof.checked["stubs followed"] == report.stubs
    jumps = sum(forms.get("jump", 0) for forms in report.forms.values())
    calls = sum(forms.get("call", 0) for forms in report.forms.values())
    branches = proof.checked["branches through a stub"] + proof.checked["branches straight to an entry"]
    assert branches == jumps + calls


@pytest.mark.parametrize("skip", ["cli", "rdmsr", "int3"])
def test_sites_left_out_are_proven_as_annotated(tmp_path: Path, skip: str) -> None:
    previrt.link(annotated("x86_64"), "lol", skip=[skip], output=tmp_path / "bound")
    proof = prove(tmp_path / "bound", original=annotated("x86_64"), run=False)
    assert proof.failures == ()
    assert set(proof.sites[skip]) <= {"skipped", "trap"}


def test_a_bound_image_serves_as_original(tmp_path: Path) -> None:
    assert prove(bound_guest("x86_64", "lol"), original=bound_guest("x86_64", "xen"), run=False).is_proven
    other = tmp_path / "other"
    contents = bytearray(annotated("x86_64").read_bytes())
    contents[0x1000 + 0x600] ^= 0x10
    other.write_bytes(contents)
    proof = prove(bound_guest("x86_64", "lol"), original=other, run=False)
    assert [(f.check, f.off) for f in proof.failures] == [("original", 0x1600)]


def wrong(tmp_path: Path, off: int, flip: int) -> set[tuple[str, str]]:
    """(check, part) of the failures of a bound image with one byte changed."""
    contents = bytearray(bound_guest("x86_64", "lol").read_bytes())
    contents[off] ^= flip
    path = tmp_path / "wrong"
    path.write_bytes(contents)
    return {(failure.check, failure.part) for failure in prove(path, run=False).failures}


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    with examined(bound_guest("x86_64", "lol")) as image:
        windows = image.table.image.windows
        call = next(s for s in image.sites if s.form == "call" and s.instruction.class_name == "rdmsr")
        reserve = image.table.annotations.reserve
        assert reserve is not None and image.plan is not None and image.binding is not None
        module = read_module(image.binding.module or Path(), image.table.codec)
        stub = image.plan.stubs[0]
        note = image.table.annotations.bound_note
        assert note is not None

        def off(va: int) -> int:
            return next(w.off + va - w.va for w in windows if w.va <= va < w.va + w.len)

    assert ("branch", "site") in wrong(tmp_path, call.off + 1, 0x10)
    assert wrong(tmp_path, call.off, 0x01) == {("bytes", "site"), ("shape", "site")}  # a jump instead of a call
    assert wrong(tmp_path, off(reserve.text_va) + 5, 0x40) == {("bytes", "module text"), ("module", "module text")}
    assert ("bytes", "stubs") in wrong(tmp_path, off(stub.va) + 8, 0x08)
    assert ("branch", "site") in wrong(tmp_path, off(stub.va) + 8, 0x08)
    data_end = off(reserve.data_va) + len(module.data.contents)
    assert ("bytes", "tables") in wrong(tmp_path, data_end + 0x80, 0x01)
    assert ("bytes", "module data") in wrong(tmp_path, data_end - 1, 0x01)
    assert wrong(tmp_path, 24, 0x01) == {("bytes", "entry address"), ("entry", "entry address")}
    assert ("note", "note BOUND, module ABI") in wrong(tmp_path, note.off + 16, 0x02)
    assert ("note", "note BOUND, sites bound") in wrong(tmp_path, note.off + 33, 0x40)


def test_a_failure_says_site_symbol_expected_and_found(tmp_path: Path) -> None:
    with examined(bound_guest("x86_64", "xen")) as image:
        site = next(s for s in image.sites if s.form == "call" and s.instruction.class_name == "pushf")
        contents = bytearray(image.present[:])
        other = next(s for s in image.sites if s.form == "call" and s.instruction.class_name == "popf")
        target = int.from_bytes(other.present[1:5], "little", signed=True) + other.start_va - site.start_va
    contents[site.off + 1 : site.off + 5] = target.to_bytes(4, "little", signed=True)
    (tmp_path / "wrong").write_bytes(contents)
    proof = prove(tmp_path / "wrong", run=False)
    (failure,) = [failure for failure in proof.failures if failure.check == "branch"]
    assert (failure.va, failure.instruction) == (site.start_va, site.instruction.text)
    assert failure.symbol and "xen_pushfq" in failure.expected and "xen_popfq" in failure.found
    assert proof.to_json()["proven"] is False


class ReachesTheWrongEntry(LolBinding):
    """pushf goes to the entry of popf, rdmsr's stub to the entry of jumped sites."""

    def form(self, insn: Instruction, room_len: int, flags: int) -> Form | Unbindable:
        form = super().form(insn, room_len, flags)
        if isinstance(form, Form) and insn.class_name == "pushf" and form.kind is FormKind.CALL and form.stub is None:
            return form._replace(fixups=(Fixup(1, "lol_popfq", -4),))
        if isinstance(form, Form) and insn.class_name == "rdmsr" and form.stub is not None:
            fixups = [f._replace(symbol=f.symbol.replace("_call", "_jump")) for f in form.stub.fixups]
            return form._replace(stub=form.stub._replace(fixups=tuple(fixups)))
        return form


class WritesTheWrongWord(LolBinding):
    """cli clears the byte beside virtual IF; mov from cr2 reads another register."""

    def form(self, insn: Instruction, room_len: int, flags: int) -> Form | Unbindable:
        form = super().form(insn, room_len, flags)
        if isinstance(form, Form) and insn.class_name in ("cli", "mov_from_cr") and form.kind is FormKind.INLINE:
            (fixup,) = form.fixups
            return form._replace(fixups=(fixup._replace(addend=fixup.addend + 8),))
        return form


@pytest.mark.parametrize(
    ("binding", "check", "classes"),
    [
        (cast("Binding", ReachesTheWrongEntry()), "branch", {"pushf", "rdmsr"}),
        (cast("Binding", WritesTheWrongWord()), "shape", {"cli", "mov_from_cr"}),
    ],
)
def test_a_wrong_binding_is_seen_though_its_plan_says_so(
    tmp_path: Path, binding: Binding, check: str, classes: set[str]
) -> None:
    previrt.link(annotated("x86_64"), "lol", binding=binding, output=tmp_path / "bound")
    proof = prove(tmp_path / "bound", binding=binding, run=False)
    assert {failure.check for failure in proof.failures} == {check}
    with examined(tmp_path / "bound", binding=binding) as image:
        by_va = {site.start_va: site.instruction.class_name for site in image.sites}
    assert {by_va[failure.va or 0] for failure in proof.failures} == classes


def test_unknown_targets_entries_are_those_of_their_binding(tmp_path: Path) -> None:
    renamed = tmp_path / "mine.so"
    shutil.copy(LolBinding.module, renamed)
    renamed.write_bytes(renamed.read_bytes().replace(b"previrt\0lol\0\0", b"previrt\0mine\0"))
    mine = LolBinding()
    mine.target, mine.module = "mine", renamed
    binding = cast("Binding", mine)
    previrt.link(annotated("x86_64"), "mine", binding=binding, output=tmp_path / "bound")
    proof = prove(tmp_path / "bound", binding=binding, run=False)
    assert (proof.failures, proof.entries) == ((), "binding")


def test_a_grown_image_is_proven(tmp_path: Path) -> None:
    from elftools.elf.elffile import ELFFile

    contents = bytearray(annotated("x86_64").read_bytes())
    with annotated("x86_64").open("rb") as file:
        notes = ELFFile(file).get_section_by_name(".notes")
        assert notes is not None
        low, high = notes["sh_offset"], notes["sh_offset"] + notes["sh_size"]
    at = next(n for n in range(low, high) if contents[n : n + 16] == b"\x08\0\0\0\x28\0\0\0\x03\0\0\0prev")
    contents[at + 8] = 0x63  # no RESERVE note any more
    (tmp_path / "guest").write_bytes(contents)
    previrt.link(tmp_path / "guest", "lol")
    grown = tmp_path / "guest.lol"
    proof = prove(grown, original=tmp_path / "guest", run=False)
    assert proof.failures == ()
    damaged = bytearray(grown.read_bytes())
    with examined(grown) as image:
        site = next(site for site in image.sites if site.form == "call")
    damaged[site.off - 1] ^= 1
    grown.write_bytes(damaged)
    assert {failure.check for failure in prove(grown, run=False).failures} == {"bytes", "outside"}
