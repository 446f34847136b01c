"""Numbers of Xen/ia64's guest interface: the shared page, hyperprivops, hypercalls, where things are in memory.

Source: Xen 4.1.6, xen/include/public/arch-ia64.h, public/xen.h, public/elfnote.h, xen/include/asm-ia64/dom_fw.h.
"""

from __future__ import annotations

PAGE_SHIFT = 14
PAGE_LEN = 1 << PAGE_SHIFT

GUEST_LEVEL = 1
"""The hardware privilege level of the guest's kernel (CONFIG_CPL0_EMUL)."""

# Machine memory: Xen's own part, then the domain's pages, in reverse order, so that no machine address is a guest's.
XEN_LEN = 16 << 20
LOST_PA = 0
"""Frame that addresses outside the domain's memory are mapped to."""
SHARED_PA = 0x10000
XEN_VIRT_START, XEN_VIRT_END = 0xF000_0000_0000_0000, 0xF800_0000_0000_0000
DEFAULT_SHARED_VA = 0xF500_0000_0000_0000
SHARED_LEN = 1 << 14
MAPPED_REGISTERS_LEN = 1 << 12
SHARED_TR, MAPPED_REGISTERS_TR = 4, 3
VHPT_PTA = 0xF300_0000_0000_0000 | 1 << 8 | 24 << 2 | 1
"""Xen's own page table, long format: what thash uses when the guest executes it."""

METAPHYSICAL_RID = 1
STARTING_RID = 1 << 18
GUEST_RID_BITS = 18

# Shared page: offsets from its start. shared_info, then mapped_regs from 0x4000 on.
UPCALL_PENDING, UPCALL_MASK, PENDING_SELECTOR = 0, 1, 8
EVENT_PENDING, EVENT_MASK = 0xC00, 0xE00
START_INFO_PFN = 0x1010
BANK1, BANK0, BANK1_NATS, BANK0_NATS = 0x4400, 0x4480, 0x4500, 0x4508
CR_BASE = 0x4800
PRECOVER_IFS, UNAT, PSR_IC, PSR_I_ADDRESS, PENDING_INTERRUPTION = 0x4C00, 0x4C08, 0x4C10, 0x4C18, 0x4C20
VPSR_PP, VPSR_DFH, HPSR_DFH, HPSR_MFH = 0x4C24, 0x4C25, 0x4C26, 0x4C27
METAPHYSICAL, BANK_NUMBER, REGION_REGISTERS, KERNEL_REGISTERS = 0x4C48, 0x4C4C, 0x4C50, 0x4C90

HYPERCALL_BREAK = 0x1000
SIMULATOR_BREAKS = (0x80001, 0x80002)

(
    RFI, RSM_DT, SSM_DT, COVER, ITC_D, ITC_I, SSM_I, GET_IVR, GET_TPR, SET_TPR, EOI, SET_ITM, THASH, PTC_GA, ITR_D,
    GET_RR, SET_RR, SET_KR, FC, GET_CPUID, GET_PMD, GET_EFLAG, SET_EFLAG, RSM_BE, GET_PSR, SET_RR0_TO_RR4,
) = range(1, 27)  # fmt: skip
HYPERPRIVOP_NAMES = (
    "rfi rsm_dt ssm_dt cover itc_d itc_i ssm_i get_ivr get_tpr set_tpr eoi set_itm thash ptc_ga itr_d get_rr set_rr "
    "set_kr fc get_cpuid get_pmd get_eflag set_eflag rsm_be get_psr set_rr0_to_rr4"
).split()

XEN_VERSION, CONSOLE_IO, SCHED_OP, CALLBACK_OP, EVENT_CHANNEL_OP = 17, 18, 29, 30, 32
HYPERCALL_NAMES = {
    XEN_VERSION: "xen_version", CONSOLE_IO: "console_io", SCHED_OP: "sched_op", CALLBACK_OP: "callback_op",
    EVENT_CHANNEL_OP: "event_channel_op",
}  # fmt: skip
FW_XEN_FAST, FW_EFI, FW_IPI, FW_FPSWA, FW_SET_SHARED_INFO_VA, FW_OPT_FEATURE, FW_PAL, FW_SAL, FW_SAL_RETURN = (
    0x200, 0x300, 0x400, 0x500, 0x600, 0x700, 0x1000, 0x1100, 0x1200,
)  # fmt: skip
FW_NAMES = {
    FW_EFI: "efi", FW_IPI: "ipi", FW_FPSWA: "fpswa", FW_SET_SHARED_INFO_VA: "set_shared_info_va",
    FW_OPT_FEATURE: "opt_feature", FW_PAL: "pal", FW_SAL: "sal", FW_SAL_RETURN: "sal_return",
}  # fmt: skip

XENCOMM_INLINE = 1 << 63
XENCOMM_INLINE_MASK = 0x1F << 59

VIRQ_ITC = 16
EVENT_CHANNELS = 4096

KERNEL_PA = 0x4000000
COMMAND_LINE_OFFSET, BOOT_PARAM_OFFSET = 0x80, 0x490

ENOSYS, EFAULT, EINVAL, ENOENT, EEXIST = 38, 14, 22, 2, 17
