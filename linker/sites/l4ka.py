"""What the original afterburner writes beside `.afterburn`, as data (docs/l4ka.md).

Sub-sections hold records of the same two words, over memory operations on objects the original's wedge had to know of:
page tables and devices (`afterburn-wedge/common/elfrewrite.cc`, `frontend_elf_rewrite`). Their classes have numbers of
their own: 16 bits of `.afterburn.info` never name them, the section does.
"""

FIRST_MEMORY_CLASS = 0x1_0000

PAGE_TABLE, DEVICE = "page table", "device"
READ, WRITE, BIT, ANY = "read", "write", "bit", "read or write"

# number, name (the section is `.afterburn.` and it), what it works on, what it does there
MEMORY_CLASSES = (
    (0x1_0001, "pte_read", PAGE_TABLE, READ),
    (0x1_0002, "pgd_read", PAGE_TABLE, READ),
    (0x1_0003, "pte_set", PAGE_TABLE, WRITE),
    (0x1_0004, "pmd_set", PAGE_TABLE, WRITE),
    (0x1_0005, "pgd_set", PAGE_TABLE, WRITE),
    (0x1_0006, "pte_test_clear", PAGE_TABLE, BIT),
    (0x1_0007, "lapic", DEVICE, ANY),
    (0x1_0008, "ioapic", DEVICE, ANY),
    (0x1_0009, "dp83820", DEVICE, ANY),
    # amd64 only
    (0x1_000A, "pml4_read", PAGE_TABLE, READ),
    (0x1_000B, "pdp_set", PAGE_TABLE, WRITE),
    (0x1_000C, "pml4_set", PAGE_TABLE, WRITE),
)
MEMORY_NAME_OF = {row[0]: row[1] for row in MEMORY_CLASSES}
MEMORY_OBJECT_OF = {row[0]: row[2] for row in MEMORY_CLASSES}
MEMORY_ACCESS_OF = {row[0]: row[3] for row in MEMORY_CLASSES}
MEMORY_NUMBER_OF = {row[1]: row[0] for row in MEMORY_CLASSES}

# Hooks: records of a number and an address (`elf_bind_t`, `afterburn-wedge/common/bind.h`). An import is a word of the
# guest that receives the address of a function of the interface module, `hook_` and the name; an export is a place in
# the guest whose address a word of the module receives, `guest_` and the name.
HOOKS_MAX = 4096  # records of imports, and of exports; a kernel has some dozen
SECTION_IMPORTS, SECTION_EXPORTS = ".afterburn.imports", ".afterburn.exports"
IMPORTS = {
    0: "exit",
    1: "set_pte",
    2: "get_user",
    3: "put_user",
    4: "copy_from_user",
    5: "copy_to_user",
    6: "clear_user",
    7: "strnlen_user",
    8: "strncpy_from_user",
    9: "read_pte",
    10: "pte_test_and_clear",
    11: "pte_get_and_clear",
    12: "phys_to_dma",
    13: "dma_to_phys",
    14: "free_pgd",
    15: "module_rewrite",
    16: "signal",
    17: "esp0_sync",
    18: "dma_coherent_check",
    19: "exit_pgd",
}
EXPORTS = {
    0: "thread_get_handle",
    1: "thread_set_handle",
    2: "uaccess_fault_handler",
    3: "burn_prof_counters_start",
    4: "burn_prof_counters_end",
    5: "cpu_get_startup_ip",
}
