"""A target's notes in the room of the SPACE note: written, taken back, in memory as in a file; what is refused."""

from pathlib import Path
from typing import Any, cast

import pytest
from elftools.elf.elffile import ELFFile

import previrt
from linker.bind.buffer import link_buffer, read_table
from linker.hypervisors.base import Binding, TableContext, Tables, TargetNote
from linker.hypervisors.xen.ia64 import Ia64Binding
from linker.sites.formats import LONGEST_SPACE_LEN, build_note

GUEST = Path(__file__).parents[2] / "fixtures" / "ia64" / "guest.elf"
SPACE_LEN = 512
UNBOUND_SPACE = build_note("previrt", 4, bytes(SPACE_LEN))


class Noting(Ia64Binding):
    """Xen's binding with other notes."""

    def __init__(self, *notes: TargetNote) -> None:
        self.notes = notes

    def tables(self, context: TableContext) -> Tables:
        return super().tables(context)._replace(notes=self.notes)


def noting(*notes: TargetNote) -> Binding:
    return cast("Binding", Noting(*notes))


def test_notes_stand_behind_a_smaller_space(tmp_path: Path) -> None:
    notes = (TargetNote("Xen", 5, b"xen-3.0\0"), TargetNote("longer owner", 77, b"12345"))
    previrt.link(GUEST, "xen", output=tmp_path / "bound", binding=noting(*notes))
    before, after = GUEST.read_bytes(), (tmp_path / "bound").read_bytes()
    at = before.index(UNBOUND_SPACE)
    room = after[at : at + len(UNBOUND_SPACE)]
    expected = b"".join(build_note(*note[:3]) for note in notes)
    assert room.endswith(expected)
    with (tmp_path / "bound").open("rb") as stream:
        segment: Any
        (segment,) = ELFFile(stream).iter_segments("PT_NOTE")
        found = [(note["n_name"], note["n_descsz"]) for note in segment.iter_notes()]
    assert found[-3:] == [("previrt", SPACE_LEN - len(expected)), ("Xen", 8), ("longer owner", 5)]
    previrt.link(tmp_path / "bound", "xen", output=tmp_path / "again", binding=noting())
    assert (tmp_path / "again").read_bytes()[at : at + len(UNBOUND_SPACE)] == UNBOUND_SPACE


def test_memory_gets_the_notes_a_file_gets(tmp_path: Path) -> None:
    previrt.link(GUEST, "xen", output=tmp_path / "bound")
    with GUEST.open("rb") as guest, (tmp_path / "bound").open("rb") as bound:
        segments = list(ELFFile(guest).iter_segments("PT_LOAD"))
        memory = bytearray(b"".join(segment.data() for segment in segments))
        expected = b"".join(segment.data() for segment in ELFFile(bound).iter_segments("PT_LOAD"))
        load_map, off = [], 0
        for segment in segments:
            load_map.append((segment["p_vaddr"], segment["p_filesz"], off))
            off += segment["p_filesz"]
    link_buffer(memory, load_map, "xen", table=read_table(GUEST))
    assert bytes(memory) == expected
    assert b"xen-3.0\0" in memory


def test_notes_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(previrt.LinkError, match="the target's notes do not fit: found 520 bytes, expected at most 508"):
        previrt.link(GUEST, "xen", output=tmp_path / "bound", binding=noting(TargetNote("Xen", 1, bytes(504))))
    assert not (tmp_path / "bound").exists()


def test_an_image_without_room_is_refused_if_the_notes_are_required(tmp_path: Path) -> None:
    guest = tmp_path / "guest"
    guest.write_bytes(GUEST.read_bytes().replace(UNBOUND_SPACE, build_note("other__", 4, bytes(SPACE_LEN))))
    note = TargetNote("Xen", 5, b"xen-3.0\0")
    with pytest.raises(previrt.LinkError, match="no room for the target's notes: expected a note SPACE"):
        previrt.link(guest, "xen", output=tmp_path / "bound", binding=noting(note))
    previrt.link(guest, "xen", output=tmp_path / "bound", binding=noting(note._replace(required=False)))
    assert b"xen-3.0\0" not in (tmp_path / "bound").read_bytes()


@pytest.mark.parametrize("taken_len", [6, LONGEST_SPACE_LEN])
def test_a_damaged_space_note_is_one_clear_error(tmp_path: Path, taken_len: int) -> None:
    guest = tmp_path / "guest"
    damaged = build_note("previrt", 4, taken_len.to_bytes(4, "little") + bytes(SPACE_LEN - 4))
    guest.write_bytes(GUEST.read_bytes().replace(UNBOUND_SPACE, damaged))
    with pytest.raises(previrt.LinkError, match=f"note SPACE is damaged: found {taken_len} bytes of notes behind it"):
        previrt.link(guest, "xen", output=tmp_path / "bound")
