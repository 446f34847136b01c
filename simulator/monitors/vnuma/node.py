"""One node: a machine whose guest runs deprivileged, and its part in the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator import registers as reg
from simulator import tlb
from simulator.control_flow import FrameFault
from simulator.machine import Machine
from simulator.memory import PAGE_LEN
from simulator.monitors.privileged import NotPrivilegedError, emulate, instruction_at, skip_instruction
from simulator.monitors.vnuma import abi, calls
from simulator.monitors.vnuma.cluster import MASTER
from simulator.monitors.vnuma.memory import SharedMemory
from simulator.monitors.vnuma.vcpu import KERNEL_LEVEL, START_PSR, VnumaCpu, at_guest_level
from simulator.sapic import EXTINT, INTERRUPT_BLOCK_LEN, INTERRUPT_BLOCK_PA, NMI, SPURIOUS

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.monitors.vnuma.cluster import Cluster

_POLL_CYCLES = 2000
_I_PAGE = abi.VCPU_VA + abi.I_OFFSET >> 12
_NOWHERE_PA = 1 << 62
"""Nothing answers there: the guest's physical addresses do not reach the area, which is behind its memory."""
_M64 = (1 << 64) - 1


class NodeMachine(Machine):
    """A node's processor, memory and virtual CPU. cluster: the other nodes.

    put: takes what is written to the console, at the master.
    borrowed: registers saved by the hypercall BORROW, last first. rendezvous: where a woken CPU starts, and its gp.
    """

    memory: SharedMemory

    def __init__(self, guest_len: int, cluster: Cluster) -> None:
        super().__init__(memory=SharedMemory(guest_len))
        self.put: Callable[[bytes], object] = bytes
        self.cluster = cluster
        self.borrowed: list[tuple[list[tuple[int, int]], int, int]] = []
        self.rendezvous: tuple[int, int] | None = None
        self.parked = False
        self.emulated = 0
        self.hypercalls = 0
        self._i_protected = False
        self._itc_seen = 0
        self._stale_code: list[int] = []
        self.memory.devices[:] = [ProcessorInterrupts(self)]
        self.vcpu = VnumaCpu(self, guest_len)
        self.vcpu.start(cluster.node, cluster.nodes)

    # Starting and stopping

    def boot(self, entry_pa: int, boot_param_pa: int) -> None:
        """Set what the guest's first CPU starts with (section 1)."""
        gr = self.cpu.gr
        gr[28], gr[8], gr[9] = boot_param_pa, abi.MAGIC, abi.VERSION
        self.cpu.ip = entry_pa

    def park(self) -> None:
        """Wait for the wake-up interrupt; go on at the rendezvous address when this returns."""
        self.parked = True
        self.cluster.serve(lambda: not self.parked, patient=True)
        self.look_again()

    def set_rendezvous(self, entry_pa: int, gp: int) -> None:
        """SAL_SET_VECTORS: on all nodes."""
        self.rendezvous = (entry_pa, gp)
        self.cluster.publish_rendezvous(entry_pa, gp)

    def halt(self) -> None:
        """PAL_HALT_LIGHT: wait for an interrupt; time passes at once if the timer is what comes next."""
        while not self.sapic.pending:
            if self._timer_cycle() < self.limit:
                self.cycles = self._timer_cycle()
                self._check_timer()
            elif self.cluster.nodes == 1:
                self.cycles = self.limit
                break
            else:
                self.cluster.serve(lambda: bool(self.sapic.pending), patient=True)
        self.look_again()

    def stop(self, status: int) -> None:
        """End the machine, all nodes. Raises Stopped."""
        self.cluster.stop(status)

    def console(self, data: bytes) -> None:
        """Write to the machine's console, which is at node 0."""
        if self.cluster.node == MASTER:
            self.put(data)
        else:
            self.cluster.console(data)

    # Time: one counter for the machine, kept together by the times in messages

    def interval_counter(self) -> int:
        """ar.itc."""
        return self.cycles + self.itc_offset & _M64

    def set_interval_counter(self, value: int) -> None:
        """Mov ar.itc=r2."""
        self.itc_offset = value - self.cycles
        self._itc_seen = value
        self.look_again()

    def not_before(self, time: int) -> None:
        """Nothing that happens after a message is earlier than its sending."""
        behind = time - self.interval_counter()
        if 0 < behind < 1 << 63:
            self.itc_offset += behind
            self.deadline = 0

    def _check_timer(self) -> None:
        match, now = self.cpu.cr[reg.CR_ITM], self.interval_counter()
        if self._itc_seen < match <= now and not self.cpu.cr[reg.CR_ITV] >> 16 & 1:
            self.sapic.pend(self.cpu.cr[reg.CR_ITV] & 0xFF)
        self._itc_seen = now

    # Interrupts

    def interrupt(self, vector: int) -> None:
        """An interrupt message for this node's processor."""
        if self.parked:
            if vector == abi.AP_WAKE_UP_VECTOR and self.rendezvous is not None:
                self._wake(*self.rendezvous)
            return
        self.sapic.pend(vector)
        self.look_again()

    def _wake(self, entry_pa: int, gp: int) -> None:
        from simulator.monitors.vnuma.firmware import AP_RETURN_PA

        cpu = self.cpu
        self.parked = False
        self.vcpu.set_psr(START_PSR)
        cpu.gr[1], cpu.br[0], cpu.ip = gp, AP_RETURN_PA, entry_pa

    def look_again(self) -> None:
        """Look for interrupts and messages before the next run of instructions."""
        self.choose_code()

    def _before_instructions(self) -> None:
        if self._stale_code:
            self._forget_stale_code()
        self.cluster.poll()
        self._check_timer()
        self._offer_interrupt()
        super()._before_instructions()
        self.deadline = min(self.deadline, self.cycles + _POLL_CYCLES)

    def _offer_interrupt(self) -> None:
        """Deliver a pending interrupt, or see to it that the guest's next write of its psr.i comes here."""
        pending = self.sapic.pending and self.sapic.deliverable()
        if pending and self.vcpu.enabled:
            if self.vcpu.collecting and not self.borrowed:
                raise reg.Interruption(reg.EXTERNAL_INTERRUPT)
        elif pending and not self._i_protected:
            self._i_protected = True
            for _, writable in self._maps.values():
                writable.pop(_I_PAGE, None)
        elif not pending:
            self._i_protected = False

    # Memory

    def epc(self) -> None:
        """As the machine does, but not to level 0 in what is the guest's physical mode only."""
        super().epc()
        if self.cpu.cpl < KERNEL_LEVEL:
            self.cpu.set_psr(self.cpu.psr & ~reg.PSR_CPL | KERNEL_LEVEL << 32)

    def translate(
        self, va: int, wanted: int, isr: int, cpl: int, *, rse: bool = False
    ) -> tuple[int, tlb.Translation | None]:
        """As the machine does, and the virtual CPU area, which the monitor keeps mapped for the guest's kernel."""
        if va & -abi.VCPU_LEN == abi.VCPU_VA and cpl <= KERNEL_LEVEL and not rse:
            if wanted & tlb.WRITE and va >> 12 == _I_PAGE and self._i_protected:
                raise reg.Interruption(reg.DATA_ACCESS_RIGHTS, isr, ifa=va)
            return self.memory.guest_len + va - abi.VCPU_VA, None
        pa, entry = super().translate(va, wanted, isr, cpl, rse=rse)
        if pa >= self.memory.guest_len and self.memory.is_ram(pa):
            pa |= _NOWHERE_PA
        return pa, entry

    def _walk(self, va: int, *, instruction: bool, rse: bool) -> tlb.Translation | None:
        entry = super()._walk(va, instruction=instruction, rse=rse)
        return entry if entry is None else at_guest_level(entry)

    def _walker_enabled(self, va: int, *, instruction: bool, rse: bool) -> bool:
        if instruction and not self.vcpu.collecting:
            return False
        return super()._walker_enabled(va, instruction=instruction, rse=rse)

    def _miss(self, va: int, isr: int, *, instruction: bool, rse: bool) -> reg.Interruption:
        if not instruction and not self.vcpu.collecting:
            return reg.Interruption(reg.NESTED_DTLB_FAULT, isr)
        return super()._miss(va, isr, instruction=instruction, rse=rse)

    def rights_lost(self, page: int, left: int) -> None:
        """Another node takes a page, or its right to be written."""
        pa = page * PAGE_LEN
        self.forget_mappings(pa, write_only=bool(left))
        if not left:
            self._stale_code.append(pa)
            self.deadline = 0

    def _forget_stale_code(self) -> None:
        """Done between runs: the run that waits for a page goes on to its end."""
        for pa in self._stale_code:
            self.forget_page(pa)
        self._stale_code.clear()

    def purge_elsewhere(self, va: int, itir: int) -> None:
        """ptc.g, ptc.ga: purge at all other nodes, and wait until it is done."""
        self.cluster.purge(va, itir, self.region_register(va) >> 8 & 0xFFFFFF)

    def purge_for(self, va: int, size_log2: int, rid: int) -> None:
        """Another node's ptc.g or ptc.ga."""
        for which in (self.dtlb, self.itlb):
            which.purge_cached(va & -(1 << size_log2), 1 << size_log2, rid)
        self.forget_code()
        self.forget_data()

    # Interruptions

    def deliver(self, interruption: reg.Interruption, ip: int, slot: int) -> None:
        """Do the monitor's work if it is that; otherwise the guest gets the interruption."""
        try:
            if self._is_for_monitor(interruption, ip, slot):
                self.cycles += 1
                return
        except reg.Interruption as fault:
            interruption = fault
        except FrameFault as frame:
            self.cycles += 1
            self.deliver(frame.fault, self.cpu.ip, self.cpu.ip & 3)
            return
        self.vcpu.reflect(interruption, ip, slot)

    def _is_for_monitor(self, interruption: reg.Interruption, ip: int, slot: int) -> bool:
        """Do what the interruption asks of the monitor; tell whether it did."""
        if not self.vcpu.in_kernel:
            return False
        vector = interruption.vector
        if vector == reg.BREAK_INSTRUCTION:
            immediate = interruption.iim or 0
            if abi.HYPERCALL_BASE <= immediate < abi.HYPERCALL_END:
                self.hypercalls += 1
                calls.hypercall(self, immediate, ip, slot)
                return True
        elif vector == reg.DATA_ACCESS_RIGHTS and self._i_protected and (interruption.ifa or 0) >> 12 == _I_PAGE:
            self._i_protected = False
            self.cpu.ip = self.run_carefully(ip & -16 | slot)
            self.look_again()
            return True
        elif vector == reg.GENERAL_EXCEPTION and interruption.isr & 0xFF in {
            reg.GE_PRIVILEGED_OPERATION,
            reg.GE_PRIVILEGED_REGISTER,
        }:
            return self._emulate(ip, slot)
        return False

    def _emulate(self, ip: int, slot: int) -> bool:
        pa = self._code_address(ip)
        bundle = self.memory.read(pa, 16)
        # Where a run was, the long instruction of an MLX bundle is in slot 1; none of them is privileged.
        try:
            emulate(self, bundle, ip, slot, self.vcpu)
        except NotPrivilegedError:
            insn = instruction_at(bundle, slot)
            if insn.key.startswith("vmsw"):
                raise reg.general_exception(reg.GE_ILLEGAL_OPERATION) from None
            if insn.ops.get("ar3") != reg.AR_ITC or "r1" not in insn.ops:
                return False
            self.cpu.gr[self.cpu.index(insn.ops["r1"])] = self.interval_counter()
            skip_instruction(self.cpu, ip, slot)
        self.emulated += 1
        return True


class ProcessorInterrupts:
    """The processor interrupt block: a store to it sends an interrupt to the processor that the address names."""

    base_pa = INTERRUPT_BLOCK_PA
    size_len = INTERRUPT_BLOCK_LEN

    def __init__(self, machine: NodeMachine) -> None:
        self.machine = machine

    def read(self, offset: int, size: int) -> int:
        """Return zero: the block is written, not read."""
        del offset, size
        return 0

    def write(self, offset: int, value: int, size: int) -> None:
        """Send a vector: bits 19:12 of the address are the processor's id, bits 11:4 its eid, which is zero."""
        del size
        cluster = self.machine.cluster
        node, eid = offset >> 12 & 0xFF, offset >> 4 & 0xFF
        if offset >= 0x100000 or eid or node >= cluster.nodes:
            return
        mode, vector = value >> 8 & 7, value & 0xFF
        if mode in {4, 7}:
            cluster.interrupt(node, NMI if mode == 4 else EXTINT)
        elif mode in {0, 1} and vector > SPURIOUS:
            cluster.interrupt(node, vector)
