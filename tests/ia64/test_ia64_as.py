"""The ia64 stand-in: every class found and isolated; stops, predicates, labels, bundles and unwind data kept right."""

from __future__ import annotations

import struct
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import NoteSection
from ia64_assembling import ROOT, STAND_IN_DIR, assemble, assemble_plain, link, run_as
from ia64_binutils import AS

import previrt
from linker.sites.ia64.classes import CLASSES

if TYPE_CHECKING:
    from pathlib import Path

SPELLINGS = (
    ("ssm", "ssm psr.i", "ssm 0x4000"),
    ("rsm", "rsm psr.i | psr.ic", "rsm 0x6000"),
    ("mov_from_psr", "mov r8=psr", "mov r8=psr"),
    ("mov_to_psr", "mov psr.l=r9", "mov psr.l=r9"),
    ("mov_from_cr", "mov r31=cr.ipsr", "mov r31=cr.ipsr"),
    ("mov_from_cr", "mov r31 = cr65", "mov r31=cr.ivr"),
    ("mov_to_cr", "mov cr.eoi=r0", "mov cr.eoi=r0"),
    ("mov_from_rr", "mov r2=rr[r3]", "mov r2=rr[r3]"),
    ("mov_to_rr", "mov rr[r2]=r3", "mov rr[r2]=r3"),
    ("mov_from_pkr", "mov r2=pkr[r3]", "mov r2=pkr[r3]"),
    ("mov_to_pkr", "mov pkr[r2]=r3", "mov pkr[r2]=r3"),
    ("mov_from_ibr", "mov r2=ibr[r3]", "mov r2=ibr[r3]"),
    ("mov_to_ibr", "mov ibr[r2]=r3", "mov ibr[r2]=r3"),
    ("mov_from_dbr", "mov r2=dbr[r3]", "mov r2=dbr[r3]"),
    ("mov_to_dbr", "mov dbr[r2]=r3", "mov dbr[r2]=r3"),
    ("mov_from_pmc", "mov r2=pmc[r3]", "mov r2=pmc[r3]"),
    ("mov_to_pmc", "mov pmc[r2]=r3", "mov pmc[r2]=r3"),
    ("mov_from_pmd", "mov r2=pmd[r3]", "mov r2=pmd[r3]"),
    ("mov_to_pmd", "mov pmd[r2]=r3", "mov pmd[r2]=r3"),
    ("mov_from_cpuid", "mov r2=cpuid[r3]", "mov r2=cpuid[r3]"),
    ("mov_from_kr", "mov r2=ar.k6", "mov.m r2=ar.k6"),
    ("mov_from_kr", "mov.m r2=ar3", "mov.m r2=ar.k3"),
    ("mov_to_kr", "mov ar.k0=r2", "mov.m ar.k0=r2"),
    ("mov_from_itc", "mov r2=ar.itc", "mov.m r2=ar.itc"),
    ("mov_from_itc", "mov r2=ar44", "mov.m r2=ar.itc"),
    ("mov_to_itc", "mov ar.itc=r2", "mov.m ar.itc=r2"),
    ("itc_d", "itc.d r18", "itc.d r18 ;;"),
    ("itc_i", "itc.i r18", "itc.i r18 ;;"),
    ("itr_d", "itr.d dtr[r2]=r3", "itr.d dtr[r2]=r3"),
    ("itr_i", "itr.i itr[r2]=r3", "itr.i itr[r2]=r3"),
    ("ptc_l", "ptc.l r2,r3", "ptc.l r2,r3"),
    ("ptc_g", "ptc.g r2,r3", "ptc.g r2,r3 ;;"),
    ("ptc_ga", "ptc.ga r2,r3", "ptc.ga r2,r3 ;;"),
    ("ptc_e", "ptc.e r2", "ptc.e r2"),
    ("ptr_d", "ptr.d r2,r3", "ptr.d r2,r3"),
    ("ptr_i", "ptr.i r2,r3", "ptr.i r2,r3"),
    ("tpa", "tpa r2=r3", "tpa r2=r3"),
    ("tak", "tak r2=r3", "tak r2=r3"),
    ("thash", "thash r2=r3", "thash r2=r3"),
    ("ttag", "ttag r2=r3", "ttag r2=r3"),
    ("fc", "fc r2", "fc r2"),
    ("fc", "fc.i r2", "fc.i r2"),
    ("probe", "probe.w r2=r3,r4", "probe.w r2=r3,r4"),
    ("probe", "probe.rw.fault r3,2", "probe.rw.fault r3,2"),
    ("srlz_d", "srlz.d", "srlz.d"),
    ("srlz_i", "srlz.i", "srlz.i"),
    ("rfi", "rfi", "rfi ;;"),
    ("cover", "cover", "cover ;;"),
    ("bsw", "bsw.1", "bsw.1 ;;"),
    ("vmsw", "vmsw.0", "vmsw.0 ;;"),
    ("epc", "epc", "epc ;;"),
    ("break", "break 0x80001", "break.m 0x80001"),
    ("break", "break.i 3", "break.i 0x3 ;;"),
    ("break", "break.f 3", "break.f 0x3"),
    ("break", "break.b 3", "break.b 0x3 ;;"),
    ("break", "break.x 0x123456789ab", "break.x 0x123456789ab ;;"),
)
UNPREDICATED = {"rfi", "cover", "bsw", "vmsw", "epc"}
ROOM = {row.name: row.room_bundles for row in CLASSES}
MODES = {"automatic stops": (), "explicit stops": ("-x",)}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("class_name", "text", "seen"), SPELLINGS)
def test_every_class_is_alone_between_stops(tmp_path: Path, class_name: str, text: str, seen: str, mode: str) -> None:
    predicate = "" if class_name in UNPREDICATED else "(p6) "
    source = f"\tadd r14=r15,r16\nx:\t{predicate}{text}\n\tadd r17=r18,r19\n"
    made = assemble(source, tmp_path, *MODES[mode])
    (site,) = made.sites
    assert (site.class_name, site.flags, site.line, site.file) == (class_name, 0, 2, "in.S")
    assert site.instruction == predicate + seen
    bundles = 3 * ROOM[class_name] if "break.x" not in text else 2
    assert len(site.slots) == bundles
    assert site.slots[-1].endswith(" ;;")
    assert made.code[0] == "add r14=r15,r16"
    assert site.start == 0x10010  # the instruction in front is in a bundle of its own, which ends its group
    assert made.sections[".text"][0] & 1, "no stop in front"
    (tmp_path / "y").mkdir()
    plain = assemble_plain(source, tmp_path, *MODES[mode])
    assert [slot.removesuffix(" ;;") for slot in made.code] == [slot.removesuffix(" ;;") for slot in plain.code]


def test_the_table_above_leaves_out_no_class() -> None:
    assert {row[0] for row in SPELLINGS} == {row.name for row in CLASSES}


@pytest.mark.parametrize(
    "text",
    [
        "mov psr.um=r2",
        "mov r2=psr.um",
        "sum 2;; rum 2",
        "mov ar.rsc=r0",
        "mov r2=ar.pfs",
        "mov r2=ar.ccv",
        "lfetch [r2]",
        "nop 3 // ssm psr.i",
        "/* ssm psr.i\n rfi */ nop 0",
        "# ssm psr.i",
        '.data\nstringz "; rfi ;"\n.text\nnop 0',
        ".data\nssm:\ndata8 ssm\n.text\nnop 0",
        "rfi = 3",
        "cover: nop 0",
    ],
)
def test_other_text_is_left_alone_byte_for_byte(tmp_path: Path, text: str) -> None:
    source = f"\t.text\n{text}\n"
    (tmp_path / "in.S").write_text(source)
    assert run_as("-x", "-o", "a.o", "in.S", cwd=tmp_path).stderr == ""
    subprocess.run(["ia64-linux-gnu-as", "-x", "-o", "b.o", "in.S"], cwd=tmp_path, check=True)
    assert (tmp_path / "a.o").read_bytes() == (tmp_path / "b.o").read_bytes()


BUNDLES = {
    "the first of three": "{ .mib\n\tmov r2=cr.ipsr\n\tadd r3=r4,r5\n(p6)\tbr.cond.sptk x\n}\n",
    "the middle one": "{ .mmi\n\tadd r3=r4,r5\n(p7)\tssm psr.i\n\tadd r6=r4,r5 ;;\n}\n",
    "the last": "{ .mib\n\tadd r3=r4,r5\n\tadd r6=r4,r5\n\trfi\n\t;;\n}\n",
    "two": "{ .mmi ; mov r2=cr.iip ; mov r3=cr.ifa ; nop.i 0 ;; }\n",
    "on one line": "{.mmi; add r3=r4,r5;; srlz.d; nop.i 0;}\n",
    "with a tag": "{ .mfi; [x2:] (p6) fc.i r2; nop.f 0; nop.i 0 }\n\t.data\n\tdata8 x2\n\t.text\n",
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", BUNDLES)
def test_explicit_bundles(tmp_path: Path, name: str, mode: str) -> None:
    """Instructions, their order, predicates and targets stay; each site is alone, what is before it stopped off."""
    source = f"\t.text\nx:\tadd r8=r9,r10\n{BUNDLES[name]}\tadd r8=r9,r11\n"
    made, plain = assemble(source, tmp_path, *MODES[mode]), assemble_plain(source, tmp_path, *MODES[mode])
    assert len(made.sites) == (2 if name == "two" else 1)
    assert [slot.removesuffix(" ;;") for slot in made.code] == [slot.removesuffix(" ;;") for slot in plain.code]
    for site in made.sites:
        assert site.instruction
        before = made.sections[".text"][site.start - 0x10010 :][:16]
        assert before[0] & 1, "the bundle in front of the site has no stop at its end"
    if name == "with a tag":
        assert int.from_bytes(made.sections[".data"][:8], "little") == made.sites[0].start


@pytest.mark.parametrize("option", ["-x", "-xnone"])
def test_a_bundle_without_stop_in_front_gets_one(tmp_path: Path, option: str) -> None:
    source = "{ .mii; add r3=r4,r5; add r6=r4,r5; nop.i 0 }\n{ .mfi; rsm psr.i; nop.f 0; nop.i 0 }\n"
    made = assemble(source, tmp_path, option)
    assert made.code == ["add r3=r4,r5", "add r6=r4,r5", "rsm 0x4000"]
    assert made.sites[0].start == 0x10010
    assert made.sections[".text"][0] & 1


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("predicate", ["", "(p6) "])
def test_ip_read_in_a_dissolved_bundle_is_the_bundle_s_address(tmp_path: Path, predicate: str, mode: str) -> None:
    """As in Linux's ia64_switch_mode_phys, which adds a distance from the function's start."""
    source = f"\t.text\n\tadd r8=r9,r10\nx: {{ .mii\n\trsm psr.i\n\t{predicate}mov r15=ip\n\tnop.i 0\n}}\n"
    made = assemble(source + "\t.explicit\n\tadd r3=1f-x,r15 ;;\n1:\tsrlz.d\n", tmp_path, *MODES[mode])
    assert [slot.removesuffix(" ;;") for slot in made.code] == [
        "add r8=r9,r10",
        "rsm 0x4000",
        f"{predicate}mov r15=ip",
        f"{predicate}adds r15=-48,r15",
        "adds r3=80,r15",
        "srlz.d",
    ]
    assert [site.start for site in made.sites] == [0x10010, 0x10060]


def test_unwind_data_still_names_the_same_instructions(tmp_path: Path) -> None:
    source = """
	.explicit
	.text
	.global f#
	.proc f#
f:
	.prologue 2, 2
	.save ar.pfs, r34
	alloc r34=ar.pfs,0,3,0,0
	;;
	rsm psr.i
	;;
	.save rp, r33
	mov r33=b0
	.body
	ssm psr.i
	;;
	br.ret.sptk.many b0
	.endp f#
"""
    made = assemble(source, tmp_path)
    assert made.classes == ["rsm", "ssm"]
    shown = subprocess.run(
        ["ia64-linux-gnu-readelf", "-u", made.path], check=True, capture_output=True, text=True
    ).stdout
    # Slots: alloc's bundle 0-2, three of the site 3-11, a bundle with mov b0 in its slot 1.
    assert "pfs_when(t=0)" in shown
    assert "rp_when(t=13)" in shown
    assert "prologue_gr(mask=" in shown or "prologue(rlen=" in shown


@pytest.mark.parametrize("before", ["", '\t.section .other,"ax"\n', "\t.pushsection .data\n\tdata8 0\n\t.popsection\n"])
def test_sites_in_code_sections_only(tmp_path: Path, before: str) -> None:
    made = assemble(f"{before}\tssm psr.i\n\t.data\n\t.skip 8\n\t.text\n\tnop 0\n", tmp_path, "-x")
    assert len(made.sections[".afterburn"]) == 16


def test_directives_of_our_own(tmp_path: Path) -> None:
    source = "\tsrlz.d\n.afterburn_noannotate\n\tsrlz.i\n.afterburn_annotate\n"
    source += ".afterburn_scratch r20-r21, p6, p7\n\trfi\n\tcover\n"
    made = assemble(source, tmp_path)
    assert made.classes == ["srlz_d", "rfi", "cover"]
    assert [site.scratch for site in made.sites[1:]] == [0, 1 << 20 | 1 << 21 | 1 << 0]


@pytest.mark.parametrize("unpredictable", ["", ".macro m\n.endm\n"])
def test_directive_gives_what_the_instruction_does_not_use(tmp_path: Path, unpredictable: str) -> None:
    source = f"{unpredictable}.afterburn_scratch r14-r15, r20, p6-p7\n"
    source += "\tbreak 3\n\tmov cr.ifa=r14\n\t(p6) mov r15=cr.ifa\n\tbsw.1\n\t;;\n1:\tbr 1b\n"
    made = assemble(source, tmp_path, "-xnone")
    given = 1 << 14 | 1 << 15 | 1 << 20 | 1 << 0
    kept = (0, 1 << 14, 1 << 15 | 1 << 0, 1 << 20)
    assert [site.scratch & given for site in made.sites] == [given & ~mask for mask in kept]


def test_code_at_fixed_addresses_gets_no_padding(tmp_path: Path) -> None:
    made = assemble("x:\tssm psr.i\n\t.org x+0x400\n\trsm psr.i\n", tmp_path, "-x")
    assert [len(site.slots) for site in made.sites] == [3, 3]


C_FUNCTION = """
	.file "x.c"
	.text
f:
	{tail}
"""
DEAD = {
    # what follows the site -> registers that must be free, registers that must not
    "mov r14=r0 ;; br.ret.sptk.many b0": ({14, 15, 31}, {8, 4, 1, 12}),
    "add r14=r14,r0 ;; br.ret.sptk.many b0": ({15}, {14}),
    "(p6) mov r14=r0 ;; add r16=r14,r0 ;; br.ret.sptk.many b0": ({15, 16}, {14}),
    "(p7) br.cond.dptk .L1 ;; mov r14=0 ;; br.ret.sptk.many b0 ;; .L1: st8 [r14]=r15 ;; br.ret.sptk.many b0": (
        {16},
        {14, 15},
    ),
    "br.call.sptk.many b0=g# ;; st8 [r14]=r0 ;; br.ret.sptk.many b0": ({14, 31}, {8, 4}),
    "1: add r14=1,r14 ;; br.cloop.sptk 1b ;; br.ret.sptk.many b0": ({15}, {14}),
    "cmp.eq p6,p7=r14,r0 ;; (p6) st8 [r15]=r16 ;; br.ret.sptk.many b0": ({17}, {14, 15, 16}),
    "br.cond.sptk.many b6": (set(), set(range(32))),
    "ld8 r14=[r15],8 ;; br.ret.sptk.many b0": ({14, 16}, {15}),
    "unknown_macro": (set(), set(range(32))),
}


@pytest.mark.parametrize("tail", DEAD)
def test_registers_proved_dead(tmp_path: Path, tail: str) -> None:
    free, live = DEAD[tail]
    source = C_FUNCTION.replace("{tail}", "srlz.d ;; " + tail).replace("unknown_macro", "fwb") + "\n\t.global g#\ng:\n"
    (site,) = assemble(source, tmp_path, "-x").sites
    found = {n for n in range(32) if site.scratch >> n & 1} - {0, 1, 12, 13}
    assert free <= found
    assert not live & found
    by_hand = assemble(source.replace('.file "x.c"', ""), tmp_path, "-x").sites[0].scratch
    assert by_hand & ~site.scratch == 0  # nothing is taken from a convention in hand-written code


def test_source_lines_of_inline_assembly(tmp_path: Path) -> None:
    """gcc's markers are comments that begin with `//` on ia64."""
    source = C_FUNCTION.replace("{tail}", '#APP\n// 448 "lock.h" 1\n\tmf\n\trsm psr.i\n// 0 "" 2\n#NO_APP\n\tsrlz.d')
    sites = assemble(source, tmp_path, "-x").sites
    assert [(site.line, site.file) for site in sites] == [(449, "lock.h"), (0, "")]


def test_functions_without_sites_change_nothing(tmp_path: Path) -> None:
    """They are passed over; sites before and behind them are found, and what they jump to is not taken for known."""
    between = "\t.proc g#\ng:\tadd r14=r0,r0 ;;\n.L2:\tbr.ret.sptk.many b0\n\t.endp g#\n"
    source = '\t.file "x.c"\n\t.text\n\t.proc f#\nf:\tssm psr.i ;;\n\tbr.cond.sptk .L2\n\t.endp f#\n' + between
    first, second = assemble(
        f"{source}\t.proc h#\nh:\trsm psr.i ;;\n\tbr.ret.sptk.many b0\n\t.endp h#\n", tmp_path, "-x"
    ).sites
    assert (first.class_name, first.scratch) == ("ssm", 0)
    assert (second.class_name, second.scratch >> 14 & 1) == ("rsm", 1)


def test_predicates_are_counted_in_pairs(tmp_path: Path) -> None:
    tail = "cmp.eq p8,p9=r8,r0 ;; (p6) mov r8=r0 ;; br.ret.sptk.many b0"
    (site,) = assemble(C_FUNCTION.replace("{tail}", "srlz.d ;; " + tail), tmp_path, "-x").sites
    assert (site.scratch >> 0 & 1, site.scratch >> 1 & 1) == (0, 1)


def test_fixed_registers(tmp_path: Path) -> None:
    source = C_FUNCTION.replace("{tail}", "srlz.d ;; br.cond.sptk.many b6")
    fixed = {"PREVIRT_FIXED": "r30-r31"}
    assert assemble(source, tmp_path, "-x", env=fixed).sites[0].scratch == 3 << 30
    used = source + "\tadd r31=r2,r3\n"  # an asm statement of the guest's that names one
    assert assemble(used, tmp_path, "-x", env=fixed).sites[0].scratch == 1 << 30
    by_hand = source.replace('.file "x.c"', "")
    assert assemble(by_hand, tmp_path, "-x", env=fixed).sites[0].scratch == 0


def test_recognised_by_the_real_assembler_s_name(tmp_path: Path) -> None:
    (tmp_path / "in.S").write_text("\tssm psr.i\n")
    generic = STAND_IN_DIR.parent / "as"
    for env in ({"PREVIRT_REAL_AS": "/usr/bin/ia64-linux-gnu-as"}, {"PREVIRT_TARGET": "ia64-linux-gnu"}):
        done = run_as("-o", "out.o", "in.S", cwd=tmp_path, env=env, program=generic)
        assert (done.returncode, done.stderr) == (0, "")
        assert b".afterburn" in (tmp_path / "out.o").read_bytes()


GUEST = "\n".join(f"\t(p6) {text}" if name not in UNPREDICATED else f"\t{text}" for name, text, _ in SPELLINGS)


def test_bare_and_back(tmp_path: Path) -> None:
    """Every class bound to bare: all sites decode, only the note changes; bind, rebind, restore are identities."""
    image = assemble(f"\t.text\n{GUEST}\n", tmp_path, "-xnone")
    assert len(image.sites) == len(SPELLINGS)
    report = previrt.link(image.path, "bare", output=tmp_path / "bare")
    assert (report.sites, report.bound, report.architecture) == (len(SPELLINGS), len(SPELLINGS), "ia64")
    previrt.link(tmp_path / "bare", "bare", output=tmp_path / "again")
    previrt.restore(tmp_path / "bare", output=tmp_path / "restored")
    original, bare = image.path.read_bytes(), (tmp_path / "bare").read_bytes()
    assert (tmp_path / "again").read_bytes() == bare != original
    assert (tmp_path / "restored").read_bytes() == original
    note = original.index(b"previrt\0" + bytes(40))
    changed = {n for n, (a, b) in enumerate(zip(original, bare, strict=True)) if a != b}
    assert changed <= set(range(note, note + 48))


def test_a_misaligned_record_is_an_error(tmp_path: Path) -> None:
    image = assemble("\tssm psr.i\n", tmp_path)
    start = image.sites[0].start.to_bytes(8, "little")
    broken = image.path.read_bytes().replace(start, (image.sites[0].start + 8).to_bytes(8, "little"))
    (tmp_path / "broken").write_bytes(broken)
    with pytest.raises(previrt.LinkError, match="misaligned"):
        previrt.link(tmp_path / "broken", "bare")


def test_the_reserve(tmp_path: Path) -> None:
    def printed(option: str) -> str:
        command = [sys.executable, "-m", "afterburner.cli", option, "ia64"]
        return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()

    assert printed("--print-dir") == str(STAND_IN_DIR)
    source = subprocess.run(
        ["cpp", "-P", "-DPREVIRT_RESERVE_TEXT=16384", printed("--print-reserve")],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    (tmp_path / "reserve.S").write_text(source)
    subprocess.run([AS, "-o", "out.o", "reserve.S"], cwd=tmp_path, check=True)
    with link(tmp_path, "out").open("rb") as file:
        elf = ELFFile(file)
        section = elf.get_section_by_name(".note.afterburn")
        assert isinstance(section, NoteSection)
        _bound, reserve, space = [note["n_descdata"] for note in section.iter_notes()]
        text_va, text_len, data_va, data_len, entry_va = struct.unpack("<5Q", reserve)
        assert (text_len, data_len, entry_va, len(space)) == (16384, 131072, 0, 512)
        for name, va, length in ((".text", text_va, text_len), (".data", data_va, data_len)):
            part = elf.get_section_by_name(f"{name}.previrt_reserve")
            if part is None:  # the default linker script joins it with its neighbours
                part = elf.get_section_by_name(name)
            assert part is not None
            start = va - part["sh_addr"]
            assert part.data()[start : start + length] == bytes(length)
            assert va % 16384 == 0
