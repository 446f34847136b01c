"""What a link changes outside the sites: the reserve, the BOUND note, the room to undo, the entry address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linker.errors import LinkError
from linker.image.read import ENTRY_OFF
from linker.image.windows import offset_of
from linker.plan.patches import Edit, pick
from linker.sites.formats import NOTE_HEADER_LEN, NOTE_OWNER, NT_SPACE, SPACE_TAKEN_LEN, build_note
from linker.sites.reach import require_unsigned
from linker.table.read import build_bound

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from linker.hypervisors.base import TargetNote
    from linker.plan.patches import PatchGroup, Request
    from linker.table.read import Bound, Reserve


def edits_in_memory(
    request: Request, text: bytes, data: bytes, bound: Bound, notes: Sequence[TargetNote] = ()
) -> list[Edit]:
    """The reserve, the BOUND note and the target's notes, where they are mapped."""
    annotations, memory = request.sites.annotations, request.memory
    edits: list[Edit] = []
    if annotations.reserve is not None:
        edits += _reserve_edits(request, annotations.reserve, text, data)
    note = annotations.bound_note
    if note is not None:
        length = len(note.descriptor)
        off = None if note.va is None else offset_of(request.windows, note.va, length)
        if off is None:
            edits.append(Edit("note BOUND", note.off, note.descriptor, build_bound(bound), in_file_only=True))
        else:
            edits.append(Edit("note BOUND", off, bytes(memory[off : off + length]), build_bound(bound)))
    return [*edits, *_notes_edits(request, notes)]


def _notes_edits(request: Request, notes: Sequence[TargetNote]) -> Iterator[Edit]:
    """The room of the SPACE note, divided into a smaller SPACE and the target's notes.

    as annotated    [ SPACE: 0 ................................ ]
    bound           [ SPACE: length of what follows, 0 ... | Xen | Xen ]
    """
    space = request.sites.annotations.space
    if space is None:
        if any(note.required for note in notes):
            raise LinkError(
                "no room for the target's notes",
                expected="a note SPACE",
                advice="build the guest with the reserve object",
            )
        return
    taken = b"".join(build_note(note.owner, note.type, note.descriptor) for note in notes)
    left_len = space.len - NOTE_HEADER_LEN - len(taken)
    if left_len < SPACE_TAKEN_LEN:
        raise LinkError(
            "the target's notes do not fit",
            where=f"note SPACE at offset {space.off:#x}",
            found=f"{len(taken)} bytes",
            expected=f"at most {space.len - NOTE_HEADER_LEN - SPACE_TAKEN_LEN}",
            advice="build the guest with the reserve object",
        )
    left = len(taken).to_bytes(SPACE_TAKEN_LEN, "little").ljust(left_len, b"\0")
    after = build_note(NOTE_OWNER, NT_SPACE, left) + taken
    off = None if space.va is None else offset_of(request.windows, space.va, space.len)
    if off is None:
        yield Edit("note SPACE", space.off, space.contents, after, in_file_only=True)
    else:
        yield Edit("note SPACE", off, bytes(request.memory[off : off + space.len]), after)


def edits_in_file(request: Request, overwritten: Sequence[PatchGroup], entry_va: int) -> list[Edit]:
    """What no segment holds: the room to undo and the ELF header."""
    annotations = request.sites.annotations
    edits: list[Edit] = []
    if annotations.undo is not None:
        undo = _undo(request, annotations.record_count, overwritten)
        done = 0
        for off, length in annotations.undo_pieces:
            piece = slice(done, done + length)
            edits.append(Edit(".afterburn.undo", off, annotations.undo[piece], undo[piece], in_file_only=True))
            done += length
    word_len = request.image.word_len
    for what, va in (("the image's entry", request.image.entry_va), ("the entry after the link", entry_va)):
        require_unsigned(va, 8 * word_len, "ELF header and note BOUND", what, "the image is damaged; build it again")
    before, after = (va.to_bytes(word_len, "little") for va in (request.image.entry_va, entry_va))
    edits.append(Edit("entry address", ENTRY_OFF, before, after, in_file_only=True))
    return edits


def _reserve_edits(request: Request, reserve: Reserve, text: bytes, data: bytes) -> Iterator[Edit]:
    for name, va, length, contents in (
        ("reserve text", reserve.text_va, reserve.text_len, request.codec.trap_fill(reserve.text_len - len(text))),
        ("reserve data", reserve.data_va, reserve.data_len, bytes(reserve.data_len - len(data))),
    ):
        off = offset_of(request.windows, va, length)
        if off is None:
            raise AssertionError("check_reserve comes first")
        after = bytes(text if name == "reserve text" else data) + contents
        yield Edit(name, off, bytes(request.memory[off : off + length]), after)


def _undo(request: Request, record_count: int, overwritten: Sequence[PatchGroup]) -> bytes:
    """`.afterburn.undo`: a length byte and the instruction for each site that lost its own."""
    undo_len = request.codec.undo_len
    undo = bytearray(record_count * undo_len)
    numbers = request.sites.annotations.numbers
    for group in overwritten:
        code = group.instruction.code
        entry = bytes([len(code)]) + code
        for number in pick(group.members, numbers):
            if number >= record_count:  # a memory operation's: it has no entry, and only a grown image overwrites it
                continue
            undo[number * undo_len : number * undo_len + len(entry)] = entry
    return bytes(undo)
