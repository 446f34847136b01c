"""Kernel modules bound to xen: calls reach the interface module in the kernel, operands stay with their instruction."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import iced_x86
import pytest
from ko_kernel import Loaded, build_kernel, entries_of, load, symbols_of
from ko_objects import IA64, X86_64, assemble, contents, put, relocations

import previrt
from linker.bind.examine import examined
from linker.hypervisors.shared.x86_64_rows import ROW
from linker.objects.options import ObjectOptions
from linker.sites.x86_64.classes import NUMBER_OF
from linker.verification.prove import prove

SOURCE = """
        .text
        .globl init_module
init_module:
        cli
        call _printk
        sti
        pushfq
        popfq
        mov %cr2, %rdi
        rdmsr
        lgdt tables+6(%rip)
        sidt tables(%rax)
        verw own(%rip)
        rdtsc
        ud2
        ret
own:    .word 0x10
        .section .exit.text, "ax"
        rdmsr
        .data
        .skip 8
tables: .zero 32
"""


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = build_kernel(tmp_path_factory.mktemp("kernel"))
    previrt.link(path, "xen")
    return path.with_name("vmlinux.xen")


@pytest.fixture
def module(tmp_path: Path) -> Path:
    return assemble(tmp_path, "x86_64", SOURCE, "module.ko")


def bind(module: Path, kernel: Path, output: Path | None = None) -> Path:
    previrt.link(module, "xen", output=output, options=ObjectOptions(kernel=kernel))
    return output or Path(f"{module}.xen")


def instructions(loaded: Loaded, section: str) -> list[iced_x86.Instruction]:
    return list(iced_x86.Decoder(64, loaded.contents[section], ip=loaded.bases[section]))


@pytest.mark.parametrize("moved", [0, 0x1E00000])
def test_every_site_reaches_what_serves_it(module: Path, kernel: Path, moved: int) -> None:
    """As Linux would load it, also with a kernel that has moved by itself (KASLR)."""
    exported = {"_printk": symbols_of(kernel)["_printk"] + moved}
    loaded = load(bind(module, kernel), exported)
    entries = {name: va + moved for name, va in entries_of(kernel).items()}
    code = instructions(loaded, ".text")
    calls = [one.near_branch_target for one in code if one.mnemonic == iced_x86.Mnemonic.CALL]
    assert calls == [exported["_printk"], entries["xen_sti"], entries["xen_pushfq"], entries["xen_popfq"]]
    words = [one.ip_rel_memory_address for one in code if one.is_ip_rel_memory_operand]
    assert words == [entries["vcpu_vif_word"] + 1, entries["vcpu_cr"] + 2 * 8]
    traps = [n for n, one in enumerate(code) if one.mnemonic == iced_x86.Mnemonic.INT]
    assert all(code[n + 1].mnemonic == iced_x86.Mnemonic.TEST for n in traps)
    rows = [row_at(loaded, code[n + 1].ip + 1, code[n + 1].immediate(1)) for n in traps]
    symbol = loaded.symbols
    assert [(row[0], row[12] % (1 << 64)) for row in rows] == [
        (NUMBER_OF["rdmsr"], 0),
        (NUMBER_OF["lgdt"], symbol["tables"] + 6),
        (NUMBER_OF["sidt"], symbol["tables"]),  # a displacement
        (NUMBER_OF["verw"], symbol["own"]),
    ]
    assert all(row[11] == 0xA9 for row in rows)
    left = {one.mnemonic for one in code} & {iced_x86.Mnemonic.RDTSC, iced_x86.Mnemonic.UD2}
    assert len(left) == 2


def row_at(loaded: Loaded, operand_va: int, distance: int) -> tuple[int, ...]:
    off = operand_va + ((distance & 0xFFFFFFFF ^ 1 << 31) - (1 << 31)) - loaded.bases[".previrt.rows"]
    assert 0 <= off < len(loaded.contents[".previrt.rows"])
    return ROW.unpack_from(loaded.contents[".previrt.rows"], off)


def test_one_row_an_instruction_but_one_a_relocated_operand(module: Path, kernel: Path) -> None:
    bound = bind(module, kernel)
    assert len(contents(bound)[".previrt.rows"]) == 4 * ROW.size  # the two rdmsr share theirs
    assert sorted(one.symbol for one in relocations(bound) if one.section == ".previrt.rows") == [
        ".data",
        ".data",
        ".text",
    ]


def test_nothing_else_changes(module: Path, kernel: Path) -> None:
    bound = bind(module, kernel)
    before, after = contents(module), contents(bound)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {
        *(".text", ".exit.text", ".rela.text", ".note.afterburn", ".symtab", ".strtab", ".shstrtab"),
    }
    assert set(after) - set(before) == {".previrt.rows", ".rela.previrt.rows", ".rela.exit.text", ".afterburn.original"}
    kept = [one for one in relocations(module) if one.section == ".text" and one.symbol == "_printk"]
    assert all(any(one[:5] == other[:5] for other in relocations(bound)) for one in kept)
    whole, original = bound.read_bytes(), module.read_bytes()
    assert len(whole) > len(original)
    same = sum(a == b for a, b in zip(whole, original, strict=False))
    assert same > 0.9 * len(original), "contents stay where they were"


def test_binding_again_and_restoring_are_exact(module: Path, kernel: Path, tmp_path: Path) -> None:
    bound, bare, again = bind(module, kernel), tmp_path / "bare", tmp_path / "again"
    previrt.link(module, "bare", output=bare)
    assert bind(bare, kernel, again).read_bytes() == bound.read_bytes()
    assert bind(bound, kernel, again).read_bytes() == bound.read_bytes()
    report = previrt.link(bound, "bare", output=again)
    assert report.previous == "xen"
    assert again.read_bytes() == bare.read_bytes()
    previrt.restore(bound, output=again)
    assert again.read_bytes() == module.read_bytes()


def test_a_skipped_site_keeps_its_instruction_and_its_relocation(module: Path, kernel: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    report = previrt.link(module, "xen", output=output, skip=["lgdt"], options=ObjectOptions(kernel=kernel))
    assert report.forms["lgdt"] == {"skipped": 1}
    (kept,) = [one for one in relocations(module) if one.section == ".text" and one.addend == 0xA]
    assert kept[:5] in [one[:5] for one in relocations(output)]


REFUSED = {
    "not bound": ("vmlinux", "kernel is not bound to xen: found an image that is not bound; bind it first"),
    "bound to another": ("bare", "kernel is not bound to xen: found bound to bare"),
    "another version": ("abi", "note BOUND: kernel carries another version of the interface module: found ABI 77"),
    "another build": ("build", "kernel carries another build of the interface module"),
    "another machine": ("ia64", "kernel is for another machine: found ELF machine 50, expected 62"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_kernel_that_does_not_carry_this_module(name: str, module: Path, kernel: Path, tmp_path: Path) -> None:
    which, message = REFUSED[name]
    path = tmp_path / "kernel"
    data = bytearray(kernel.read_bytes())
    if which == "abi":
        struct.pack_into("<I", data, data.index(b"xen".ljust(16, b"\0")) + 16, 77)
    if which == "build":
        at = data.index(b"previrt-xen: this image")
        data[at] ^= 1
    path.write_bytes(data)
    if which == "vmlinux":
        path = kernel.with_name("vmlinux")
    if which == "bare":
        previrt.link(kernel, "bare", output=path)
    if which == "ia64":
        path = Path(__file__).resolve().parents[2] / "fixtures" / "ia64" / "guest.elf"
    with pytest.raises(previrt.LinkError) as caught:
        bind(module, path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert not Path(f"{module}.xen").exists()


def test_requests_that_make_no_sense(module: Path, kernel: Path, tmp_path: Path) -> None:
    with pytest.raises(previrt.UsageError, match=r"has an interface module.*expected --kernel FILE"):
        previrt.link(module, "xen")
    ia64 = assemble(tmp_path, "ia64", IA64)
    for target in ("xen", "vnuma", "lol"):
        with pytest.raises(previrt.UsageError, match=f"target '{target}' takes no relocatable objects"):
            previrt.link(ia64, target, options=ObjectOptions(kernel=kernel))
    with pytest.raises(previrt.UsageError, match="--kernel names an object"):
        bind(module, module)
    with pytest.raises(previrt.UsageError, match="are for kernel modules"):
        bind(kernel, kernel, tmp_path / "out")


def test_a_module_without_imports(kernel: Path, tmp_path: Path) -> None:
    path = assemble(tmp_path, "x86_64", X86_64)
    with pytest.raises(previrt.LinkError, match="imports nothing from the kernel"):
        bind(path, kernel)
    # What is per CPU has no place in the kernel's image, what is not exported is not found by the loader.
    path = assemble(tmp_path, "x86_64", X86_64 + "\n.quad current_task, not_exported\n")
    with pytest.raises(previrt.LinkError, match="imports nothing from the kernel"):
        bind(path, kernel)
    path = assemble(tmp_path, "x86_64", ".text\nrdmsr\nwrmsr\n")
    loaded = load(bind(path, kernel), {})
    assert instructions(loaded, ".text")[0].mnemonic == iced_x86.Mnemonic.INT


def refused(path: Path, kernel: Path, message: str) -> None:
    with pytest.raises(previrt.LinkError, match=message) as caught:
        bind(path, kernel)
    assert "at .text+0x0" in str(caught.value)


def test_an_operand_that_no_row_can_have(kernel: Path, tmp_path: Path) -> None:
    path = assemble(tmp_path, "x86_64", "lgdt tables@GOTPCREL(%rip)\n")
    refused(path, kernel, "is relocated by R_X86_64_GOTPCREL")
    assert previrt.link(path, "bare").bound == 1


def test_a_site_that_is_too_short(kernel: Path, tmp_path: Path) -> None:
    source, path = tmp_path / "short.s", tmp_path / "short.o"
    source.write_text(".text\n5: rdmsr\n6:\n.section .afterburn\n.quad 5b, 6b\n")
    subprocess.run(["as", source, "-o", path], check=True)
    refused(path, kernel, "trap form takes 7 bytes, the site has 2")


def test_listing_shows_the_forms_in_a_module(module: Path) -> None:
    forms = {site.instruction: site.form for site in previrt.list_sites(module, "xen")}
    assert forms["cli"] == "inline"
    assert forms["sti"] == forms["pushf"] == "call"
    assert forms["rdmsr"] == "trap"


def test_relocations_that_the_site_had_are_none_now(module: Path, kernel: Path) -> None:
    bound = bind(module, kernel)
    assert [one.type for one in relocations(bound) if one.section == ".text"].count(0) == 2


def test_a_module_that_is_damaged_is_not_taken_for_bound(module: Path, kernel: Path) -> None:
    bound = bind(module, kernel)
    at = bound.read_bytes().index(contents(bound)[".afterburn.original"])
    put(bound, at + 30, "<I", 0)
    with pytest.raises(previrt.LinkError, match="kept original is damaged"):
        previrt.restore(bound)


def test_tools_that_look_inside_say_what_they_cannot(module: Path, kernel: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    previrt.link(module, "bare", output=bare)
    proof = prove(bare)
    assert not proof.failures
    assert "no addresses to run at" in proof.run_why_not
    with (
        pytest.raises(previrt.LinkError, match="a kernel module bound to xen cannot be taken apart"),
        examined(bind(module, kernel)),
    ):
        pass


def test_binutils_take_a_bound_module(module: Path, kernel: Path, tmp_path: Path) -> None:
    bound = bind(module, kernel)
    read = subprocess.run(["readelf", "-aW", bound], check=True, capture_output=True, text=True)
    assert read.stderr == ""
    assert "Warning" not in read.stdout
    again = tmp_path / "again.o"
    subprocess.run(["ld", "-r", bound, "-o", again], check=True)
    for path in (bound, again):  # where sections are is another matter
        loaded = load(path, {"_printk": symbols_of(kernel)["_printk"]})
        _, lgdt, *_ = ROW.iter_unpack(loaded.contents[".previrt.rows"])
        assert lgdt[12] % (1 << 64) == loaded.symbols["tables"] + 6


def test_a_module_of_two_objects(kernel: Path, tmp_path: Path) -> None:
    """`ld -r` joins tables and their relocations, and keeps one of the notes."""
    parts = [assemble(tmp_path, "x86_64", source, name) for source, name in ((SOURCE, "a.o"), (X86_64, "b.o"))]
    path = tmp_path / "both.ko"
    subprocess.run(["ld", "-r", *parts, "-o", path], check=True)
    sites = [len(previrt.list_sites(part)) for part in parts]
    report = previrt.link(path, "xen", options=ObjectOptions(kernel))
    assert report.bound == sum(sites)
    load(Path(f"{path}.xen"), {"_printk": symbols_of(kernel)["_printk"]})
    previrt.restore(f"{path}.xen", output=tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == path.read_bytes()


def test_two_relocation_sections_of_one_name(kernel: Path, tmp_path: Path) -> None:
    """The same entry number in both: the site's own is dropped, the other's stays."""
    source = '.section .text.f, "ax", @progbits, unique, 1\nlgdt tables(%rip)\n'
    source += '.section .text.f, "ax", @progbits, unique, 2\nlea other(%rip), %rax\nret\n'
    path = assemble(tmp_path, "x86_64", source)
    bound = bind(path, kernel)
    kept = [(one.type, one.symbol) for one in relocations(bound) if one.section == ".text.f"]
    assert sorted(kept) == [(0, ""), (2, "other"), (2, "previrt_rows")]


def test_the_command(module: Path, kernel: Path) -> None:
    def run(*options: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "linker.commands.link", module, *options]
        return subprocess.run(command, check=False, capture_output=True, text=True)

    done = run("-t", "xen", "--kernel", kernel)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == f"{module}: bound to xen, x86_64, 12 sites -> {module}.xen"
    assert run("-t", "xen").returncode == 2
    assert run("--list", "--kernel", kernel).returncode == 2
    done = run("-t", "xen", "--kernel", kernel.with_name("vmlinux"))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith(f"previrt-link: {kernel.with_name('vmlinux')}: kernel is not bound to xen")
