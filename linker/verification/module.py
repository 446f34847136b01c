"""The interface module in the reserve, the notes about it, the tables it reads, and where the image starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linker.hypervisors.shared.x86_64_rows import ROW, SITE, SITE_MAX_LEN, unpack_sites
from linker.sites.l4ka import FIRST_MEMORY_CLASS
from linker.table.guest import read_guest
from linker.verification.branches import row_problem
from linker.verification.bytes import differences
from linker.verification.image import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linker.verification.image import BoundImage
    from linker.verification.proof import Failure

WORD_LEN = 8


def check_module(image: BoundImage) -> Iterator[Failure]:
    """The reserve begins with the packaged module; in its data exported words may have been set by the linker."""
    reserve, placed, module = image.reserve, image.placed, image.module
    if module is None:
        return
    if reserve is None or placed is None:
        yield image.failure("module", "reserve", expected="room for an interface module", found="no note RESERVE")
        return
    words = {va + n for name, va in placed.symbols.items() for n in range(WORD_LEN)}
    for part, va, contents in (("text", reserve.text_va, placed.text), ("data", reserve.data_va, placed.data)):
        held = image.present_at(va, len(contents))
        if held is None:
            yield image.failure("module", f"module {part}", va=va, expected="mapped", found="not mapped")
            continue
        for low, high in differences(held, bytes(contents)):
            if part == "text" or not all(va + n in words for n in range(low, high)):
                found, expected = shown(held[low:high]), shown(bytes(contents[low:high]))
                yield image.failure(
                    "module", f"module {part}", va=va + low, expected=f"{expected}, as {module.name} has", found=found
                )


def check_notes(image: BoundImage) -> Iterator[Failure]:
    """The BOUND note and the entry address agree with the module and the original."""
    examination, module = image.examination, image.module
    present = read_guest(examination.present)
    bound = present.annotations.bound
    original_entry_va = read_guest(examination.original).image.entry_va
    if bound is not None:
        said = (bound.target, bound.module_abi, bound.saved_entry_va, bound.site_count)
        count = sum(site.state.value in ("bound", "damaged") for site in examination.sites)
        wanted = (image.binding.target, module.abi if module else 0, original_entry_va, count)
        for name, one, other in zip(("target", "module ABI", "saved entry", "sites bound"), said, wanted, strict=True):
            if one != other:
                yield image.failure("note", f"note BOUND, {name}", expected=str(other), found=str(one))
    symbol = image.binding.entry_symbol
    entry_va = original_entry_va if symbol is None else image.exports.get(symbol)
    if entry_va != present.image.entry_va:
        expected = f"{entry_va:#x}, {symbol or 'as in the original'}" if entry_va is not None else f"{symbol}"
        yield image.failure("entry", "entry address", expected=expected, found=f"{present.image.entry_va:#x}")


def check_site_table(image: BoundImage) -> Iterator[Failure]:
    """The table by which a module on x86-64 finds a trapped site: every site is in it, with its instruction's row."""
    exports = image.exports
    if "vcpu_sites_va" not in exports:
        return
    rows_va, sites_va, base_va, count = (
        int.from_bytes(image.present_at(exports[name], WORD_LEN) or b"", "little")
        for name in ("vcpu_rows_va", "vcpu_sites_va", "vcpu_sites_base_va", "vcpu_site_count")
    )
    # Memory operations of the original's sub-sections are none of the module's business.
    sites = [site for site in image.examination.sites if site.instruction.class_number < FIRST_MEMORY_CLASS]
    table = image.present_at(sites_va, count * SITE.size) if count == len(sites) else None
    if table is None:
        yield image.failure(
            "module", "site table", va=sites_va, expected=f"{len(sites)} sites", found=f"{count}, or not mapped"
        )
        return
    judged: dict[tuple[int, bytes], str] = {}
    for site, (start_off, row, length) in zip(sites, unpack_sites(table), strict=True):
        if (base_va + start_off, length) != (site.start_va, min(len(site.original), SITE_MAX_LEN)):
            found = f"{base_va + start_off:#x}, {length} bytes"
            yield image.site_failure("module", site, "the site in the module's table", found)
            continue
        key = (row, site.instruction.code)
        if key not in judged:
            judged[key] = row_problem(image, rows_va + row * ROW.size, site.instruction)
        if judged[key]:
            yield image.site_failure("module", site, "its instruction's row in the module's table", judged[key])
