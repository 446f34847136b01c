"""Bind a guest that is loaded already, in memory."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from linker.bind.apply import ChangedError, apply
from linker.bind.phases import Selection, plan_link, require_reserve
from linker.bind.report import Outcome, make_report
from linker.bind.verify import verify
from linker.errors import LinkError, naming
from linker.image.file import open_image
from linker.image.symbols import Symbols
from linker.image.windows import Window, check_windows, offset_of
from linker.plan.check import check_mapped, for_memory
from linker.quick.collection import gc_paused
from linker.registry import binding_for
from linker.table.decode import decode, offsets
from linker.table.guest import GuestTable, read_guest
from linker.table.read import parse_bound

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from linker.bind.report import LinkReport
    from linker.hypervisors.base import Binding
    from linker.image.windows import Bytes, WritableBytes
    from linker.plan.patches import Edit, Plan


def read_table(source: str | Path | Bytes) -> GuestTable:
    """Read all that `link_buffer` needs to know about an image, so that it can be bound in memory.

    `source` is the path of the ELF file, or a buffer that holds the whole file. Guest memory is not enough: the table
    is not allocated, a loader leaves it in the file.
    """
    if not isinstance(source, str | Path):
        with naming("memory"):
            return _read_with_symbols(source)
    path = Path(source)
    with naming(path), open_image(path) as file:
        return _read_with_symbols(file.memory)


def _read_with_symbols(memory: Bytes) -> GuestTable:
    table = read_guest(memory)
    sites = None
    if not table.image.is_object:
        with suppress(LinkError):  # what is loaded may be right where the file is not
            sites = decode(table.annotations, memory, table.image.windows, table.codec)
    return table._replace(symbols=Symbols(table.image, memory), sites=sites)


def link_buffer(
    memory: WritableBytes,
    load_map: Iterable[tuple[int, int, int]],
    target: str,
    *,
    table: GuestTable,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    count: bool = False,
    anyway: bool = False,
    binding: Binding | None = None,
) -> LinkReport:
    """Bind a guest that is already loaded: `memory` holds its segments, no file is written.

    `memory` is any writable buffer (guest memory). `load_map` says where the segments are in it: (virtual address,
    length in bytes, offset in `memory`); `physical_map` and `file_map` make it. `table` comes from `read_table` of the
    guest's image. Afterwards memory equals the segments of a file bound to the same target; the report's `entry_va` is
    where to start. Raises as `link`; then `memory` is unchanged.
    """
    with naming("memory"), gc_paused():
        windows = check_windows([Window(*entry) for entry in load_map])
        for window in windows:
            if window.off < 0 or window.len < 0 or window.off + window.len > len(memory):
                raise LinkError("load map is outside memory", where=f"{window.va:#x}", expected=f"{len(memory)} bytes")
        if table.image.is_object:
            raise LinkError("a relocatable object is not loaded at addresses", advice="bind the file")
        check_mapped(table.annotations, table.image, windows)
        _require_unbound(memory, windows, table)
        chosen = binding or binding_for(target, table.image.machine)
        return _link_memory(memory, table, windows, chosen, Selection(only, skip, counts=count, anyway=anyway))


def _link_memory(
    memory: WritableBytes, table: GuestTable, windows: Sequence[Window], binding: Binding, selection: Selection
) -> LinkReport:
    plan, edits = _applied(memory, table, windows, binding, selection)
    verify(plan, memory, edits, table.codec)
    _require_marked(memory, windows, table, plan.target)
    return make_report(Outcome("memory", None, "", table.codec.name), plan, table.annotations)


def _applied(
    memory: WritableBytes, table: GuestTable, windows: Sequence[Window], binding: Binding, selection: Selection
) -> tuple[Plan, Sequence[Edit]]:
    """Bind the sites as the file has them; if memory has others, which is seen before a byte is written, as it has."""
    if table.sites is not None:
        require_reserve(memory, table, windows)
        offs, _ = offsets(table.annotations, windows)
        plan = plan_link(
            memory, table, windows, binding, selection, sites=table.sites._replace(offs=offs), in_memory=True
        )
        edits = for_memory(plan).edits
        with suppress(ChangedError):
            apply(plan, memory, edits)
            return plan, edits
    plan = plan_link(memory, table, windows, binding, selection, in_memory=True)
    edits = for_memory(plan).edits
    apply(plan, memory, edits)
    return plan, edits


def _said_target(memory: Bytes, windows: Sequence[Window], table: GuestTable) -> str | None:
    """What the BOUND note in memory says; None where it is not loaded."""
    note = table.annotations.bound_note
    off = None if note is None or note.va is None else offset_of(windows, note.va, len(note.descriptor))
    if note is None or off is None:
        return None
    return parse_bound(bytes(memory[off : off + len(note.descriptor)])).target


def _require_marked(memory: Bytes, windows: Sequence[Window], table: GuestTable, target: str) -> None:
    """Memory must say what it is bound to now, or it would be bound a second time as if it were annotated."""
    said = _said_target(memory, windows, table)
    if said not in (None, target):
        raise LinkError(
            "verification failed: the note BOUND in memory does not read back",
            found=repr(said),
            expected=repr(target),
            advice="report this as a defect",
        )


def _require_unbound(memory: Bytes, windows: Sequence[Window], table: GuestTable) -> None:
    target = _said_target(memory, windows, table)
    if target:
        raise LinkError(
            f"already bound to {target}",
            expected="a guest as annotated",
            advice="load it again: what a link overwrote is kept in the file only",
        )
