"""Bind a relocatable object: plan, apply and verify as for an image; add relocations and rows; sign; write.

bare, unsigned     in place, as an image: `.afterburn.undo` and the BOUND note are room enough
a module's target  relocations and sections are added, and `.afterburn.original` keeps the whole annotated original
signed             the same, because the signature is given up
"""

from __future__ import annotations

import struct
from collections import defaultdict
from typing import TYPE_CHECKING

from linker.bind.apply import apply
from linker.bind.output import Done, kept_mode, sink
from linker.bind.phases import Selection, plan_link, read_sites
from linker.bind.report import Outcome, make_details, make_report
from linker.bind.source import anonymous, original_source
from linker.bind.undo import find_original, no_way_back, require_annotated
from linker.bind.verify import verify
from linker.errors import LinkError, UsageError
from linker.image.file import OpenFile
from linker.image.grow import Kept, build_kept
from linker.image.places import Places
from linker.image.read import SHF_ALLOC, read_image
from linker.image.relocations import ENTRIES, Relocatable
from linker.image.symbols import Symbols
from linker.objects.extend import NewSection, extend, terminated
from linker.objects.kernel import read_kernel
from linker.objects.options import ObjectOptions
from linker.objects.plan import ROWS_SYMBOL, Addition, ObjectPlan, make_object_plan, object_binding
from linker.objects.signature import sign, split_signature
from linker.plan.check import check_writes
from linker.plan.patches import Request
from linker.sites.formats import SECTION_ORIGINAL
from linker.sites.reach import require_signed, require_unsigned
from linker.table.choose import WordMeanings, select_sites
from linker.table.decode import decode
from linker.table.guest import read_guest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from linker.bind.output import Destination
    from linker.bind.report import LinkReport
    from linker.bind.source import Source
    from linker.hypervisors.base import Binding
    from linker.image.read import Image
    from linker.image.windows import Bytes
    from linker.objects.kernel import Kernel
    from linker.plan.patches import Plan
    from linker.table.guest import GuestTable

SECTION_ROWS = ".previrt.rows"
ROWS_NAME = b"previrt_rows"
ROWS_ALIGN = 8
SHF_INFO_LINK = 0x40
# STB_GLOBAL, STT_OBJECT, STV_HIDDEN: local symbols would have to stand in front of all others.
ROWS_INFO, ROWS_VISIBILITY = 1 << 4 | 1, 2
SYMBOL_64 = struct.Struct("<IBBHQQ")


def link_object(
    path: Path,
    source: Source,
    binding: Binding,
    selection: Selection,
    *,
    destination: Destination,
    options: ObjectOptions | None,
) -> LinkReport:
    """Bind the object in `source` and write it; the report."""
    options = options or ObjectOptions()
    output = sink(path, destination)
    original = _annotated(source)
    unsigned_len, trailer = split_signature(original)
    was_signed = bool(trailer or split_signature(source.file.memory).trailer)
    if was_signed and not (options.signing or options.strip_signature):
        raise LinkError(
            "module is signed, and binding it breaks the signature",
            advice="sign it again with --sign-key and --sign-cert, or give the signature up with --strip-signature",
        )
    memory = anonymous(original[:unsigned_len])
    table = read_guest(memory)
    keeps_whole = bool(trailer) or binding.module is not None
    kernel = _kernel(table, binding, options.kernel)
    planned = _plan(memory, table, binding, selection, kernel)
    plan = planned.plan
    apply(plan, memory, plan.edits)
    verify(plan, memory, plan.edits, table.codec)
    contents = bytes(memory)
    if keeps_whole:
        contents = _finished(contents, table, planned, binding.target, original)
    if options.signing:
        contents += sign(contents, options.signing)
    _require_undo(contents, original, binding.target, marked=keeps_whole or table.annotations.bound is not None)
    signature = "made" if options.signing else "given up" if was_signed else ""
    outcome = Outcome(str(path), _written(output, destination), source.previous, table.codec.name, signature)
    report = _report(outcome, table, memory, plan, details=destination.details)
    Done(source.file, output, kept_mode(source.file, destination), report, destination).write(contents)
    return report


def _written(output: Path | int, destination: Destination) -> str | None:
    return None if destination.dry_run or isinstance(output, int) else str(output)


def _report(outcome: Outcome, table: GuestTable, memory: Bytes, plan: Plan, *, details: bool) -> LinkReport:
    listed = make_details(plan, memory, Symbols(table.image, memory), Places(table.image)) if details else ()
    return make_report(outcome, plan, table.annotations, listed)


def restore_object(path: Path, source: Source, destination: Destination) -> LinkReport:
    """Write the annotated original; LinkError when the object is not bound."""
    output = sink(path, destination)
    before = bytes(source.file.memory[:])
    original = _annotated(source)
    if original == before:
        raise LinkError("object is not bound", advice="there is nothing to restore")
    memory = anonymous(original)
    table = read_guest(memory)
    plan = plan_link(memory, table, table.image.windows, None, Selection())
    outcome = Outcome(str(path), _written(output, destination), source.previous, table.codec.name)
    report = _report(outcome, table, memory, plan, details=destination.details)
    Done(source.file, output, kept_mode(source.file, destination), report, destination).write(original)
    return report


def _annotated(source: Source) -> bytes:
    """The annotated original with the signature that it had, if any; LinkError for one that is bound unmarked.

    What is bound and does not keep its original whole was not signed when it was bound.
    """
    if source.is_file:
        windows = source.table.image.windows
        sites = read_sites(source.memory, source.table, windows)
        require_annotated(find_original(source.memory, source.table, sites), source.table)
        restoring = plan_link(source.memory, source.table, windows, None, Selection(), sites=sites)
        apply(restoring, source.memory, restoring.edits)
        if source.previous:
            return bytes(source.memory[: split_signature(source.memory).module_len])
    return bytes(source.memory[:])


def _require_undo(contents: bytes, original: bytes, target: str, *, marked: bool) -> None:
    """Read the finished object as a new one; LinkError unless it says what it is bound to and gives `original` back.

    `marked`: it has a place to say so; the original format has none.
    """
    try:
        again = original_source(OpenFile(anonymous(contents), descriptor=-1, mode=0))
        restored = _annotated(again)
    except LinkError as error:
        raise no_way_back(f"it could not be read again: {error.what}", error.where) from error
    if marked and again.previous != target:
        raise no_way_back("it would not say what it is bound to", "note BOUND")
    if not marked and again.is_file:  # a signature of ours stays behind it
        restored = restored[: split_signature(restored).module_len]
        original = original[: split_signature(original).module_len]
    if restored != original:
        raise no_way_back("it would be restored to something else")


def _kernel(table: GuestTable, binding: Binding, path: Path | None) -> Kernel | None:
    if binding.module is not None:
        object_binding(binding)
        if path is None:
            raise UsageError(
                f"target '{binding.target}' has an interface module, which the kernel carries",
                expected=f"--kernel FILE, the kernel bound to {binding.target}",
            )
    return None if path is None else read_kernel(path, binding, table.codec)


def _plan(
    memory: Bytes, table: GuestTable, binding: Binding, selection: Selection, kernel: Kernel | None
) -> ObjectPlan:
    image, annotations, codec = table.image, table.annotations, table.codec
    if binding.module is None or kernel is None:
        return ObjectPlan(plan_link(memory, table, image.windows, binding, selection), (), (), b"")
    sites = decode(annotations, memory, image.windows, codec)
    names = WordMeanings(Places(image).address, lambda: Symbols(image, memory))
    chosen = select_sites(sites, selection.only, selection.skip, names)
    request = Request(image, memory, image.windows, sites, codec, binding, None, chosen, keeps_original=True)
    planned = make_object_plan(request, binding, Relocatable(image, memory, codec.object_relocations), kernel)
    check_writes(planned.plan, image.windows, len(memory), annotations)
    return planned


def _finished(contents: bytes, table: GuestTable, planned: ObjectPlan, target: str, original: bytes) -> bytes:
    """The object with its new relocations, rows and the original it came from; checked by reading it again."""
    image = table.image
    relocatable = Relocatable(image, contents, table.codec.object_relocations)
    added: list[NewSection] = []
    replaced: dict[int, bytes] = {}
    rows_symbol = len(relocatable.symbols)
    if planned.rows:
        rows_index = len(image.sections)
        added.append(NewSection(SECTION_ROWS, "SHT_PROGBITS", SHF_ALLOC, planned.rows, align=ROWS_ALIGN))
        replaced |= _symbol_added(contents, relocatable, rows_index, len(planned.rows))
    by_section: defaultdict[int, list[Addition]] = defaultdict(list)
    for addition in planned.added:
        by_section[rows_index if addition.section is None else addition.section].append(addition)
    dropped: defaultdict[int, set[int]] = defaultdict(set)
    for one in planned.dropped:
        dropped[one.table_index].add(one.number)
    for index in sorted({*by_section, *(image.sections[number].info for number in dropped)}):
        entries = [
            (one.off, one.type, rows_symbol if one.symbol == ROWS_SYMBOL else one.symbol, one.addend)
            for one in by_section[index]
        ]
        tables = relocatable.sections_about(index) if index < len(image.sections) else []
        for number, section in tables:
            if section.type != "SHT_RELA":
                raise LinkError("relocations have no addends", where=section.name, expected="a section SHT_RELA")
            replaced[number] = _without(contents[section.off : section.off + section.len], dropped[number])
        if tables and entries:
            replaced[tables[0][0]] += _packed(entries)
        elif entries:
            name = image.sections[index].name if index < len(image.sections) else SECTION_ROWS
            added.append(_new_relocations(name, index, relocatable, entries))
    kept = build_kept(Kept(target, False, original))
    added.append(NewSection(SECTION_ORIGINAL, "SHT_PROGBITS", 0, kept))
    finished = extend(contents, image, replaced, added)
    _check_finished(finished, contents, image, replaced, added)
    return finished


RELA = ENTRIES["SHT_RELA", 8][0]


def _packed(entries: Sequence[tuple[int, int, int, int]]) -> bytes:
    for off, _, symbol, addend in entries:
        where = f"relocation to add at offset {off:#x}, symbol {symbol}"
        require_unsigned(symbol, 32, where, "the symbol's number")
        require_signed(addend, 64, where, "what it is about")
    return b"".join(RELA.pack(off, symbol << 32 | kind, addend) for off, kind, symbol, addend in entries)


def _without(entries: bytes, dropped: set[int]) -> bytes:
    """The contents of a relocation section with some entries made R_*_NONE."""
    kept = bytearray(entries)
    for number in dropped:
        off, _, _ = RELA.unpack_from(kept, number * RELA.size)
        RELA.pack_into(kept, number * RELA.size, off, 0, 0)
    return bytes(kept)


def _new_relocations(
    name: str, index: int, relocatable: Relocatable, entries: Sequence[tuple[int, int, int, int]]
) -> NewSection:
    return NewSection(
        f".rela{name}",
        "SHT_RELA",
        SHF_INFO_LINK,
        _packed(entries),
        link=relocatable.symbol_table_index,
        info=index,
        align=8,
        entry_len=RELA.size,
    )


def _symbol_added(contents: bytes, relocatable: Relocatable, section: int, length: int) -> Mapping[int, bytes]:
    """The symbol table and its strings with a symbol for the section of rows, behind all others."""
    sections, index = relocatable.image.sections, relocatable.symbol_table_index
    table, strings = sections[index], sections[sections[index].link]
    names = terminated(contents[strings.off : strings.off + strings.len])
    require_unsigned(section, 16, SECTION_ROWS, "the number of its section")
    require_unsigned(len(names), 32, strings.name, "the length of the symbols' names")
    symbol = SYMBOL_64.pack(len(names), ROWS_INFO, ROWS_VISIBILITY, section, 0, length)
    return {
        index: contents[table.off : table.off + table.len] + symbol,
        table.link: names + ROWS_NAME + b"\0",
    }


def _check_finished(
    finished: bytes, contents: bytes, image: Image, replaced: Mapping[int, bytes], added: Sequence[NewSection]
) -> None:
    """Read the headers again: every section must hold what it is meant to, and what is old must be where it was."""
    again = read_image(finished)
    meant = [replaced.get(n, contents[s.off : s.off + s.len]) for n, s in enumerate(image.sections)]
    meant += [section.contents for section in added]
    names = [section.name for section in image.sections] + [section.name for section in added]
    for number, (section, data, name) in enumerate(zip(again.sections, meant, names, strict=True)):
        is_names = number < len(image.sections) and section.name == ".shstrtab"
        wrong = section.name != name or finished[section.off : section.off + section.len] != data
        if section.has_contents and wrong and not is_names:
            raise LinkError(f"verification failed: section {name} is not as planned", advice="report this as a defect")
