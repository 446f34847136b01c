"""The layouts that are kept against the libraries they were made of: on random bytes, both ways."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import construct
import pytest
from elftools.construct import ConstructError as ElfConstructError
from elftools.construct import Struct as ElfStruct
from elftools.elf.structs import ELFStructs
from hypothesis import given
from hypothesis import strategies as st

from linker.sites import definitions, formats, layouts, make_layouts
from linker.sites.layout import Layout, LayoutError

NUMBERS = st.one_of(st.sampled_from([0, 1, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**64 - 1]), st.integers(0, 2**64))
TEXTS = st.text(st.sampled_from("ax\0\x7f\xe9"), max_size=26)
TYPE_FIELDS: dict[str, dict[int, str]] = {
    "e_type": layouts.FILE_TYPES,
    "sh_type": layouts.SECTION_TYPES,
    "p_type": layouts.SEGMENT_TYPES,
}
IDENT = b"\x7fELF\2\1\1" + bytes(9)
HEADERS = [
    (getattr(layouts, name)[ei_class], getattr(make_layouts.elf_structs(ei_class), of_elftools))
    for name, of_elftools in make_layouts.HEADERS.items()
    for ei_class in (1, 2)
]


def test_kept_are_those_that_are_made() -> None:
    assert make_layouts.PLACE.read_text() == make_layouts.kept(), "make layouts"


@pytest.mark.parametrize("name", definitions.ALL)
@given(data=st.data())
def test_parse_as_construct(name: str, data: st.DataObject) -> None:
    mine, theirs = getattr(formats, name), definitions.ALL[name]
    assert mine.sizeof() == theirs.sizeof()
    letters = st.one_of(st.binary(max_size=theirs.sizeof() + 4), st.text("xen\0", max_size=60).map(str.encode))
    raw = data.draw(letters)
    try:
        expected = {key: value for key, value in theirs.parse(raw).items() if key != "_io"}
    except (construct.ConstructError, UnicodeError):
        with pytest.raises(LayoutError):
            mine.parse(raw)
    else:
        assert vars(mine.parse(raw)) == expected


@pytest.mark.parametrize("name", definitions.ALL)
@given(data=st.data())
def test_build_as_construct(name: str, data: st.DataObject) -> None:
    mine, theirs = getattr(formats, name), definitions.ALL[name]
    texts = ("target", "producer")
    values = {field: data.draw(TEXTS if field in texts else NUMBERS) for field in mine.fields if field != "zero"}
    try:
        expected = theirs.build(values)
    except (construct.ConstructError, UnicodeError):
        with pytest.raises(LayoutError):
            mine.build(values)
    else:
        assert mine.build(values) == expected


def flat(container: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in container.items() if name != "e_ident"}


@pytest.mark.parametrize(("mine", "theirs"), HEADERS)
@given(data=st.data())
def test_elf_headers_as_pyelftools(mine: Layout, theirs: ElfStruct, data: st.DataObject) -> None:
    raw = data.draw(st.binary(max_size=mine.sizeof() + 1))
    raw = raw[: len(raw) // 2] + bytes(data.draw(st.integers(0, 64)))  # types that have names are small
    if mine.fields[0] == "e_ident":  # pyelftools refuses what it has no name for there; read_headers looks itself
        raw = IDENT[: len(raw)] + raw[len(IDENT) :]
    if len(raw) < mine.sizeof():
        with pytest.raises(LayoutError):
            mine.parse(raw)
        with pytest.raises(ElfConstructError):
            theirs.parse(raw)
        return
    parsed: dict[str, Any] = vars(mine.parse(raw))
    expected = flat(theirs.parse(raw))
    for field, value in flat(parsed).items():
        names: dict[Any, str] = TYPE_FIELDS.get(field, {})
        # Of other numbers with names, such as machines, the number is kept.
        assert names.get(value, value) == expected[field] or (
            field in ("e_machine", "e_version") and value == enum_number(theirs, field, expected[field])
        )
    assert mine.build(parsed) == raw[: mine.sizeof()]


def enum_number(layout: Any, field: str, name: object) -> object:
    encoding = next(sub for sub in layout.subcons if sub.name == field).encoding
    return encoding.get(name, name)


@pytest.mark.parametrize("machine", ["EM_X86_64", "EM_386", "EM_IA_64"])
def test_names_of_types_hold_on_each_machine(machine: str) -> None:
    structs = ELFStructs(little_endian=True, elfclass=64)
    structs.create_basic_structs()
    structs.create_advanced_structs("ET_EXEC", machine, "ELFOSABI_SYSV")
    for header, field in (("Elf_Shdr", "sh_type"), ("Elf_Phdr", "p_type")):
        names = next(sub for sub in getattr(structs, header).subcons if sub.name == field).decoding
        assert TYPE_FIELDS[field].items() <= names.items()


def test_rows_are_the_records_one_by_one() -> None:
    mine = layouts.PROGRAM_HEADER[2]
    raw = bytes(range(3 * 56))
    assert list(mine.rows(raw, ("p_vaddr", "p_flags"))) == [
        (one.p_vaddr, one.p_flags) for one in (mine.parse(raw[at : at + 56]) for at in (0, 56, 112))
    ]


@pytest.mark.parametrize("arguments", [["-t", "lol"], ["--list"], ["--restore", "--dry-run"]])
def test_a_link_imports_neither_library(arguments: list[str], tmp_path: Path) -> None:
    guest = Path(__file__).resolve().parents[2] / "fixtures" / "x86_64" / "guest.elf"
    output = [] if "--list" in arguments else ["-o", str(tmp_path / "out")]
    command = [sys.executable, "-X", "importtime", "-m", "linker.commands.link", str(guest), *arguments, *output]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "linker.sites.layouts" in done.stderr
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time")}
    assert not imported & {"construct", "elftools", "lief", "structlog", "unicorn", "asyncio", "zmq", "iced_x86.Code"}


def test_iced_x86_is_itself_afterwards() -> None:
    program = """
from linker.sites.x86_64 import iced
import iced_x86
from iced_x86 import Code, Decoder, Mnemonic
assert Decoder is iced.Decoder and Mnemonic is iced.Mnemonic and iced_x86.__spec__.origin
import linker.sites.x86_64.flags
assert Decoder(64, b"\\x90").decode().code == Code.NOPD
"""
    subprocess.run([sys.executable, "-c", program], check=True)
