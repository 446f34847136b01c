"""A virtual x86-64 CPU in 64-bit mode as the model keeps it. Names and bits are those of the Intel SDM."""

from __future__ import annotations

from typing import Protocol

RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI = range(8)
R11 = 11
ES, CS, SS, DS, FS, GS = range(6)
REGISTERS = "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15".split()
WORD_MASK = (1 << 64) - 1

# RFLAGS, vol. 1, 3.4.3.
CF, PF, AF, ZF, SF, TF, IF, DF, OF, NT, RF, VM, AC = (1 << n for n in (0, 2, 4, 6, 7, 8, 9, 10, 11, 14, 16, 17, 18))
IOPL, VIF, VIP, ID = 3 << 12, 1 << 19, 1 << 20, 1 << 21
FLAG_ONE = 1 << 1
ARITHMETIC = CF | PF | AF | ZF | SF | OF
DEFINED_FLAGS = ARITHMETIC | TF | IF | DF | IOPL | NT | RF | AC | ID

# CR0, CR4: vol. 3, 2.5. EFER: vol. 3, 2.2.1.
CR0_PE, CR0_MP, CR0_EM, CR0_TS, CR0_ET, CR0_NE, CR0_WP, CR0_AM, CR0_PG = (
    1 << n for n in (0, 1, 2, 3, 4, 5, 16, 18, 31)
)
CR4_DE, CR4_PSE, CR4_PAE, CR4_MCE, CR4_PGE, CR4_PCE, CR4_OSFXSR, CR4_OSXMMEXCPT = (1 << n for n in range(3, 11))
CR4_FSGSBASE = 1 << 16
EFER_SCE, EFER_LME, EFER_LMA, EFER_NXE = 1 << 0, 1 << 8, 1 << 10, 1 << 11

# Vol. 4, table 2-2.
MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP, MSR_PAT = 0x174, 0x175, 0x176, 0x277
MSR_EFER, MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SFMASK = range(0xC0000080, 0xC0000085)
MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE, MSR_TSC_AUX = range(0xC0000100, 0xC0000104)

UD, NP, SSF, GP = 6, 11, 12, 13


class FaultError(Exception):
    """An exception the instruction raises; `error` None where the vector pushes none."""

    def __init__(self, vector: int, error: int | None = None) -> None:
        super().__init__(f"#{vector}")
        self.vector = vector
        self.error = error


class EmulatedMemory(Protocol):
    """The guest's memory by virtual address."""

    def read(self, va: int, length: int) -> bytes:
        """Bytes; LookupError where nothing is mapped."""

    def write(self, va: int, data: bytes) -> None:
        """Store; LookupError where nothing is mapped."""


class EmulatedCpu:
    """Registers and memory. What `unknown` names is not compared: the manual leaves it open or the world decides it.

    unknown_registers  general register -> bits of it
    unknown_flags      bits of RFLAGS
    unknown_memory     half-open ranges of addresses
    return_slots       addresses and widths in bits of return addresses: any address in the site behind its start will
                       do, since all that is there leads to its end
    vector             of the exception that the instruction raised, or of the interrupt it is
    selectors          None: not known before the guest has loaded it
    """

    def __init__(self, memory: EmulatedMemory) -> None:
        """Docs/machine.md, Entry."""
        self.memory = memory
        self.regs = [0] * 16
        self.rip = 0
        self.flags = FLAG_ONE
        self.cr = {0: CR0_PE | CR0_ET | CR0_NE | CR0_WP | CR0_PG, 2: 0, 3: 0, 4: CR4_PAE, 8: 0}
        self.dr = [0, 0, 0, 0, 0, 0, 0xFFFF0FF0, 0x400]
        self.gdt: tuple[int, int] = (0, 0)
        self.idt: tuple[int, int] = (0, 0)
        self.ldt: tuple[int, int, int] = (0, 0, 0)  # selector, base, limit
        self.task: tuple[int, int, int] = (0, 0, 0)
        self.selectors: list[int | None] = [None] * 6
        self.cpl = 0
        self.msr: dict[int, int] = {
            **dict.fromkeys((MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP, MSR_STAR, MSR_LSTAR, MSR_CSTAR), 0),
            **dict.fromkeys((MSR_SFMASK, MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE, MSR_TSC_AUX), 0),
            MSR_PAT: 0x0007040600070406,
            MSR_EFER: EFER_LME | EFER_LMA,
        }
        self.offers_fsgsbase = False
        self.forget()

    def forget(self) -> None:
        """Everything is compared again."""
        self.unknown_registers: dict[int, int] = {}
        self.unknown_flags = 0
        self.unknown_memory: list[tuple[int, int]] = []
        self.return_slots: list[tuple[int, int]] = []
        self.vector: int | None = None

    def leave_open(self, *registers: int, mask: int = WORD_MASK) -> None:
        """These bits of these registers are not compared."""
        for number in registers:
            self.unknown_registers[number] = self.unknown_registers.get(number, 0) | mask

    def register(self, number: int, bits: int = 64) -> int:
        """The low bits of a general register."""
        return self.regs[number] & (1 << bits) - 1

    def set_register(self, number: int, bits: int, value: int) -> None:
        """32-bit writes clear the upper half, narrower ones keep the rest (vol. 1, 3.4.1.1)."""
        mask = (1 << bits) - 1
        kept = 0 if bits >= 32 else self.regs[number] & ~mask
        self.regs[number] = kept | value & mask

    def read_word(self, va: int, bits: int) -> int:
        """A little-endian number."""
        return int.from_bytes(self.memory.read(va & WORD_MASK, bits // 8), "little")

    def write_word(self, va: int, bits: int, value: int) -> None:
        """Store a little-endian number."""
        self.memory.write(va & WORD_MASK, (value & (1 << bits) - 1).to_bytes(bits // 8, "little"))

    def push(self, bits: int, value: int) -> None:
        """As PUSH."""
        self.write_word(self.regs[RSP] - bits // 8, bits, value)
        self.regs[RSP] = self.regs[RSP] - bits // 8 & WORD_MASK

    def pop(self, bits: int) -> int:
        """As POP."""
        value = self.read_word(self.regs[RSP], bits)
        self.regs[RSP] = self.regs[RSP] + bits // 8 & WORD_MASK
        return value

    def segment_base(self, segment: int) -> int:
        """In 64-bit mode only FS and GS have one."""
        return self.msr[MSR_FS_BASE] if segment == FS else self.msr[MSR_GS_BASE] if segment == GS else 0
