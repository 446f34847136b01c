"""`--count`: forms that count their runs. Each bound site gets a counter of 64 bits and a stub that adds one to it.

    call, jump   e8 rel32                  e8 rel32            the stub counts, then jumps where the site called
    inline       c6 05 rel32 00            e9 rel32            the stub counts, does the form, and jumps back
    native       0f 32 90 90 ...           0f 32 e9 rel32      runs, then jumps to the stub, which comes back
    native, sti  90 90 ... fb              e9 rel32 ... fb     counts in front: the shadow of sti is the guest's
    native, popf 9d 90 90 ...              e9 rel32 ... 9d     counts in front: the guest may single-step from here
    trap, iret   cd 80 90 90 ...           e9 rel32 ... cd 80  counts in front: nothing runs behind it
    native       0f 01 1c 25 ...           e9 rel32            too long for both: runs in the stub, which comes back

The counters are the last words of the reserve's data part but for what the hooks keep there (docs/formats.md), in
address order of the sites that count, so that a reader finds them from the image alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, cast

from linker.errors import UsageError
from linker.hypervisors.base import COUNT, SITE_END, SITE_START, Fixup, Form, FormKind, Stub
from linker.sites.formats import INFO_NO_STACK
from linker.sites.l4ka import FIRST_MEMORY_CLASS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType

    from linker.decode import SiteGroup
    from linker.hypervisors.base import Binding
    from linker.hypervisors.count_x86 import Piece
    from linker.read_image import Image
    from linker.sites.codec import Codec

COUNTER_LEN = 8
PIECES = {62: "linker.hypervisors.count_x86", 3: "linker.hypervisors.count_i386"}  # ELF machine -> counting code
MOVES = "a jump in front would move the instruction, and the guest may look for a fault where it stood"
BRANCHES = (b"\xe8", b"\xe9")


class Counters(NamedTuple):
    """Where the counters are: `va` the first, one for each site of `counted` in address order.

    `counted`: index of a site in address order -> which counter is its own. `reasons`: why the other bound sites
    are not counted -> how many.
    """

    va: int
    counted: Mapping[int, int]
    reasons: Mapping[str, int]

    def va_of(self, index: int) -> int:
        """Address of the counter of the site at `index` of the address order."""
        return self.va + COUNTER_LEN * self.counted[index]


class Counting:
    """Makes forms count, for one binding on one architecture."""

    def __init__(self, binding: Binding, codec: Codec, starts_va: Sequence[int], *, keeps_original: bool) -> None:
        """UsageError as `require_counting`. `keeps_original`: nothing needs `.afterburn.undo`."""
        require_counting(codec)
        self._pieces: ModuleType = import_module(PIECES[codec.machine])
        self._codec = codec
        self._starts_va = starts_va
        self._has_module = binding.module is not None
        self._keeps_original = keeps_original

    def counted(self, group: SiteGroup, form: Form) -> Form | str:
        """The form that counts, or why there is none."""
        insn = group.instruction
        if insn.class_number >= FIRST_MEMORY_CLASS and not self._keeps_original:
            return "a memory operation has no room to undo"
        count = self._count(group)
        if len(form.code) == self._pieces.JUMP_LEN and form.code[:1] in BRANCHES and len(form.fixups) == 1:
            (fixup,) = form.fixups
            stub = count.then(self._jump(fixup.symbol, fixup.addend - self._pieces.PC32_END))
            return self._site(form, self._pieces.Piece(form.code, (Fixup(1, COUNT, self._pieces.PC32_END),)), stub)
        if group.room_len < self._pieces.JUMP_LEN:
            return f"{group.room_len} bytes hold no jump"
        if form.kind is FormKind.INLINE:
            stub = count.then(self._piece(form)).then(self._jump(SITE_END))
            return self._site(form, self._jump(COUNT), stub)
        return self._beside(group, form, count)

    def _beside(self, group: SiteGroup, form: Form, count: Piece) -> Form | str:
        """A form that stays in the site: a jump to the stub stands behind it, or in front where it must."""
        insn, length = group.instruction, len(form.code)
        goes_elsewhere = insn.class_name in self._pieces.GO_ELSEWHERE
        in_front = form.pad_front or goes_elsewhere or insn.class_name in self._pieces.LAST
        filler_len = group.room_len - length - self._pieces.JUMP_LEN
        if not in_front and filler_len >= 0:
            return self._site(form, self._piece(form).then(self._jump(COUNT)), count.then(self._jump(SITE_END)))
        may_move = form.code != insn.code or insn.class_name in self._pieces.NOT_FIXED_UP or form.pad_front
        if not may_move:
            return MOVES
        if filler_len < 0 or (insn.ip_relative and goes_elsewhere):
            return MOVES if form.pad_front else self._moved(group, form, count)
        filler = self._piece_of(self._codec.nops(filler_len))
        code = self._jump(COUNT).then(filler).then(self._piece(form))
        return self._site(form, code, count.then(self._jump(SITE_END, -length)))

    def _moved(self, group: SiteGroup, form: Form, count: Piece) -> Form:
        """A form whose instruction runs in the stub, because the site holds a jump or it, not both."""
        insn, piece = group.instruction, self._piece(form)
        if insn.ip_relative and insn.memory is not None:
            # Such a site is a group of its own. The displacement ends the instruction: none of them has an immediate.
            addend = insn.memory.displacement - self._starts_va[group.members[0]] + self._pieces.PC32_END
            piece = self._pieces.Piece(form.code, (Fixup(len(form.code) - 4, SITE_START, addend),))
        return self._site(form, self._jump(COUNT), count.then(piece).then(self._jump(SITE_END)))

    def _count(self, group: SiteGroup) -> Piece:
        insn = group.instruction
        lacks_stack = (
            group.flags & INFO_NO_STACK
            or insn.class_name in self._pieces.MAY_LACK_STACK
            or insn.registers[:1] == (self._pieces.STACK_POINTER,)  # its destination: no stack behind it
        )
        piece = self._pieces.WITHOUT_STACK if self._has_module or lacks_stack else self._pieces.WITH_STACK
        return cast("Piece", piece)

    def _jump(self, symbol: str, addend: int = 0) -> Piece:
        return cast("Piece", self._pieces.jump(symbol, addend))

    def _piece(self, form: Form) -> Piece:
        return cast("Piece", self._pieces.Piece(form.code, form.fixups))

    def _piece_of(self, code: bytes) -> Piece:
        return cast("Piece", self._pieces.Piece(code))

    def _site(self, form: Form, code: Piece, stub: Piece) -> Form:
        return form._replace(code=code.code, fixups=code.fixups, counter=_stub(stub))


def require_counting(codec: Codec, image: Image | None = None) -> None:
    """UsageError where sites cannot count."""
    if image is not None and image.is_object:
        raise UsageError("--count is not supported on kernel modules", expected="a linked image")
    if codec.machine not in PIECES:
        raise UsageError(f"--count is not supported on {codec.name}", expected="an image for x86_64 or i386")


def _stub(piece: Piece) -> Stub:
    return Stub(piece.code, piece.fixups, per_site=True, align=1)


def is_counting(fixups: tuple[Fixup, ...]) -> bool:
    """Whether a site with these fixups counts."""
    return any(fixup.symbol == COUNT for fixup in fixups)
