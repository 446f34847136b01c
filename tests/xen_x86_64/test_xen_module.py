"""The built Xen module is what its sources give, and is what docs/formats.md asks of a module."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile

from linker.hypervisors.xen.x86_64 import BINDING
from linker.sites.formats import NOTE_MODULE

MODULE = BINDING.module
SOURCES = MODULE.parent / "src-x86_64"
PUBLIC_HEADERS = Path("/usr/include/xen")  # package libxen-dev
R_X86_64_RELATIVE = 8
PAGE_LEN = 4096


@pytest.fixture(scope="module")
def module() -> ELFFile:
    return ELFFile(MODULE.open("rb"))


def section(module: ELFFile, name: str) -> Any:
    """A section, of the class its type gives it."""
    return module.get_section_by_name(name)


def test_rebuilding_gives_the_same_bytes(tmp_path: Path) -> None:
    built = tmp_path / "xen.so"
    subprocess.run(["make", "-s", "-B", "-C", SOURCES, f"MODULE={built}"], check=True)
    assert built.read_bytes() == MODULE.read_bytes(), "run `make modules` and commit the result"


def test_two_parts_no_undefined_symbols_only_relative_relocations(module: ELFFile) -> None:
    assert [segment["p_flags"] for segment in module.iter_segments("PT_LOAD")] == [5, 6]
    symbols = {s.name: s for s in section(module, ".dynsym").iter_symbols() if s.name}
    assert not [name for name, symbol in symbols.items() if symbol["st_shndx"] == "SHN_UNDEF"]
    assert symbols["hypercall_page"]["st_value"] % PAGE_LEN == 0
    kinds = {r["r_info_type"] for r in section(module, ".rela.dyn").iter_relocations()}
    assert kinds == {R_X86_64_RELATIVE}


def test_note_names_target_and_machine(module: ELFFile) -> None:
    (note,) = section(module, ".note.previrt.module").iter_notes()
    fields = NOTE_MODULE.parse(note["n_descdata"])
    assert (note["n_name"], fields.target, fields.machine) == ("previrt", "xen", 62)


def test_the_interface_is_that_of_xens_public_headers(tmp_path: Path) -> None:
    """The C compiler compares numbers and layouts; the module itself is built without those headers."""
    text = (SOURCES / "interface.h").read_text()
    numbers = dict(re.findall(r"\bH_(\w+) = (\d+)", text))
    checks = [f'_Static_assert(__HYPERVISOR_{name.lower()} == {number}, "{name}");' for name, number in numbers.items()]
    layouts = {
        "start_info": (
            "nr_pages shared_info flags store_mfn console.domU.mfn console.domU.evtchn "
            "pt_base nr_pt_frames mfn_list mod_start mod_len cmd_line"
        ).split(),
        "xencons_interface": "in out in_cons in_prod out_cons out_prod".split(),
        "shared_info": ["evtchn_pending", "evtchn_mask"],
        "evtchn_send": ["port"],
        "evtchn_bind_virq": ["virq", "vcpu", "port"],
        "callback_register": ["type", "flags", "address"],
        "sched_poll": ["ports", "nr_ports", "timeout"],
        "trap_info": ["vector", "flags", "cs", "address"],
        "mmu_update": ["ptr", "val"],
    }
    fields = [(name, field, field.replace(".", "_")) for name, names in layouts.items() for field in names]
    ours = tmp_path / "ours.c"
    ours.write_text(
        '#include <stddef.h>\n#include <stdbool.h>\n#include "interface.h"\n'
        + "".join(f"unsigned long {name}_{word} = offsetof(struct {name}, {field});\n" for name, field, word in fields)
    )
    listing = subprocess.run(
        ["gcc", "-I", SOURCES, "-S", "-o", "-", ours], check=True, capture_output=True, text=True
    ).stdout
    offsets = dict(re.findall(r"^(\w+):\n\t(?:\.quad|\.zero)\t(\d+)", listing, re.MULTILINE))
    theirs = tmp_path / "theirs.c"
    for name, field, word in fields:
        offset = 0 if f"{name}_{word}:\n\t.zero" in listing else int(offsets[f"{name}_{word}"])
        checks.append(f'_Static_assert(offsetof(struct {name}, {field}) == {offset}, "{name}.{field}");')
    theirs.write_text(
        "#include <stddef.h>\n#include <stdint.h>\n#define __XEN_INTERFACE_VERSION__ 0x00040e00\n"
        "#include <xen/xen.h>\n#include <xen/sched.h>\n"
        "#include <xen/callback.h>\n#include <xen/event_channel.h>\n#include <xen/io/console.h>\n"
        + "\n".join(checks)
        + "\n"
    )
    assert PUBLIC_HEADERS.exists()
    subprocess.run(["gcc", "-fsyntax-only", theirs], check=True)
    assert len(numbers) > 10
