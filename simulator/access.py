"""Data accesses that are not in line: translation, faults, devices, byte order, semaphores.

Source: SDM rev. 2.3 volume 2, sections 4.1.1 (virtual addressing), 4.4 to 4.6, 5.5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator import registers as reg
from simulator import tlb
from simulator.memory import PAGE_LEN, PHYSICAL_ADDRESS_MASK

if TYPE_CHECKING:
    from simulator.cpu import Cpu
    from simulator.memory import Memory
    from simulator.tlb import Tlb, Translation

NON_ACCESS_CODES = {"tpa": 0, "fc": 1, "probe": 2, "tak": 3, "lfetch": 4, "probe.fault": 5}
"""ISR.code of a non-access instruction (volume 2, table 5-2)."""

_DEFER_BITS = {
    reg.VHPT_FAULT: reg.DCR_DM, reg.DTLB_FAULT: reg.DCR_DM, reg.ALT_DTLB_FAULT: reg.DCR_DM,
    reg.PAGE_NOT_PRESENT: reg.DCR_DP, reg.DATA_KEY_MISS: reg.DCR_DK, reg.KEY_PERMISSION: reg.DCR_DX,
    reg.DATA_ACCESS_RIGHTS: reg.DCR_DR, reg.DATA_ACCESS_BIT: reg.DCR_DA,
}  # fmt: skip
"""The dcr bit that lets a control-speculative load defer a fault (volume 2, 5.5.5)."""


class Access:
    """Mixed into the machine: everything that touches memory for an instruction."""

    cpu: Cpu
    memory: Memory
    dtlb: Tlb
    itlb: Tlb
    watch: bool

    def region_register(self, va: int) -> int:
        """Return the region register an address selects."""
        return self.cpu.rr[va >> 61]

    def _default_itir(self, va: int) -> int:
        return self.region_register(va) & 0xFFFFFFFC

    def _miss(self, va: int, isr: int, *, instruction: bool, rse: bool) -> reg.Interruption:
        """Return the interruption for an address no TLB entry translates: VHPT walker off, or its entry not there."""
        cpu = self.cpu
        itir = self._default_itir(va)
        if not instruction and not cpu.psr & reg.PSR_IC:
            return reg.Interruption(reg.NESTED_DTLB_FAULT, isr)
        if self._walker_enabled(va, instruction=instruction, rse=rse):
            hashed = self.thash(va)
            vector = reg.ITLB_FAULT if instruction else reg.DTLB_FAULT
            if self.dtlb.find(hashed, self.region_register(hashed) >> 8 & 0xFFFFFF) is None:
                vector = reg.VHPT_FAULT
            return reg.Interruption(vector, isr, ifa=va, itir=itir, iha=hashed)
        vector = reg.ALT_ITLB_FAULT if instruction else reg.ALT_DTLB_FAULT
        return reg.Interruption(vector, isr, ifa=va, itir=itir)

    def _walker_enabled(self, va: int, *, instruction: bool, rse: bool) -> bool:
        """The VHPT is used for an address if pta.ve, rr.ve and the psr bits allow (volume 2, table 4-6)."""
        psr = self.cpu.psr
        wanted = reg.PSR_DT | (reg.PSR_IT | reg.PSR_IC if instruction else 0) | (reg.PSR_RT if rse else 0)
        return bool(self.cpu.cr[reg.CR_PTA] & 1 and self.region_register(va) & 1) and psr & wanted == wanted

    def _walk(self, va: int, *, instruction: bool, rse: bool) -> Translation | None:
        """Look an address up in the VHPT, short format, and insert what is there (volume 2, 4.1.5), present or not."""
        cpu = self.cpu
        pta = cpu.cr[reg.CR_PTA]
        if pta >> 8 & 1 or not self._walker_enabled(va, instruction=instruction, rse=rse):
            return None
        hashed = self.thash(va)
        table = self.dtlb.find(hashed, self.region_register(hashed) >> 8 & 0xFFFFFF)
        if table is None or not table.present:
            return None
        pte_pa = table.pa + (tlb.offset_in_region(hashed) - table.start_va)
        self.memory.acquire(pte_pa, write=False)
        pte = self.memory.read(pte_pa, 8)
        rr = self.region_register(va)
        try:
            entry = tlb.make_translation(pte, rr & 0xFC, va, rr >> 8 & 0xFFFFFF)
        except reg.Interruption:
            return None
        entry.key = rr >> 8 & 0xFFFFFF
        (self.itlb if instruction else self.dtlb).insert_cached(entry)
        return entry

    def thash(self, va: int) -> int:
        """Return the address of the VHPT entry for an address."""
        return tlb.hash_address(va, self.cpu.cr[reg.CR_PTA], self.region_register(va))

    def lookup(self, va: int, isr: int, *, instruction: bool = False, rse: bool = False) -> Translation:
        """Return the translation of an address. Raises the TLB miss or Page Not Present fault."""
        which = self.itlb if instruction else self.dtlb
        rid = self.region_register(va) >> 8 & 0xFFFFFF
        entry = which.find(va, rid) or self._walk(va, instruction=instruction, rse=rse)
        if entry is None:
            raise self._miss(va, isr, instruction=instruction, rse=rse)
        if not entry.present:
            raise reg.Interruption(reg.PAGE_NOT_PRESENT, isr, ifa=va, itir=self._itir_of(entry))
        return entry

    @staticmethod
    def _itir_of(entry: Translation) -> int:
        return entry.size_log2 << 2 | entry.key << 8

    def _check_key(self, entry: Translation, va: int, wanted: int, isr: int) -> None:
        if not self.cpu.psr & reg.PSR_PK:
            return
        instruction = wanted & tlb.EXECUTE
        for pkr in self.cpu.pkr:
            if pkr & 1 and pkr >> 8 & 0xFFFFFF == entry.key:
                disabled = (
                    (tlb.WRITE if pkr & 2 else 0) | (tlb.READ if pkr & 4 else 0) | (tlb.EXECUTE if pkr & 8 else 0)
                )
                if disabled & wanted:
                    raise reg.Interruption(reg.KEY_PERMISSION, isr, ifa=va, itir=self._itir_of(entry))
                return
        vector = reg.INSTRUCTION_KEY_MISS if instruction else reg.DATA_KEY_MISS
        raise reg.Interruption(vector, isr, ifa=va, itir=self._itir_of(entry))

    def translate(
        self, va: int, wanted: int, isr: int, cpl: int, *, rse: bool = False
    ) -> tuple[int, Translation | None]:
        """Return the physical address of a data reference and its translation (None in physical mode).

        wanted: tlb.READ and WRITE. isr: access bits for a fault. Raises every translation fault in the manual's order.
        """
        cpu = self.cpu
        if not cpu.psr & (reg.PSR_RT if rse else reg.PSR_DT):
            return va & PHYSICAL_ADDRESS_MASK, None
        entry = self.lookup(va, isr, rse=rse)
        self._check_key(entry, va, wanted, isr)
        if wanted & ~tlb.access_rights(entry.ar, entry.pl, cpl):
            raise reg.Interruption(reg.DATA_ACCESS_RIGHTS, isr, ifa=va, itir=self._itir_of(entry))
        if wanted & tlb.WRITE and not entry.dirty and not cpu.psr & reg.PSR_DA:
            raise reg.Interruption(reg.DIRTY_BIT, isr, ifa=va, itir=self._itir_of(entry))
        if not entry.accessed and not cpu.psr & reg.PSR_DA:
            raise reg.Interruption(reg.DATA_ACCESS_BIT, isr, ifa=va, itir=self._itir_of(entry))
        return entry.pa + (tlb.offset_in_region(va) - entry.start_va), entry

    def fetch_address(self, va: int) -> int:
        """Return the physical address of a bundle. Raises the instruction fetch faults."""
        cpu = self.cpu
        if not cpu.psr & reg.PSR_IT:
            return va & PHYSICAL_ADDRESS_MASK
        isr = reg.ISR_X
        entry = self.lookup(va, isr, instruction=True)
        self._check_key(entry, va, tlb.EXECUTE, isr)
        if not tlb.access_rights(entry.ar, entry.pl, cpu.cpl) & tlb.EXECUTE:
            raise reg.Interruption(reg.INSTRUCTION_ACCESS_RIGHTS, isr, ifa=va, itir=self._itir_of(entry))
        if not entry.accessed and not cpu.psr & reg.PSR_IA:
            raise reg.Interruption(reg.INSTRUCTION_ACCESS_BIT, isr, ifa=va, itir=self._itir_of(entry))
        return entry.pa + (tlb.offset_in_region(va) - entry.start_va)

    def _physical(self, va: int, size: int, wanted: int, isr: int) -> int:
        """Translate, check alignment, and remember RAM pages for the in-line path."""
        cpu = self.cpu
        pa, _ = self.translate(va, wanted, isr, cpu.cpl)
        if va & size - 1 and (cpu.psr & reg.PSR_AC or (va & PAGE_LEN - 1) + size > PAGE_LEN):
            raise reg.Interruption(reg.UNALIGNED_REFERENCE, isr, ifa=va)
        if not self.memory.is_ram(pa):
            return pa
        self.memory.acquire(pa, write=bool(wanted & tlb.WRITE))
        if not cpu.psr & (reg.PSR_BE | reg.PSR_DA):
            page = pa & -PAGE_LEN
            if wanted & tlb.WRITE:
                cpu.writable[va >> 12] = page
            if wanted & tlb.READ:
                cpu.readable[va >> 12] = page
        return pa

    def _ordered(self, value: int, size: int) -> int:
        if self.cpu.psr & reg.PSR_BE:
            return int.from_bytes(value.to_bytes(size, "little"), "big")
        return value

    def load(self, va: int, size: int) -> int:
        """Read size bytes for the current instruction."""
        return self._ordered(self.memory.read(self._physical(va, size, tlb.READ, reg.ISR_R), size), size)

    def store(self, va: int, value: int, size: int) -> None:
        """Write size bytes for the current instruction."""
        pa = self._physical(va, size, tlb.WRITE, reg.ISR_W)
        self.memory.write(pa, self._ordered(value, size), size)

    def load_speculative(self, va: int, size: int) -> int | None:
        """Read for a control-speculative load, or return None where that is deferred: in physical mode, always."""
        cpu = self.cpu
        if cpu.psr & reg.PSR_ED or not cpu.psr & reg.PSR_DT:
            return None
        try:
            return self._ordered(
                self.memory.read(self._physical(va, size, tlb.READ, reg.ISR_R | reg.ISR_SP), size), size
            )
        except reg.Interruption as fault:
            if not cpu.psr & reg.PSR_IC:
                return None
            if cpu.psr & reg.PSR_IT and self.code_defers() and cpu.cr[reg.CR_DCR] & _DEFER_BITS.get(fault.vector, 0):
                return None
            raise

    def code_defers(self) -> bool:
        """Tell whether the page of the current instruction has the exception deferral bit."""
        va = self.cpu.ip & -16
        entry = self.itlb.find(va, self.region_register(va) >> 8 & 0xFFFFFF)
        return entry is not None and entry.exception_deferral

    def rse_load(self, va: int) -> int:
        """Read 8 bytes of the backing store."""
        pa = self._rse_physical(va, tlb.READ, reg.ISR_R | reg.ISR_RS)
        return self._rse_ordered(self.memory.read(pa, 8))

    def rse_store(self, va: int, value: int) -> None:
        """Write 8 bytes of the backing store."""
        pa = self._rse_physical(va, tlb.WRITE, reg.ISR_W | reg.ISR_RS)
        self.memory.write(pa, self._rse_ordered(value), 8)

    def _rse_physical(self, va: int, wanted: int, isr: int) -> int:
        pa = self.translate(va, wanted, isr, self.cpu.ar[reg.AR_RSC] >> 2 & 3, rse=True)[0]
        if self.memory.is_ram(pa):
            self.memory.acquire(pa, write=bool(wanted & tlb.WRITE))
        return pa

    def _rse_ordered(self, value: int) -> int:
        if self.cpu.ar[reg.AR_RSC] >> 4 & 1:
            return int.from_bytes(value.to_bytes(8, "little"), "big")
        return value

    def _semaphore(self, va: int, size: int) -> int:
        if va & size - 1:
            raise reg.Interruption(reg.UNALIGNED_REFERENCE, reg.ISR_R | reg.ISR_W, ifa=va)
        pa = self._physical(va, size, tlb.READ | tlb.WRITE, reg.ISR_R | reg.ISR_W)
        if not self.memory.is_ram(pa):
            raise reg.Interruption(reg.UNSUPPORTED_REFERENCE, reg.ISR_R | reg.ISR_W, ifa=va)
        return pa

    def compare_exchange(self, va: int, new: int, compare: int, size: int) -> int:
        """Cmpxchg: return the old value, zero-extended; ar.ccv is compared whole."""
        pa = self._semaphore(va, size)
        old = self._ordered(self.memory.read(pa, size), size)
        if old == compare:
            self.memory.write(pa, self._ordered(new & (1 << 8 * size) - 1, size), size)
        return old

    def exchange(self, va: int, new: int, size: int) -> int:
        """Xchg: write and return the old value."""
        pa = self._semaphore(va, size)
        old = self._ordered(self.memory.read(pa, size), size)
        self.memory.write(pa, self._ordered(new & (1 << 8 * size) - 1, size), size)
        return old

    def fetch_add(self, va: int, increment: int, size: int) -> int:
        """Fetchadd: add and return the old value."""
        pa = self._semaphore(va, size)
        old = self._ordered(self.memory.read(pa, size), size)
        self.memory.write(pa, self._ordered(old + increment & (1 << 8 * size) - 1, size), size)
        return old

    def load16(self, va: int) -> tuple[int, int]:
        """Ld16: the low and the high 8 bytes."""
        if va & 15:
            raise reg.Interruption(reg.UNALIGNED_REFERENCE, reg.ISR_R, ifa=va)
        return self.load(va, 8), self.load(va + 8, 8)

    def store16(self, va: int, low: int, high: int) -> None:
        """St16."""
        if va & 15:
            raise reg.Interruption(reg.UNALIGNED_REFERENCE, reg.ISR_W, ifa=va)
        self.store(va, low, 8)
        self.store(va + 8, high, 8)

    def compare_exchange16(self, va: int, low: int, high: int, compare: int) -> int:
        """cmp8xchg16: compare 8 bytes, write the 16 bytes around them."""
        pa = self._semaphore(va & ~7, 8)
        old = self.memory.read(pa, 8)
        if old == compare:
            self.memory.write(pa & ~15, low, 8)
            self.memory.write((pa & ~15) + 8, high, 8)
        return old

    def load_float(self, va: int, size: int, count: int, speculative: bool) -> list[int] | None:
        """Read count values of size bytes (10: extended, in a 16-byte slot), or None where that is deferred."""
        cpu = self.cpu
        isr = reg.ISR_R | (reg.ISR_SP if speculative else 0)
        whole = (16 if size == 10 else size) * count
        if speculative and (va < 0 or cpu.psr & reg.PSR_ED or not cpu.psr & reg.PSR_DT):
            return None
        try:
            pa = self._physical(va, whole, tlb.READ, isr)
        except reg.Interruption:
            if speculative and not cpu.psr & reg.PSR_IC:
                return None
            raise
        return [self._ordered(self.memory.read(pa + index * size, size), size) for index in range(count)]

    def store_float(self, va: int, value: int, size: int) -> None:
        """Write a floating-point value of 4, 8, 10 or 16 bytes."""
        pa = self._physical(va, 16 if size == 10 else size, tlb.WRITE, reg.ISR_W)
        self.memory.write(pa, self._ordered(value, size), size)

    def prefetch(self, va: int) -> None:
        """lfetch.fault: the faults of a read, nothing else."""
        self.translate(va, tlb.READ, reg.ISR_R | reg.ISR_NA | NON_ACCESS_CODES["lfetch"], self.cpu.cpl)
