"""The guest's virtual memory: its translation registers and region registers, and what they become in the real TLB.

Guest-physical page frames become machine ones a 16 KiB page at a time; privilege level 0 becomes 1.
Source: Xen 4.1.6, xen/arch/ia64/xen/vcpu.c (vcpu_translate and on), mm.c (translate_domain_pte), regionreg.c.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator import registers as reg
from simulator import tlb
from simulator.monitors.xen import layout

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.machine import Machine
    from simulator.monitors.xen.domain import Domain
    from simulator.monitors.xen.shared import SharedPage

TRANSLATION_REGISTERS = 12
_PPN_MASK = (1 << 50) - (1 << 12)
_PL_MASK = 3 << 7
_RID_MASK = 0xFFFFFF << 8
_METAPHYSICAL_PTE = 1 | 1 << 5 | 1 << 6 | 3 << 9
_RR_DEFAULT = layout.PAGE_SHIFT << 2 | 1


class DomainCrashedError(Exception):
    """Xen kills the domain (panic_domain); the message is Xen's."""


@dataclass
class TranslationEntry:
    """One entry of the guest's own view: pte and itir as inserted, from which address on, in which region id."""

    pte: int
    itir: int
    start_va: int
    rid: int

    def matches(self, va: int, rid: int) -> bool:
        """Tell whether the entry translates an address."""
        return bool(self.pte & 1) and self.rid == rid and self.start_va <= va < self.start_va + self.size_len

    @property
    def size_len(self) -> int:
        """Bytes the entry maps."""
        return 1 << (self.itir >> 2 & 63)


def raise_level(pte: int) -> int:
    """Return a translation as the guest's kernel at level 1 needs it."""
    return pte & ~_PL_MASK | max(pte & _PL_MASK, layout.GUEST_LEVEL << 7)


def mangled(rr: int) -> int:
    """Swap the first and third byte of the region id, which spreads ids over Xen's hash table."""
    return rr & ~0xFF00FF00 | (rr >> 8 & 0xFF) << 24 | (rr >> 24 & 0xFF) << 8


class VirtualMemory:
    """The guest's translations. log: takes Xen's messages."""

    def __init__(self, machine: Machine, shared: SharedPage, domain: Domain, log: Callable[[str], object]) -> None:
        self.machine = machine
        self.shared = shared
        self.domain = domain
        self.log = log
        self.shared_va = layout.DEFAULT_SHARED_VA
        self.registers: dict[bool, list[TranslationEntry | None]] = {
            kind: [None] * TRANSLATION_REGISTERS for kind in (False, True)
        }
        self.cached: dict[bool, TranslationEntry | None] = {False: None, True: None}
        """The last itc of each kind, data (False) and instruction (True)."""
        for region in range(8):
            self.set_region_register(region << 61, _RR_DEFAULT if region < 6 else _RR_DEFAULT - 1)

    # Region registers.

    def region_register(self, va: int) -> int:
        """Return the guest's region register for an address."""
        return self.shared.word(layout.REGION_REGISTERS + 8 * (va >> 61))

    @staticmethod
    def is_reserved(rr: int) -> bool:
        """Tell whether a value cannot be put into a region register."""
        return bool(rr & 2 or rr >> 32 or rr >> 2 & 63 not in tlb.PAGE_SIZES or rr >> 8 >= 1 << layout.GUEST_RID_BITS)

    def set_region_register(self, va: int, value: int) -> None:
        """Set the guest's region register and the real one, whose region ids are the domain's."""
        region = va >> 61
        self.shared.set_word(layout.REGION_REGISTERS + 8 * region, value)
        if region == 0 and self.shared.metaphysical:
            self.load_region_0()
            return
        self.machine.write_indexed("rr", region << 61, self._real_region_register(value))
        if region == 7:
            self.map_shared_page()

    @staticmethod
    def _real_region_register(value: int) -> int:
        return mangled((value >> 8 & 0xFFFFFF) + layout.STARTING_RID << 8 | layout.PAGE_SHIFT << 2 | 1)

    def load_region_0(self) -> None:
        """Let region 0 be the guest's own or, in metaphysical mode, guest-physical memory."""
        rr = self.region_register(0)
        if self.shared.metaphysical:
            self.machine.write_indexed("rr", 0, mangled(layout.METAPHYSICAL_RID << 8 | layout.PAGE_SHIFT << 2 | 1))
        else:
            self.machine.write_indexed("rr", 0, self._real_region_register(rr))

    def set_metaphysical(self, metaphysical: bool) -> None:
        """Change between guest-physical and virtual addresses in region 0."""
        if metaphysical != self.shared.metaphysical:
            self.shared.set_int4(layout.METAPHYSICAL, int(metaphysical))
            self.load_region_0()

    def map_shared_page(self) -> None:
        """Put the shared page into two translation registers."""
        rid = self._real_rid(7 << 61)
        flags = _METAPHYSICAL_PTE | layout.GUEST_LEVEL << 7
        for slot, offset, size_log2 in (
            (layout.SHARED_TR, 0, 14),
            (layout.MAPPED_REGISTERS_TR, layout.SHARED_LEN, 12),
        ):
            entry = tlb.make_translation(
                flags | layout.SHARED_PA + offset, size_log2 << 2, self.shared_va + offset, rid
            )
            self.machine.dtlb.registers[slot] = entry
        self.machine.forget_data()

    def set_shared_va(self, va: int) -> int:
        """Move the shared page (domain_set_shared_info_va)."""
        if va >> 61 != 7 or va & 0xFFFF or layout.XEN_VIRT_START <= va < layout.XEN_VIRT_END:
            raise DomainCrashedError(f"domain_set_shared_info_va: bad va ({va:#018x})")
        self.shared_va = va
        self.shared.set_word(layout.PSR_I_ADDRESS, va + layout.UPCALL_MASK)
        self.map_shared_page()
        return 0

    def _real_rid(self, va: int) -> int:
        return self.machine.cpu.rr[va >> 61] >> 8 & 0xFFFFFF

    # Looking up.

    def register_entry(self, va: int, rid: int, *, instruction: bool) -> TranslationEntry | None:
        """Return the translation register that maps an address."""
        return next((e for e in self.registers[instruction] if e is not None and e.matches(va, rid)), None)

    def rid(self, va: int) -> int:
        """Return the guest's region id for an address, in place (bits 31:8)."""
        return self.region_register(va) & _RID_MASK

    def thash(self, va: int) -> int:
        """Return the address of the guest's short-format VHPT entry."""
        return tlb.hash_address(va, self.shared.cr(reg.CR_PTA) & ~(1 << 8), self.region_register(va))

    def fault_itir(self, va: int) -> int:
        """Return what cr.itir is to say after a fault at an address."""
        return self.region_register(va) & (_RID_MASK | 0xFC)

    def translate(self, va: int, *, data: bool) -> tuple[int, int]:
        """Return the guest's pte and itir for an address. Raises Interruption (its vector only) where it has none."""
        shared = self.shared
        region = va >> 61
        if shared.metaphysical and (data or not region):
            if not region or region == 4:
                return va & _PPN_MASK | _METAPHYSICAL_PTE | layout.GUEST_LEVEL << 7, layout.PAGE_SHIFT << 2
            self.log(f"vcpu_translate: bad physical address: {va:#x} at {self.machine.cpu.ip:x}")
        rid = self.rid(va)
        for instruction in (False, True) if data else (True,):
            entry = self.register_entry(va, rid, instruction=instruction)
            if entry is not None:
                return entry.pte, entry.itir
        entry = self.cached[False]
        if entry is not None and entry.matches(va, rid):
            return entry.pte, entry.itir
        return self._walk(va, data=data)

    def _walk(self, va: int, *, data: bool) -> tuple[int, int]:
        """Look into the guest's VHPT, short format."""
        shared = self.shared
        rr = self.region_register(va)
        pta = shared.cr(reg.CR_PTA)
        shared.set_cr(reg.CR_IHA, self.thash(va))
        if not rr & 1 or not pta & 1:
            raise reg.Interruption(reg.ALT_DTLB_FAULT if data else reg.ALT_ITLB_FAULT)
        missed = reg.Interruption(reg.DTLB_FAULT if data else reg.ITLB_FAULT)
        table_mask = -1 << (pta >> 2 & 63) & (1 << 61) - 1
        if pta >> 8 & 1 or not (va ^ pta) & table_mask:
            raise missed
        raw = self.read_guest(self.thash(va), 8)
        if raw is None:
            raise reg.Interruption(reg.VHPT_FAULT)
        pte = int.from_bytes(raw, "little")
        if not pte & 1:
            raise missed
        return pte, rr & 0xFC

    def read_guest(self, va: int, size_len: int) -> bytes | None:
        """Read at a guest address as Xen does, through the data TLB, which it fills. None where nothing is mapped."""
        machine = self.machine
        entry = machine.dtlb.find(va, self._real_rid(va))
        if entry is None:
            try:
                pte, itir = self.translate(va, data=True)
            except reg.Interruption:
                return None
            self.insert(va, pte, itir, instruction=False)
            entry = machine.dtlb.find(va, self._real_rid(va))
            assert entry is not None
        pa = entry.pa + (tlb.offset_in_region(va) - entry.start_va)
        return bytes(machine.memory.ram1[pa : pa + size_len])

    # Inserting and purging.

    def insert(self, va: int, pte: int, itir: int, *, instruction: bool) -> None:
        """Insert one page into the real TLB for a translation of the guest's."""
        size_log2 = itir >> 2 & 63
        self._check_overlap("itc", va, 1 << size_log2)
        if size_log2 < layout.PAGE_SHIFT:
            raise DomainCrashedError("vcpu_itc_no_srlz: domain trying to use smaller page size!")
        mask = (1 << size_log2) - 1
        address = pte & _PPN_MASK & ~mask | va & mask
        machine_pa = self.domain.machine_address(address)
        if machine_pa is None:
            self.log(f"lookup_domain_mpa: bad mpa 0x{address:x}")
            machine_pa = layout.LOST_PA
        real = raise_level(pte) & ((1 << 53) - 1) & ~_PPN_MASK & ~(3 << 50 | 2) | machine_pa & -layout.PAGE_LEN
        entry = tlb.make_translation(real, layout.PAGE_SHIFT << 2 | itir & _RID_MASK, va, self._real_rid(va))
        machine = self.machine
        if instruction:
            machine.itlb.insert_cached(entry)
            machine.forget_code()
        else:
            machine.dtlb.insert_cached(entry)
            machine.forget_data()

    def _entry(self, pte: int) -> TranslationEntry:
        ifa, itir = self.shared.cr(reg.CR_IFA), self.shared.cr(reg.CR_ITIR)
        size_log2 = itir >> 2 & 63
        return TranslationEntry(raise_level(pte), itir, ifa & -1 << max(size_log2, 12) & (1 << 64) - 1, self.rid(ifa))

    def insert_cached(self, pte: int, *, instruction: bool) -> None:
        """itc.d, itc.i: one page of it goes into the real TLB, the whole is remembered until the next one."""
        va = self.shared.cr(reg.CR_IFA)
        swapped = not va >> 61 and self.shared.metaphysical
        if swapped:
            self.machine.write_indexed("rr", 0, self._real_region_register(self.region_register(0)))
        try:
            self.insert(va, pte, self.shared.cr(reg.CR_ITIR), instruction=instruction)
        finally:
            if swapped:
                self.load_region_0()
        self.cached[instruction] = self._entry(pte)

    def insert_register(self, slot: int, pte: int, *, instruction: bool) -> None:
        """itr.d, itr.i: nothing goes into the real TLB until it is needed."""
        if slot >= TRANSLATION_REGISTERS:
            raise reg.general_exception(reg.GE_RESERVED_REGISTER_FIELD)
        self.cached[instruction] = None
        self.registers[instruction][slot] = self._entry(pte)

    def purge(self, name: str, va: int, size_log2: int) -> None:
        """ptc.l, ptc.ga, ptr.d, ptr.i. Purging by real region ids, so only the guest's own go."""
        self._check_overlap(name.replace(".", "_"), va, 1 << size_log2)
        if name == "ptc.l":
            self.cached = {False: None, True: None}
        elif name == "ptc.ga":
            self.cached = {
                kind: None if e is not None and self._overlaps(e, va, size_log2) else e
                for kind, e in self.cached.items()
            }
        else:
            kind = name == "ptr.i"
            self.cached[kind] = None
            rid = self.rid(va)
            self.registers[kind] = [
                None if e is not None and e.rid == rid and self._overlaps(e, va, size_log2) else e
                for e in self.registers[kind]
            ]
        start_va = va & -1 << size_log2
        machine = self.machine
        rr = self.region_register(va)
        rid = self._real_region_register(rr) >> 8 & 0xFFFFFF
        for which in (machine.dtlb, machine.itlb):
            which.purge_cached(start_va, 1 << size_log2, rid)
        machine.forget_code()
        machine.forget_data()

    @staticmethod
    def _overlaps(entry: TranslationEntry, va: int, size_log2: int) -> bool:
        start_va = va & -1 << size_log2
        return entry.start_va < start_va + (1 << size_log2) and start_va < entry.start_va + entry.size_len

    def purge_all(self) -> None:
        """ptc.e."""
        self.cached = {False: None, True: None}
        machine = self.machine
        machine.dtlb.purge_all_cached()
        machine.itlb.purge_all_cached()
        machine.forget_code()
        machine.forget_data()

    def _check_overlap(self, name: str, va: int, size_len: int) -> None:
        """Refuse what would touch Xen's addresses or the shared page (check_xen_space_overlap)."""
        if va >> 61 != 7:
            return
        start_va = va & -size_len & (1 << 64) - 1
        shared_end_va = self.shared_va + layout.SHARED_LEN + layout.MAPPED_REGISTERS_LEN
        if (start_va + size_len >= layout.XEN_VIRT_START and start_va <= layout.XEN_VIRT_END) or (
            start_va + size_len >= self.shared_va and start_va <= shared_end_va
        ):
            raise DomainCrashedError(f"{name} on Xen virtual space ({start_va:x})")
