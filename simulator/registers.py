"""Bits of the system registers, interruption vectors and ISR codes.

Source: SDM rev. 2.3 volume 2, sections 3.3 (registers), 5.5 and chapter 8 (vectors), 8.3 (ISR).
"""

from __future__ import annotations

PSR_BE, PSR_UP, PSR_AC, PSR_MFL, PSR_MFH = (1 << n for n in (1, 2, 3, 4, 5))
PSR_IC, PSR_I, PSR_PK, PSR_DT, PSR_DFL, PSR_DFH, PSR_SP, PSR_PP = (1 << n for n in (13, 14, 15, 17, 18, 19, 20, 21))
PSR_DI, PSR_SI, PSR_DB, PSR_LP, PSR_TB, PSR_RT = (1 << n for n in (22, 23, 24, 25, 26, 27))
PSR_CPL = 3 << 32
PSR_IS, PSR_MC, PSR_IT, PSR_ID, PSR_DA, PSR_DD, PSR_SS = (1 << n for n in (34, 35, 36, 37, 38, 39, 40))
PSR_RI = 3 << 41
PSR_RI_SHIFT = 41
PSR_ED, PSR_BN, PSR_IA = (1 << n for n in (43, 44, 45))

PSR_USER_MASK = PSR_BE | PSR_UP | PSR_AC | PSR_MFL | PSR_MFH
PSR_READABLE = 0xFFFFFFFF | PSR_MC | PSR_IT
"""What mov r=psr shows: bits 31:0, 35 and 36."""

PSR_KEPT_BY_INTERRUPTION = PSR_UP | PSR_MFL | PSR_MFH | PSR_PK | PSR_DT | PSR_RT | PSR_MC | PSR_IT
"""Volume 2, table 3-2, column "interruption state": unchanged. be and pp come from dcr, the rest is zero."""

PSR_ONE_INSTRUCTION = PSR_IA | PSR_DA | PSR_DD | PSR_ID | PSR_ED
"""Bits that hold for one instruction after rfi."""

DCR_PP, DCR_BE, DCR_LC = 1 << 0, 1 << 1, 1 << 2
DCR_DM, DCR_DP, DCR_DK, DCR_DX, DCR_DR, DCR_DA, DCR_DD = (1 << n for n in (8, 9, 10, 11, 12, 13, 14))

ISR_X, ISR_W, ISR_R, ISR_NA, ISR_SP, ISR_RS, ISR_IR, ISR_NI, ISR_SO = (1 << n for n in range(32, 41))
ISR_EI_SHIFT = 41
ISR_ED = 1 << 43

VHPT_FAULT = 0x0000
ITLB_FAULT = 0x0400
DTLB_FAULT = 0x0800
ALT_ITLB_FAULT = 0x0C00
ALT_DTLB_FAULT = 0x1000
NESTED_DTLB_FAULT = 0x1400
INSTRUCTION_KEY_MISS = 0x1800
DATA_KEY_MISS = 0x1C00
DIRTY_BIT = 0x2000
INSTRUCTION_ACCESS_BIT = 0x2400
DATA_ACCESS_BIT = 0x2800
BREAK_INSTRUCTION = 0x2C00
EXTERNAL_INTERRUPT = 0x3000
PAGE_NOT_PRESENT = 0x5000
KEY_PERMISSION = 0x5100
INSTRUCTION_ACCESS_RIGHTS = 0x5200
DATA_ACCESS_RIGHTS = 0x5300
GENERAL_EXCEPTION = 0x5400
DISABLED_FP_REGISTER = 0x5500
NAT_CONSUMPTION = 0x5600
SPECULATION = 0x5700
UNALIGNED_REFERENCE = 0x5A00
UNSUPPORTED_REFERENCE = 0x5B00
FP_FAULT = 0x5C00
LOWER_PRIVILEGE_TRANSFER = 0x5E00
TAKEN_BRANCH = 0x5F00
SINGLE_STEP = 0x6000

GE_ILLEGAL_OPERATION = 0x00
GE_PRIVILEGED_OPERATION = 0x10
GE_PRIVILEGED_REGISTER = 0x20
GE_RESERVED_REGISTER_FIELD = 0x30

AR_RSC, AR_BSP, AR_BSPSTORE, AR_RNAT, AR_CCV, AR_UNAT, AR_FPSR, AR_ITC = 16, 17, 18, 19, 32, 36, 40, 44
AR_CSD, AR_PFS, AR_LC, AR_EC = 25, 64, 65, 66

CR_DCR, CR_ITM, CR_IVA, CR_PTA, CR_IPSR, CR_ISR, CR_IIP, CR_IFA, CR_ITIR = 0, 1, 2, 8, 16, 17, 19, 20, 21
CR_IIPA, CR_IFS, CR_IIM, CR_IHA = 22, 23, 24, 25
CR_LID, CR_IVR, CR_TPR, CR_EOI, CR_IRR0, CR_ITV, CR_PMV, CR_CMCV, CR_LRR0, CR_LRR1 = (
    64,
    65,
    66,
    67,
    68,
    72,
    73,
    74,
    80,
    81,
)


class Interruption(Exception):  # noqa: N818 - the manual's word
    """An interruption raised by the instruction being executed, or before the next one.

    vector: offset into the IVT. isr: code and access bits. ifa, itir, iim, iha: what those registers get, or None.
    trap: the instruction completed.
    """

    def __init__(
        self,
        vector: int,
        isr: int = 0,
        *,
        ifa: int | None = None,
        itir: int | None = None,
        iim: int | None = None,
        iha: int | None = None,
        trap: bool = False,
    ) -> None:
        super().__init__(f"interruption {vector:#x}, isr {isr:#x}")
        self.vector = vector
        self.isr = isr
        self.ifa = ifa
        self.itir = itir
        self.iim = iim
        self.iha = iha
        self.trap = trap


def general_exception(code: int, isr: int = 0) -> Interruption:
    """Return the General Exception with this code in isr bits 7:0."""
    return Interruption(GENERAL_EXCEPTION, isr | code)
