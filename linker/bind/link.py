"""Bind a file, or give the original back. In order: read, decode, plan, check, apply, verify, undo, write,
report.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from linker import log
from linker.bind.apply import apply
from linker.bind.output import Destination, Done, kept_mode, sink
from linker.bind.phases import Selection, plan_link, read_sites
from linker.bind.report import Outcome, make_details, make_report
from linker.bind.source import Source, grown_source, original_source
from linker.bind.undo import find_original, require_annotated, require_kept, require_undo
from linker.bind.verify import verify
from linker.count.counting import require_counting
from linker.errors import LinkError, UsageError, naming
from linker.image.file import open_image
from linker.image.places import Places, speaking
from linker.image.symbols import Symbols
from linker.quick.collection import gc_paused
from linker.registry import binding_for

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from linker.bind.report import LinkReport
    from linker.hypervisors.base import Binding
    from linker.objects.options import ObjectOptions
    from linker.plan.patches import Plan


EXECUTABLE = 0o111


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
    anyway: bool = False,
    details: bool = False,
    uncovered: bool = False,
    durable: bool = False,
    binding: Binding | None = None,
    options: ObjectOptions | None = None,
    announce: Callable[[LinkReport], None] | None = None,
) -> LinkReport:
    """Bind the image at `path` to `target` and write it to `output` (default: the path with `.target` behind it).

    `only` and `skip` name sites by address, symbol or class; sites left out keep their native instruction. `count`
    makes every bound site count its runs (`linker.count.profile` reads them). `anyway` binds an image that cannot run
    on the target as it is, with a warning for each thing that keeps it from running. `details` asks for every site in
    the report, `uncovered` for what is sensitive and in no site (`LinkReport.coverage`), `durable` waits for the disk
    (`linker.image.write`), `binding` overrides the installed binding of the target, `options` are for kernel modules
    alone. `announce` is called with the report just before the output appears: if it raises, nothing appears. An
    `output` that is an int is the descriptor of an empty file to fill, such as a memfd. Raises UsageError for a wrong
    request, LinkError for an image that cannot be bound; then nothing is written.
    """
    path = Path(path)
    descriptor = output if isinstance(output, int) else None
    file_path = Path(f"{path}.{target}" if output is None or isinstance(output, int) else output)
    destination = Destination(file_path, in_place, dry_run, details, durable, descriptor)
    with naming(path), open_image(path) as file, gc_paused():
        source = original_source(file)
        chosen = binding or binding_for(target, source.table.image.machine)
        coverage = None
        if uncovered:
            from linker.bind.uncovered import subject_of
            from linker.coverage.look import look

            coverage = look(subject_of(source.memory, source.table))
        if announce is not None:
            destination = destination._replace(announce=lambda report: announce(report._replace(coverage=coverage)))
        if count:
            require_counting(source.table.codec, source.table.image)
        if source.table.image.is_object:
            from linker.objects.bind import link_object

            wanted = Selection(only, skip)
            with speaking(source.table.image):
                report = link_object(path, source, chosen, wanted, destination=destination, options=options)
            return report._replace(coverage=coverage)
        if options is not None:
            raise UsageError("--kernel and signatures are for kernel modules", where=str(path))
        if (chosen.module is not None or count) and source.table.annotations.reserve is None:
            source = grown_source(source, target, counts=count)
        report = _link_file(path, source, chosen, Selection(only, skip, counts=count, anyway=anyway), destination)
        return report._replace(coverage=coverage)


def restore(
    path: str | Path,
    *,
    output: str | Path | None = None,
    in_place: bool = False,
    dry_run: bool = False,
    details: bool = False,
    announce: Callable[[LinkReport], None] | None = None,
) -> LinkReport:
    """Give the annotated original of a bound image back, byte for byte (default output: the path with `.restored`).

    `announce` as in `link`.
    """
    path = Path(path)
    destination = Destination(Path(output or f"{path}.restored"), in_place, dry_run, details, announce=announce)
    with naming(path), open_image(path) as file, gc_paused():
        source = original_source(file)
        if source.table.image.is_object:
            from linker.objects.bind import restore_object

            with speaking(source.table.image):
                return restore_object(path, source, destination)
        return _link_file(path, source, None, Selection(), destination)


def _link_file(
    path: Path, source: Source, binding: Binding | None, selection: Selection, destination: Destination
) -> LinkReport:
    """Plan, check, apply, verify and try to undo in private memory; write the file; report."""
    output = sink(path, destination)
    file, table, memory = source.file, source.table, source.memory
    sites = read_sites(memory, table, table.image.windows)
    original = find_original(memory, table, sites)
    plan = plan_link(
        memory, table, table.image.windows, binding, selection, keeps_original=source.is_grown, sites=sites
    )
    if binding is not None:
        require_annotated(original, table)
    changes = _changes(plan)
    if binding is None and source.is_file and not changes:
        raise LinkError("image is not bound", advice="there is nothing to restore")
    apply(plan, memory, plan.edits)
    verify(plan, memory, plan.edits, table.codec)
    log.debug("applied and verified", changed_len=sum(high - low for low, high in changes))
    if source.kept is not None:
        require_kept(memory, source.kept)
    else:
        require_undo(plan, memory, table, original)
    log.debug("can be undone")
    written = None if destination.dry_run or isinstance(output, int) else str(output)
    listed = (
        make_details(plan, memory, Symbols(table.image, memory), Places(table.image)) if destination.details else ()
    )
    outcome = Outcome(str(path), written, source.previous, table.codec.name)
    report = make_report(outcome, plan, table.annotations, listed)
    mode = kept_mode(file, destination)
    if binding is not None and binding.entry_symbol is not None:
        mode |= mode >> 2 & EXECUTABLE  # who may read the image may run it
    done = Done(file, output, mode, report, destination)
    if source.is_file and destination.in_place and not changes and mode == file.mode:
        done.announce()
    else:
        done.write(memory)
    return report


def _changes(plan: Plan) -> list[tuple[int, int]]:
    """Half-open ranges of offsets that a plan changes."""
    changes = [(edit.off, edit.off + len(edit.after)) for edit in plan.edits]
    for group in plan.groups:
        if group.after != group.before:
            changes += [(off, off + group.room_len) for off in group.offs]
    return changes
