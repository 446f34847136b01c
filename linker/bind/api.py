"""The linking service as functions. Each runs the phases in order: read, decode, plan, check, apply, verify, report."""

from __future__ import annotations

import mmap
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from linker import log
from linker.bind.apply import apply
from linker.bind.report import Outcome, make_details, make_report
from linker.bind.verify import verify
from linker.collection import gc_paused
from linker.count.counting import require_counting
from linker.errors import LinkError, UsageError, naming
from linker.image.grow import Kept, grow, kept_original
from linker.image.places import Places, speaking
from linker.image.read import Window, check_windows, open_image, read_image
from linker.image.relocations import Relocatable
from linker.image.symbols import Symbols
from linker.image.write import write_changed, write_whole
from linker.plan.check import (
    check_apart,
    check_architecture,
    check_bound,
    check_mapped,
    check_module,
    check_records,
    check_reserve,
    offset_of,
)
from linker.plan.make import make_plan
from linker.plan.patches import Request
from linker.plan.place import read_module
from linker.registry import binding_for, codec_for
from linker.table.choose import Names, select_sites
from linker.table.decode import decode
from linker.table.read import parse_bound, read_annotations
from linker.table.site_relocations import site_relocations

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from linker.bind.report import LinkReport
    from linker.hypervisors.base import Binding
    from linker.image.read import Bytes, Image, OpenFile, WritableBytes
    from linker.objects.options import ObjectOptions
    from linker.plan.patches import Plan
    from linker.sites.codec import Codec
    from linker.table.decode import Sites
    from linker.table.read import Annotations

EXECUTABLE = 0o111


class GuestTable(NamedTuple):
    """What is known of an image without its contents: what a bootloader needs to bind a loaded guest."""

    image: Image
    annotations: Annotations
    codec: Codec
    symbols: Symbols | None


class Selection(NamedTuple):
    """Sites by address, symbol or class; or, if `indexes` is not None, those of the address order.

    `counts`: those bound count their runs.
    """

    only: Sequence[str] = ()
    skip: Sequence[str] = ()
    indexes: Collection[int] | None = None
    counts: bool = False


class Destination(NamedTuple):
    """Where the result goes, whether every site is reported, and whether the disk is waited for.

    `descriptor`: an open file that is filled instead of the one at `path`.
    """

    path: Path
    in_place: bool
    dry_run: bool
    details: bool
    durable: bool = False
    descriptor: int | None = None


class Source(NamedTuple):
    """An image as it will be written: `memory` holds it, `table` describes it, `previous` is what it was bound to.

    `counts`: it was bound so that its sites count their runs.
    `is_file`: memory is a view of the file itself. Otherwise it is the original out of a grown image, or a grown one.
    """

    file: OpenFile
    memory: mmap.mmap
    table: GuestTable
    previous: str
    is_file: bool
    counts: bool = False
    is_grown: bool = False


def link(
    path: str | Path,
    target: str,
    *,
    output: str | Path | int | None = None,
    in_place: bool = False,
    dry_run: bool = False,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    count: bool = False,
    details: bool = False,
    durable: bool = False,
    binding: Binding | None = None,
    options: ObjectOptions | None = None,
) -> LinkReport:
    """Bind the image at `path` to `target` and write it to `output` (default: the path with `.target` behind it).

    `only` and `skip` name sites by address, symbol or class; sites left out keep their native instruction. `count`
    makes every bound site count its runs (`linker.count.profile` reads them). `details` asks for every site in the
    report, `durable` waits for the disk (`linker.image.write`), `binding` overrides the installed binding of the
    target, `options` are for kernel modules alone. An `output` that is an int is the descriptor of an empty file to
    fill, such as a memfd. Raises UsageError for a wrong request, LinkError for an image that cannot be bound; then
    nothing is written.
    """
    path = Path(path)
    descriptor = output if isinstance(output, int) else None
    file_path = Path(f"{path}.{target}" if output is None or isinstance(output, int) else output)
    destination = Destination(file_path, in_place, dry_run, details, durable, descriptor)
    with naming(path), open_image(path) as file, gc_paused():
        source = original_source(file)
        chosen = binding or binding_for(target, source.table.image.machine)
        if count:
            require_counting(source.table.codec, source.table.image)
        if source.table.image.is_object:
            from linker.objects.bind import link_object

            wanted = Selection(only, skip)
            with speaking(source.table.image):
                return link_object(path, source, chosen, wanted, destination=destination, options=options)
        if options is not None:
            raise UsageError("--kernel and signatures are for kernel modules", where=str(path))
        if (chosen.module is not None or count) and source.table.annotations.reserve is None:
            source = grown_source(source, target, counts=count)
        return _link_file(path, source, chosen, Selection(only, skip, counts=count), destination)


def restore(
    path: str | Path,
    *,
    output: str | Path | None = None,
    in_place: bool = False,
    dry_run: bool = False,
    details: bool = False,
) -> LinkReport:
    """Give the annotated original of a bound image back, byte for byte (default output: the path with `.restored`)."""
    path = Path(path)
    destination = Destination(Path(output or f"{path}.restored"), in_place, dry_run, details)
    with naming(path), open_image(path) as file, gc_paused():
        source = original_source(file)
        if source.table.image.is_object:
            from linker.objects.bind import restore_object

            with speaking(source.table.image):
                return restore_object(path, source, destination)
        return _link_file(path, source, None, Selection(), destination)


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
    return table._replace(symbols=Symbols(table.image, memory))


def link_buffer(
    memory: WritableBytes,
    load_map: Iterable[tuple[int, int, int]],
    target: str,
    *,
    table: GuestTable,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    count: bool = False,
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
        return _link_memory(memory, table, windows, chosen, Selection(only, skip, counts=count))


def _link_memory(
    memory: WritableBytes, table: GuestTable, windows: Sequence[Window], binding: Binding, selection: Selection
) -> LinkReport:
    plan = plan_link(memory, table, windows, binding, selection)
    edits = [edit for edit in plan.edits if not edit.in_file_only]
    apply(plan, memory, edits)
    verify(plan, memory, edits, table.codec)
    return make_report(Outcome("memory", None, "", table.codec.name), plan, table.annotations)


def _require_unbound(memory: Bytes, windows: Sequence[Window], table: GuestTable) -> None:
    note = table.annotations.bound_note
    if note is None or note.va is None:
        return
    off = offset_of(windows, note.va, len(note.descriptor))
    target = "" if off is None else parse_bound(bytes(memory[off : off + len(note.descriptor)])).target
    if target:
        raise LinkError(
            f"already bound to {target}",
            expected="a guest as annotated",
            advice="load it again: what a link overwrote is kept in the file only",
        )


def read_guest(memory: Bytes) -> GuestTable:
    """Read and check everything about an image but its sites' contents."""
    image = read_image(memory)
    codec = codec_for(image.machine)
    check_architecture(image, codec)
    with speaking(image):
        annotations = read_annotations(image, memory, codec)
        check_records(annotations, image, codec)
        check_bound(annotations)
        if image.is_object:
            relocatable = Relocatable(image, memory, codec.object_relocations)
            annotations = annotations._replace(relocated=site_relocations(relocatable, annotations))
    log.debug("read", sections=len(image.sections), records=annotations.record_count, dropped=annotations.dropped)
    return GuestTable(image, annotations, codec, None)


def original_source(file: OpenFile) -> Source:
    """The file, or the original that a grown image keeps."""
    table = read_guest(file.memory)
    kept = kept_original(table.image, file.memory)
    if kept is not None:
        memory = anonymous(kept.original)
        return Source(file, memory, read_guest(memory), kept.target, is_file=False, counts=kept.counts)
    bound = table.annotations.bound
    return Source(
        file, file.memory, table, bound.target if bound else "", is_file=True, counts=bound is not None and bound.counts
    )


def grown_source(source: Source, target: str, *, counts: bool) -> Source:
    """The image with room for an interface module, for counters and their stubs."""
    table = source.table
    restoring = plan_link(source.memory, table, table.image.windows, None, Selection())
    apply(restoring, source.memory, restoring.edits)
    original = bytes(source.memory)
    kept = Kept(target, counts, original)
    grown, reserve = grow(kept, len(table.annotations.numbers), restoring.entry_va, table.codec)
    memory = anonymous(grown)
    read = read_guest(memory)
    log.debug("grown", text_va=reserve.text_va, data_va=reserve.data_va, part_len=reserve.text_len)
    table = read._replace(annotations=read.annotations._replace(reserve=reserve))
    return Source(source.file, memory, table, source.previous, is_file=False, counts=counts, is_grown=True)


def anonymous(contents: Bytes) -> mmap.mmap:
    """A copy in memory of its own."""
    memory = mmap.mmap(-1, len(contents))
    memory[:] = bytes(contents[:])
    return memory


def _link_file(
    path: Path, source: Source, binding: Binding | None, selection: Selection, destination: Destination
) -> LinkReport:
    """Plan, check, apply and verify in private memory; write the file; report."""
    output = sink(path, destination)
    file, table, memory = source.file, source.table, source.memory
    plan = plan_link(memory, table, table.image.windows, binding, selection, keeps_original=source.is_grown)
    changes = _changes(plan)
    if binding is None and source.is_file and not changes:
        raise LinkError("image is not bound", advice="there is nothing to restore")
    apply(plan, memory, plan.edits)
    verify(plan, memory, plan.edits, table.codec)
    log.debug("applied and verified", changed_len=sum(high - low for low, high in changes))
    if not destination.dry_run:
        mode = file.mode & 0o777
        if binding is not None and binding.entry_symbol is not None:
            mode |= mode >> 2 & EXECUTABLE  # who may read the image may run it
        if not source.is_file:
            write_whole(output, memory, mode, durable=destination.durable)
        elif changes or mode != file.mode or not destination.in_place:
            write_changed(file.descriptor, output, memory, changes, mode, durable=destination.durable)
        log.debug("written", output=str(output))
    written = None if destination.dry_run or isinstance(output, int) else str(output)
    listed = (
        make_details(plan, memory, Symbols(table.image, memory), Places(table.image)) if destination.details else ()
    )
    return make_report(Outcome(str(path), written, source.previous, table.codec.name), plan, table.annotations, listed)


def plan_link(
    memory: Bytes,
    table: GuestTable,
    windows: Sequence[Window],
    binding: Binding | None,
    selection: Selection,
    *,
    keeps_original: bool = False,
) -> Plan:
    """Decode, plan, check: nothing is changed yet."""
    image, annotations, codec, symbols = table
    if annotations.reserve is not None:
        unbound = annotations.bound is None or not annotations.bound.target
        check_reserve(annotations.reserve, windows, memory, codec, empty=unbound)
    sites = decode(annotations, memory, windows, codec)
    log.debug("decoded", sites=len(sites.offs), distinct=len(sites.groups))
    chosen = selection.indexes
    if chosen is None:
        names = Names(Places(image).address, lambda: symbols or Symbols(image, memory))
        chosen = select_sites(sites, selection.only, selection.skip, names)
    module = None
    if binding is not None and binding.module is not None:
        module = read_module(binding.module, codec)
        check_module(module, binding, image, annotations)
    plan = make_plan(
        Request(image, memory, windows, sites, codec, binding, module, chosen, selection.counts, keeps_original)
    )
    check_apart(plan, windows, annotations.starts_va, annotations.ends_va)
    log.debug("planned and checked", groups=len(plan.groups), stubs=len(plan.stubs), edits=[e.name for e in plan.edits])
    return plan


def _changes(plan: Plan) -> list[tuple[int, int]]:
    """Half-open ranges of offsets that a plan changes."""
    changes = [(edit.off, edit.off + len(edit.after)) for edit in plan.edits]
    for group in plan.groups:
        if group.after != group.before:
            changes += [(off, off + group.room_len) for off in group.offs]
    return changes


def sink(path: Path, destination: Destination) -> Path | int:
    """Where the result is written: a path, or the descriptor of a file that is open."""
    return output_path(path, destination) if destination.descriptor is None else destination.descriptor


def output_path(path: Path, destination: Destination) -> Path:
    """Where the output goes, links followed; UsageError where that is no place for it."""
    output = (path if destination.in_place else destination.path).resolve()
    if output.is_dir():
        raise UsageError("output is a directory", where=str(output))
    if output.exists():
        if not output.is_file():
            raise UsageError("output is not a regular file", where=str(output))
        if not destination.in_place and output.samefile(path):
            raise UsageError("input and output are the same file", where=str(output), advice="say --in-place")
        if not os.access(output, os.W_OK):
            raise LinkError("cannot write: Permission denied", where=str(output))
    return output


@contextmanager
def opened(path: str | Path) -> Iterator[tuple[Bytes, GuestTable, Sites]]:
    """An image read and decoded, for as long as the block lasts."""
    path = Path(path)
    with naming(path), open_image(path) as file:
        source = original_source(file)
        table = source.table
        with speaking(table.image):
            yield source.memory, table, decode(table.annotations, source.memory, table.image.windows, table.codec)
