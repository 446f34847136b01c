"""The linking service as functions. Each runs the phases in order: read, decode, plan, check, apply, verify, report."""

from __future__ import annotations

import gc
import os
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from linker import log
from linker.apply import apply
from linker.check import (
    check_apart,
    check_architecture,
    check_bound,
    check_mapped,
    check_records,
    check_reserve,
    offset_of,
)
from linker.decode import decode
from linker.errors import LinkError, UsageError, naming
from linker.place import read_module
from linker.plan import Plan, Request, make_plan
from linker.read_annotations import parse_bound, read_annotations
from linker.read_image import Window, check_windows, open_image, read_image
from linker.registry import binding_for, codec_for
from linker.report import make_details, make_report
from linker.select_sites import select_sites
from linker.symbols import Symbols
from linker.verify import verify
from linker.write import write_changed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from linker.decode import Sites
    from linker.hypervisors.base import Binding
    from linker.read_annotations import Annotations
    from linker.read_image import Bytes, Image, OpenFile, WritableBytes
    from linker.report import LinkReport
    from linker.sites.codec import Codec

EXECUTABLE = 0o111


class GuestTable(NamedTuple):
    """What is known of an image without its contents: what a bootloader needs to bind a loaded guest."""

    image: Image
    annotations: Annotations
    codec: Codec
    symbols: Symbols | None


class Planned(NamedTuple):
    """A plan and what it was made from."""

    plan: Plan
    annotations: Annotations
    codec: Codec


def link(
    path: str | Path,
    target: str,
    *,
    output: str | Path | None = None,
    in_place: bool = False,
    dry_run: bool = False,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    details: bool = False,
    binding: Binding | None = None,
) -> LinkReport:
    """Bind the image at `path` to `target` and write it to `output` (default: the path with `.target` behind it).

    `only` and `skip` name sites by address, symbol or class; sites left out keep their native instruction. `details` asks
    for every site in the report. `binding` overrides the installed binding of the target. Raises UsageError for a wrong request, LinkError for an image that
    cannot be bound; then nothing is written.
    """
    path = Path(path)
    with naming(path), open_image(path) as file, gc_paused():
        table = _read(file.memory)
        binding = binding or binding_for(target, table.image.machine)
        planned = _plan(file.memory, table, table.image.windows, binding, only, skip)
        written = _commit(file, path, planned, output or f"{path}.{target}", in_place, dry_run, binding)
        listed = make_details(planned.plan, file.memory, Symbols(table.image, file.memory)) if details else ()
    return make_report(str(path), written, planned.plan, planned.annotations, planned.codec.name, listed)


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
    with naming(path), open_image(path) as file, gc_paused():
        table = _read(file.memory)
        planned = _plan(file.memory, table, table.image.windows, None, (), ())
        if not _changes(planned.plan):
            raise LinkError("image is not bound", advice="there is nothing to restore")
        written = _commit(file, path, planned, output or f"{path}.restored", in_place, dry_run, None)
        listed = make_details(planned.plan, file.memory, Symbols(table.image, file.memory)) if details else ()
    return make_report(str(path), written, planned.plan, planned.annotations, planned.codec.name, listed)


def read_table(path: str | Path) -> GuestTable:
    """Read all that `link_buffer` needs to know about the image in a file, so that it can be bound in memory."""
    path = Path(path)
    with naming(path), open_image(path) as file:
        table = _read(file.memory)
        return table._replace(symbols=Symbols(table.image, file.memory))


def link_buffer(
    memory: WritableBytes,
    load_map: Iterable[tuple[int, int, int]],
    target: str,
    *,
    table: GuestTable,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    binding: Binding | None = None,
) -> LinkReport:
    """Bind a guest that is already loaded: `memory` holds its segments, no file is written.

    `memory` is any writable buffer (guest memory). `load_map` says where the segments are in it: (virtual address,
    length in bytes, offset in `memory`). `table` comes from `read_table` of the guest's image. Afterwards memory equals the
    segments of a file bound to the same target; the report's `entry_va` is where to start. Raises as `link`; then `memory` is
    unchanged.
    """
    with gc_paused():
        windows = check_windows([Window(*entry) for entry in load_map])
        for window in windows:
            if window.off < 0 or window.len < 0 or window.off + window.len > len(memory):
                raise LinkError("load map is outside memory", where=f"{window.va:#x}", expected=f"{len(memory)} bytes")
        check_mapped(table.annotations, table.image, windows)
        _require_unbound(memory, windows, table)
        binding = binding or binding_for(target, table.image.machine)
        planned = _plan(memory, table, windows, binding, only, skip)
        edits = [edit for edit in planned.plan.edits if not edit.in_file_only]
        apply(planned.plan, memory, edits)
        verify(planned.plan, memory, edits, planned.codec)
    return make_report("memory", None, planned.plan, planned.annotations, planned.codec.name)


def _require_unbound(memory: Bytes, windows: Sequence[Window], table: GuestTable) -> None:
    note = table.annotations.bound_note
    if note is None or note.va is None:
        return
    off = offset_of(windows, note.va, len(note.descriptor))
    target = "" if off is None else parse_bound(bytes(memory[off : off + len(note.descriptor)])).target
    if target:
        raise LinkError(
            f"memory is already bound to {target}",
            expected="a guest as annotated",
            advice="load it again: what a link overwrote is kept in the file only",
        )


def _read(memory: Bytes) -> GuestTable:
    image = read_image(memory)
    codec = codec_for(image.machine)
    check_architecture(image, codec)
    annotations = read_annotations(image, memory, codec)
    check_records(annotations, image)
    check_bound(annotations)
    log.debug("read", sections=len(image.sections), records=annotations.record_count, dropped=annotations.dropped)
    return GuestTable(image, annotations, codec, None)


def _plan(
    memory: Bytes,
    table: GuestTable,
    windows: Sequence[Window],
    binding: Binding | None,
    only: Sequence[str],
    skip: Sequence[str],
) -> Planned:
    """Decode, plan, check: nothing is changed yet."""
    image, annotations, codec, symbols = table
    if annotations.reserve is not None:
        unbound = annotations.bound is None or not annotations.bound.target
        check_reserve(annotations.reserve, windows, memory, codec, empty=unbound)
    sites = decode(annotations, memory, windows, codec)
    log.debug("decoded", sites=len(sites.found), distinct=len(sites.groups))
    chosen = select_sites(sites, only, skip, lambda: symbols or Symbols(image, memory))
    module = None
    if binding is not None and binding.module is not None:
        module = read_module(binding.module, codec)
        if (module.target, module.machine) != (binding.target, image.machine):
            raise LinkError(
                "interface module is for something else",
                where=str(binding.module),
                found=f"{module.target} on ELF machine {module.machine}",
                expected=f"{binding.target} on {image.machine}",
            )
        if annotations.reserve is None:
            raise LinkError(
                f"no reserve for the interface module of '{binding.target}'",
                expected="a note RESERVE",
                advice="link the object that previrt-as --print-reserve names into the guest",
            )
    plan = make_plan(Request(image, memory, windows, sites, codec, binding, module, chosen))
    check_apart(plan, windows, annotations.starts_va, annotations.ends_va)
    log.debug("planned and checked", groups=len(plan.groups), stubs=len(plan.stubs), edits=[e.name for e in plan.edits])
    return Planned(plan, annotations, codec)


def _changes(plan: Plan) -> list[tuple[int, int]]:
    """Half-open ranges of offsets that a plan changes."""
    edits = [(edit.off, edit.off + len(edit.after)) for edit in plan.edits]
    pieces = chain.from_iterable(group.slices for group in plan.groups if group.after != b"".join(group.before))
    return edits + [(piece.start, piece.stop) for piece in pieces]


def _commit(
    file: OpenFile,
    path: Path,
    planned: Planned,
    output: str | Path,
    in_place: bool,
    dry_run: bool,
    binding: Binding | None,
) -> str | None:
    """Apply and verify in the private view, then write the file; where to, None for a dry run."""
    target = _output_path(path, Path(output), in_place)
    changes = _changes(planned.plan)
    apply(planned.plan, file.memory, planned.plan.edits)
    verify(planned.plan, file.memory, planned.plan.edits, planned.codec)
    log.debug("applied and verified", changed_len=sum(high - low for low, high in changes))
    if dry_run:
        return None
    mode = file.mode & 0o777
    if binding is not None and binding.entry_symbol is not None:
        mode |= mode >> 2 & EXECUTABLE  # who may read the image may run it
    if not (in_place and not changes and mode == file.mode):
        write_changed(file.descriptor, target, file.memory, changes, mode)
    log.debug("written", output=str(target))
    return str(target)


def _output_path(path: Path, output: Path, in_place: bool) -> Path:
    if in_place:
        output = path
    output = output.resolve()
    if output.is_dir():
        raise UsageError("output is a directory", where=str(output))
    if output.exists():
        if not output.is_file():
            raise UsageError("output is not a regular file", where=str(output))
        if not in_place and output.samefile(path):
            raise UsageError("input and output are the same file", where=str(output), advice="say --in-place to modify it")
        if not os.access(output, os.W_OK):
            raise LinkError("cannot write: Permission denied", where=str(output))
    return output


@contextmanager
def opened(path: str | Path) -> Iterator[tuple[Bytes, GuestTable, Sites]]:
    """An image read and decoded, for as long as the block lasts."""
    path = Path(path)
    with naming(path), open_image(path) as file:
        table = _read(file.memory)
        yield file.memory, table, decode(table.annotations, file.memory, table.image.windows, table.codec)


@contextmanager
def gc_paused() -> Iterator[None]:
    """No cyclic collection while millions of small objects without cycles are made."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
