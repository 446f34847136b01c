"""`--count`: forms that count their runs. Each bound site gets a counter of 64 bits and a stub that adds one to it.

    call, jump   e8 rel32                  e8 rel32            the stub counts, then jumps where the site called
    inline       c6 05 rel32 00            e9 rel32            the stub counts, does the form, and jumps back
    native       0f 32 90 90 ...           0f 32 e9 rel32      runs, then jumps to the stub, which comes back
    native       0f 01 1c 25 ...           e9 rel32            too long for both: runs in the stub, which comes back
    native, sti  90 90 ... fb              e9 rel32 ... fb     counts in front: the shadow of sti is the guest's
    native, popf 9d 90 90 ...              e9 rel32 ... 9d     counts in front: the guest may single-step from here
    trap, iret   cd 80 90 90 ...           e9 rel32 ... cd 80  counts in front: nothing runs behind it

The counters are the last words of the reserve's data part but for what the hooks keep there (docs/formats.md), in
address order of the sites that count, so that a reader finds them from the image alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from linker.count.original_code import OriginalCode
from linker.errors import UsageError
from linker.hypervisors.base import COUNT, SITE_END, SITE_START, Fixup, Form, FormKind, Stub
from linker.plan.patches import split_group
from linker.quick.tuples import NamedTuple
from linker.sites.formats import INFO_NO_STACK
from linker.sites.l4ka import FIRST_MEMORY_CLASS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from linker.count.x86_64 import StubPiece
    from linker.image.read import Image
    from linker.plan.patches import Request
    from linker.sites.codec import Codec
    from linker.table.decode import SiteGroup

PIECES = {62: "linker.count.x86_64", 3: "linker.count.i386"}  # ELF machine -> counting code
BRANCHES = (b"\xe8", b"\xe9")
MOVES = "a jump in front would move the instruction, and the guest may look for a fault where it stood"
NO_STACK = "there may be no stack, and the flags behind it matter"


class CountedForm(NamedTuple):
    """Sites with a form that counts, or, where `form` is a reason, with the form that does not."""

    group: SiteGroup
    form: Form | str
    is_loose: bool = False


class _Shape(NamedTuple):
    """A form as it will be: `make` builds it around the counting code, which runs in front of or behind the form."""

    make: Callable[[StubPiece], Form]
    counts_in_front: bool


class Counting:
    """Makes forms count, for one request."""

    def __init__(self, request: Request) -> None:
        """UsageError as `require_counting`."""
        require_counting(request.codec, request.image)
        self._pieces: ModuleType = import_module(PIECES[request.codec.machine])
        self._request = request
        self._codec = request.codec
        self._has_module = request.binding is not None and request.binding.module is not None
        self._original = OriginalCode(request)

    def counted(self, group: SiteGroup, form: Form) -> Iterator[CountedForm]:
        """The sites with the form that counts, or why there is none; sites of a group may differ in what is behind."""
        if group.instruction.class_number >= FIRST_MEMORY_CLASS and not self._request.keeps_original:
            yield CountedForm(group, "a memory operation has no room to undo")
            return
        shape = self._shape(group, form)
        if isinstance(shape, str):
            yield CountedForm(group, shape)
        elif self._has_module:
            # Its module delivers no interrupt inside the reserve, and there is one processor: see count_x86.py.
            yield CountedForm(group, shape.make(self._pieces.WITHOUT_STACK))
        else:
            yield from self._on_bare(group, shape)

    def _on_bare(self, group: SiteGroup, shape: _Shape) -> Iterator[CountedForm]:
        insn, annotations = group.instruction, self._request.sites.annotations
        places = annotations.starts_va if shape.counts_in_front else annotations.ends_va
        bits, read = self._codec.word_len * 8, self._original.read
        dead = {
            n for n in group.members if self._pieces.flags_are_dead(read, places[n], bits, self._pieces.LOOSE_FLAGS)
        }
        loose, others = split_group(group, dead)
        if loose.members:
            yield CountedForm(loose, shape.make(self._pieces.LOOSE), is_loose=True)
        if others.members:
            lacks_stack = (
                group.flags & INFO_NO_STACK
                or insn.class_name in self._pieces.MAY_LACK_STACK
                or insn.registers[:1] == (self._pieces.STACK_POINTER,)  # its destination: no stack behind it
            )
            yield CountedForm(others, NO_STACK if lacks_stack else shape.make(self._pieces.WITH_STACK))

    def _shape(self, group: SiteGroup, form: Form) -> _Shape | str:
        if len(form.code) == self._pieces.JUMP_LEN and form.code[:1] in BRANCHES and len(form.fixups) == 1:
            (fixup,) = form.fixups
            site = self._pieces.StubPiece(form.code, (Fixup(1, COUNT, self._pieces.PC32_END),))
            onward = self._jump(fixup.symbol, fixup.addend - self._pieces.PC32_END)
            return _Shape(lambda count: _site(form, site, count.then(onward)), counts_in_front=True)
        if group.room_len < self._pieces.JUMP_LEN:
            return f"{group.room_len} bytes hold no jump"
        if form.kind is FormKind.INLINE:
            work = self._piece(form).then(self._jump(SITE_END))
            return _Shape(lambda count: _site(form, self._jump(COUNT), count.then(work)), counts_in_front=True)
        return self._beside(group, form)

    def _beside(self, group: SiteGroup, form: Form) -> _Shape | str:
        """A form that stays in the site: a jump to the stub stands behind it, or in front where it must."""
        insn, length = group.instruction, len(form.code)
        goes_elsewhere = insn.class_name in self._pieces.GO_ELSEWHERE
        in_front = form.pad_front or goes_elsewhere or insn.class_name in self._pieces.LAST
        filler_len = group.room_len - length - self._pieces.JUMP_LEN
        if not in_front and filler_len >= 0:
            behind = self._piece(form).then(self._jump(COUNT))
            back = self._jump(SITE_END)
            return _Shape(lambda count: _site(form, behind, count.then(back)), counts_in_front=False)
        may_move = form.code != insn.code or insn.class_name in self._pieces.NOT_FIXED_UP or form.pad_front
        if not may_move:
            return MOVES
        if filler_len < 0 or (insn.ip_relative and goes_elsewhere):
            return MOVES if form.pad_front else self._moved(group, form)
        filler = self._pieces.StubPiece(self._codec.nops(filler_len))
        code = self._jump(COUNT).then(filler).then(self._piece(form))
        back = self._jump(SITE_END, -length)
        return _Shape(lambda count: _site(form, code, count.then(back)), counts_in_front=True)

    def _moved(self, group: SiteGroup, form: Form) -> _Shape:
        """A form whose instruction runs in the stub, because the site holds a jump or it, not both."""
        insn, piece = group.instruction, self._piece(form)
        if insn.ip_relative and insn.memory is not None:
            # Such a site is a group of its own. The displacement ends the instruction: none of them has an immediate.
            start_va = self._request.sites.annotations.starts_va[group.members[0]]
            addend = insn.memory.displacement - start_va + self._pieces.PC32_END
            piece = self._pieces.StubPiece(form.code, (Fixup(len(form.code) - 4, SITE_START, addend),))
        work = piece.then(self._jump(SITE_END))
        return _Shape(lambda count: _site(form, self._jump(COUNT), count.then(work)), counts_in_front=True)

    def _jump(self, symbol: str, addend: int = 0) -> StubPiece:
        return cast("StubPiece", self._pieces.jump(symbol, addend))

    def _piece(self, form: Form) -> StubPiece:
        return cast("StubPiece", self._pieces.StubPiece(form.code, form.fixups))


def require_counting(codec: Codec, image: Image | None = None) -> None:
    """UsageError where sites cannot count."""
    if image is not None and image.is_object:
        raise UsageError("--count is not supported on kernel modules", expected="a linked image")
    if codec.machine not in PIECES:
        raise UsageError(f"--count is not supported on {codec.name}", expected="an image for x86_64 or i386")


def _site(form: Form, code: StubPiece, stub: StubPiece) -> Form:
    counter = Stub(stub.code, stub.fixups, per_site=True, align=1)
    return form._replace(code=code.code, fixups=code.fixups, counter=counter)
