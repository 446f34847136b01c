"""Xen/ia64's shared page as forms see it, and hyperprivops. Data only.

Source: Xen 4.1.6, xen/include/public/arch-ia64.h. The words that are the module's own stand once more in
`src-ia64/words.inc`.
"""

XSI_VA = 0xF500_0000_0000_0000

MASK_VA = XSI_VA + 1  # 1: events are masked, psr.i is 0. The byte in front of it: an event is pending
BANK_NUMBER_VA = XSI_VA + 0x4C4C
PSR_IC_VA = XSI_VA + 0x4C10
PSR_PP_VA = XSI_VA + 0x4C24
PSR_DFH_VA = XSI_VA + 0x4C25
METAPHYSICAL_VA = XSI_VA + 0x4C48
REGION_REGISTERS_VA = XSI_VA + 0x4C50
CONTROL_REGISTERS_VA = XSI_VA + 0x4800

# The module's.
LAST_IPSR_VA = XSI_VA + 0x48D0
ITC_OFFSET_VA = XSI_VA + 0x48D8
RESULT_VA = XSI_VA + 0x48E8
ARGUMENT_VA = XSI_VA + 0x48F0
BORROWED_VA = XSI_VA + 0x48F8
SAVED_VA = XSI_VA + 0x4D60

RFI, RSM_DT, SSM_DT, COVER, ITC_D, ITC_I, SET_ITM, THASH, PTC_GA, SET_RR, SET_KR, GET_PMD = (
    1, 2, 3, 4, 5, 6, 0xC, 0xD, 0xE, 0x11, 0x12, 0x15,
)  # fmt: skip


def control_register_va(number: int) -> int:
    """Where a virtual control register is."""
    return CONTROL_REGISTERS_VA + 8 * number
