"""Where module, stubs and tables stand in the reserve, and what sites become when that is known.

reserve, text part:  [ module text | stubs ... | cc ... ]
reserve, data part:  [ module data, bss | tables | 00 ... | counters | what hooks' words held ]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linker.count.counters import COUNTER_LEN, Counters
from linker.errors import LinkError
from linker.hypervisors.base import COUNT, COUNTER, SITE_END, SITE_START, STUB, TABLE_ROW, TableContext
from linker.plan.fill import SIGN_64, WORD_MASK, fill
from linker.plan.hooks import HookPlan, plan_hooks
from linker.plan.patches import Code, Filled, patch_group, pick, split_group
from linker.plan.place import place
from linker.sites.reach import fits_signed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from linker.hypervisors.base import Binding, Form, Stub, TargetNote
    from linker.plan.patches import PatchGroup, Request
    from linker.plan.place import Module
    from linker.sites.codec import Instruction
    from linker.table.decode import SiteGroup
    from linker.table.read import Reserve

TABLE_ALIGN = 64  # a cache line
WORD_LEN = 8  # of an exported variable that the linker sets
ABSOLUTE_BITS = 32
BRANCH_REACH_LEN = (1 << 31) - 256  # less than a site and what is counted from its end


class ReserveLayout:
    """The reserve as it fills: `text` and `data` hold what is placed so far.

    Both may grow beyond their part of the reserve while the sites are laid out, so that `require_room` can say how much
    is needed in all. Nothing of a layout may be used before it.
    """

    def __init__(
        self, request: Request, binding: Binding, groups: Sequence[SiteGroup], counters: Counters | None
    ) -> None:
        """`groups`: all sites, those too that are left as they are: a module may meet them when they trap.

        `counters`: which sites count; the layout says where.
        """
        self._counted = {} if counters is None else counters.counted
        self._request = request
        annotations = request.sites.annotations
        self._reserve = annotations.reserve
        self._rows: dict[Instruction, int] = {}
        self._shared: dict[tuple[Stub, Instruction], int] = {}
        self.stubs: list[Code] = []
        self.text, self.data = bytearray(), bytearray()
        self.symbols: Mapping[str, int] = {}
        self.notes: tuple[TargetNote, ...] = ()
        self.module_abi = 0
        self.entry_va = request.original_entry_va
        self.counters_va = 0
        self._counters_len = 0
        self.hooks = HookPlan((), (), {}, b"")
        self._is_low, self._reached_va = self._distances()
        if request.module is not None and self._reserve is not None:
            self._place_module(request.module, binding, groups, self._reserve)
            if binding.entry_symbol is not None:
                self.entry_va = self._symbol(binding.entry_symbol)

        if annotations.imports or annotations.exports:
            self._place_hooks()
        if request.counts:
            self._place_counters()

    def _distances(self) -> tuple[bool, tuple[int, int]]:
        """Whether 32 bits with sign hold every address of sites and reserve; from where a branch gets to all of it."""
        reserve, starts = self._reserve, self._request.sites.annotations.starts_va
        if reserve is None:
            return True, (0, 0)
        text_end_va, data_end_va = reserve.text_va + reserve.text_len, reserve.data_va + reserve.data_len
        parts = (reserve.text_va, text_end_va, reserve.data_va, data_end_va)
        ends = (*parts, *starts[:1], *starts[-1:])
        is_low = all(fits_signed((va + SIGN_64 & WORD_MASK) - SIGN_64, ABSOLUTE_BITS) for va in ends)
        return is_low, (max(parts) - BRANCH_REACH_LEN, min(parts) + BRANCH_REACH_LEN)

    def _place_hooks(self) -> None:
        self.hooks = plan_hooks(self._request, self.symbols)
        if self._reserve is None or not self.symbols:
            return
        for name, value in self.hooks.module_words.items():
            self._set_word(name, value, self._reserve)

    def require_room(self) -> None:
        """LinkError when a part of the reserve does not hold all that is laid out for it.

        Module, stubs, tables, counters and what hooks keep are checked here and nowhere else, for every target.
        """
        if self._reserve is None:
            return
        kept_len = len(self.hooks.kept) if self.symbols or self._counters_len else 0
        needs = (
            ("text", len(self.text), self._reserve.text_len),
            ("data", len(self.data) + self._counters_len + kept_len, self._reserve.data_len),
        )
        for part, needed_len, room_len in needs:
            if needed_len > room_len:
                raise LinkError(
                    f"the reserve's {part} part is too small",
                    where="note RESERVE",
                    found=f"{room_len} bytes",
                    expected=f"at least {needed_len}",
                    advice=f"build the guest with PREVIRT_RESERVE_{part.upper()}={needed_len + 4095 & ~4095}",
                )

    def _set_word(self, name: str, value: int, reserve: Reserve) -> None:
        """Give an exported variable of the module its value."""
        off = self._symbol(name) - reserve.data_va
        if not 0 <= off <= len(self.data) - WORD_LEN or value >> 8 * WORD_LEN:
            module = self._request.module.name if self._request.module else "no module"
            raise LinkError(
                f"variable '{name}' of the module cannot be set",
                where=module,
                found=f"{value:#x} at offset {off:#x} of its data part",
                expected=f"a word of {8 * WORD_LEN} bits inside {len(self.data):#x} bytes",
                advice="build the module again",
            )
        self.data[off : off + WORD_LEN] = value.to_bytes(WORD_LEN, "little")

    def whole_data(self) -> bytes:
        """The data part as it is to be, up to its end if anything is kept there."""
        kept = self.hooks.kept if self.symbols else b""
        if not kept or self._reserve is None:
            return bytes(self.data)
        return bytes(self.data).ljust(self._reserve.data_len - len(kept), b"\0") + kept

    def _place_counters(self) -> None:
        """The last words of the data part, one a site."""
        if self._reserve is None:
            raise LinkError(
                "no reserve for counters",
                expected="a note RESERVE",
                advice="link the object that previrt-as --print-reserve names into the guest, or bind the file",
            )
        self._counters_len = COUNTER_LEN * len(self._counted)
        behind_va = self._reserve.data_va + self._reserve.data_len - len(self.hooks.kept)
        self.counters_va = behind_va - self._counters_len

    def _place_module(self, module: Module, binding: Binding, groups: Sequence[SiteGroup], reserve: Reserve) -> None:
        self.text, self.data, self.symbols = place(module, reserve.text_va, reserve.data_va)
        self.module_abi = module.abi
        self.data += bytes(-len(self.data) % TABLE_ALIGN)
        annotations = self._request.sites.annotations
        indexes: dict[Instruction, int] = {}
        sites = []
        for group in groups:
            row = indexes.setdefault(group.instruction, len(indexes))
            sites += [(annotations.starts_va[n], annotations.ends_va[n], row) for n in group.members]
        sites.sort()
        tables_va = reserve.data_va + len(self.data)
        tables = binding.tables(
            TableContext(
                instructions=tuple(indexes),
                sites=sites,
                data_va=tables_va,
                guest_entry_va=reserve.entry_va,
                image_entry_va=self._request.original_entry_va,
                text_va=reserve.text_va,
                text_len=reserve.text_len,
                reserve_data_va=reserve.data_va,
                reserve_data_len=reserve.data_len,
                symbols=self.symbols,
                virtual_offset=self._virtual_offset(reserve.text_va),
            )
        )
        self._rows = {insn: tables_va + row for insn, row in zip(indexes, tables.rows, strict=bool(tables.rows))}
        for name, value in tables.module_words.items():
            self._set_word(name, value, reserve)
        self.data += tables.data
        self.notes = tables.notes

    def _virtual_offset(self, va: int) -> int:
        for load in self._request.image.loads:
            if load.va <= va < load.va + load.memory_len:
                return load.va - load.pa
        raise LinkError(
            "the reserve's text part is in no segment of the image",
            where="note RESERVE",
            found=f"{va:#x}",
            expected="a PT_LOAD around it",
            advice="link the guest again with the reserve object",
        )

    def patch(self, group: SiteGroup, form: Form) -> PatchGroup:
        """The sites of a group in their form, stubs placed."""
        request, annotations = self._request, self._request.sites.annotations
        starts = pick(group.members, annotations.starts_va)
        stub_va = None if form.stub is None else self._place_stub(form.stub, group, starts)
        count_va: int | Sequence[int] | None = None
        if form.counter is not None:
            count_va = self._place_stub(form.counter, group, starts, stub_va)
        filler = request.codec.nops(group.room_len - len(form.code))
        shift = len(filler) if form.pad_front else 0
        template = filler + form.code if form.pad_front else form.code + filler
        fixups = tuple(form.fixups)
        if shift:
            fixups = tuple(fixup._replace(offset=fixup.offset + shift) for fixup in fixups)
        resolve = self._resolver(group, starts, stub_va, count_va)
        filled = Filled(
            form=form.kind.value,
            reason=form.reason,
            after=fill(template, fixups, starts, resolve, f"'{group.instruction.text}'"),
            used_len=len(form.code),
            pad_front=form.pad_front,
            fixups=fixups,
            targets=tuple(resolve(fixup.symbol) for fixup in fixups),
        )
        return patch_group(request.sites, group, filled)

    def by_reach(self, group: SiteGroup, form: Form) -> list[tuple[SiteGroup, Form]]:
        """The sites of a group that reach the reserve, in their form, and those that do not, in the form for them."""
        if form.far is None or self._reserve is None:
            return [(group, form)]
        low_va, high_va = self._reached_va
        near = {n for n in group.members if low_va <= self._request.sites.annotations.starts_va[n] < high_va}
        if len(near) == len(group.members):
            return [(group, form)]
        mine, others = split_group(group, near)
        return [part for part in ((mine, form), (others, form.far)) if part[0].members]

    def _symbol(self, name: str) -> int:
        if name not in self.symbols:
            module = self._request.module.name if self._request.module else "no module"
            raise LinkError(f"module does not export '{name}'", where=module, advice="build the module again")
        return self.symbols[name]

    def _resolver(
        self,
        group: SiteGroup,
        starts: Sequence[int],
        stub_va: int | Sequence[int] | None,
        count_va: int | Sequence[int] | None = None,
    ) -> Callable[[str], int | Sequence[int]]:
        def resolve(symbol: str) -> int | Sequence[int]:
            if symbol == SITE_START:
                return starts
            if symbol == SITE_END:
                return [start + group.room_len for start in starts]
            if symbol == STUB and stub_va is not None:
                return stub_va
            if symbol == COUNT and count_va is not None:
                return count_va
            if symbol == COUNTER and self.counters_va:
                return [self.counters_va + COUNTER_LEN * self._counted[index] for index in group.members]
            if symbol == TABLE_ROW and group.instruction in self._rows:
                return self._rows[group.instruction]
            return self._symbol(symbol)

        return resolve

    def _place_stub(
        self, stub: Stub, group: SiteGroup, starts: Sequence[int], next_va: int | Sequence[int] | None = None
    ) -> int | Sequence[int]:
        """The address of the stub these sites share, or of each site's own. `next_va`: what `STUB` means in it."""
        if stub.far is not None and not self._is_low:
            stub = stub.far
        shared = (stub, group.instruction)
        if not stub.per_site and shared in self._shared:
            return self._shared[shared]
        if self._reserve is None:
            raise ValueError(f"form of '{group.instruction.text}' has a stub, but the target has no module")
        fill_trap = self._request.codec.trap_fill
        self.text += fill_trap(-len(self.text) % stub.align)
        first_va = self._reserve.text_va + len(self.text)
        code = stub.code + fill_trap(-len(stub.code) % stub.align)
        length, count = len(code), len(group.members) if stub.per_site else 1
        stubs_va = range(first_va, first_va + count * length, length)
        resolve = self._resolver(group, starts if stub.per_site else (), next_va)
        filled = fill(code, stub.fixups, stubs_va, resolve, f"stub for '{group.instruction.text}'")
        self.text += filled
        self.stubs += [Code(va, filled[n * length : n * length + len(stub.code)]) for n, va in enumerate(stubs_va)]
        if stub.per_site:
            return stubs_va
        self._shared[shared] = first_va
        return first_va
