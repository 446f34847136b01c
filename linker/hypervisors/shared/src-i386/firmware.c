/*
 * The state docs/machine.md promises at the guest's entry: that of a PVH loader. At 0x88000 of the guest's memory stand
 * start_info and command line; the guest may take that memory once it has read them.
 */
#include "vcpu.h"

#define BOOT_INFO_PA 0x88000u
#define BOOT_MEMMAP_PA 0x88100u
#define BOOT_MODULE_PA 0x88200u
#define BOOT_COMMAND_PA 0x88400u
#define LOW_MEMORY_END 0xa0000ull
#define HIGH_MEMORY 0x100000ull
#define RAM 1
#define RESERVED 2

/* Xen public header arch-x86/hvm/start_info.h, version 1 */
struct start_info {
    u32 magic, version, flags, module_count;
    u64 modules_pa, command_pa, rsdp_pa, memmap_pa;
    u32 memmap_count, reserved;
};

struct memmap_entry {
    u64 pa, length;
    u32 type, reserved;
};

struct module_entry {
    u64 pa, length, command_pa, reserved;
};

static struct memmap_entry *memmap;
static u32 memmap_count;

static void add_memory(u64 pa, u64 end, u32 type)
{
    if (pa < end)
        memmap[memmap_count++] = (struct memmap_entry){.pa = pa, .length = end - pa, .type = type};
}

/* A kernel mostly maps its memory one to one, where the module's own area cannot be had: it is reserved. */
static void make_memmap(u64 memory_len)
{
    u64 low = vcpu_text_va < vcpu_data_va ? vcpu_text_va : vcpu_data_va;
    u64 high = vcpu_text_va + vcpu_text_len > vcpu_data_va + vcpu_data_len ? vcpu_text_va + vcpu_text_len
                                                                          : vcpu_data_va + vcpu_data_len;

    memmap = (struct memmap_entry *)physical(BOOT_MEMMAP_PA, 4 * sizeof *memmap);
    add_memory(0, LOW_MEMORY_END, RAM);
    if (low < HIGH_MEMORY || high > memory_len) {
        add_memory(HIGH_MEMORY, memory_len, RAM);
        return;
    }
    add_memory(HIGH_MEMORY, low, RAM);
    add_memory(low, high, RESERVED);
    add_memory(high, memory_len, RAM);
}

/* `command` with its NUL takes no more than BOOT_COMMAND_LEN. */
void firmware(u64 memory_len, const char *command, u64 initrd_pa, u64 initrd_len)
{
    struct start_info *info = (struct start_info *)physical(BOOT_INFO_PA, sizeof *info);
    struct module_entry *module = (struct module_entry *)physical(BOOT_MODULE_PA, sizeof *module);

    make_memmap(memory_len);
    *info = (struct start_info){.magic = 0x336ec578, .version = 1, .command_pa = BOOT_COMMAND_PA,
                                .memmap_pa = BOOT_MEMMAP_PA, .memmap_count = memmap_count};
    copy_bytes(physical(BOOT_COMMAND_PA, BOOT_COMMAND_LEN), command, string_length(command) + 1);
    if (initrd_len) {
        *module = (struct module_entry){.pa = initrd_pa, .length = initrd_len};
        info->module_count = 1;
        info->modules_pa = BOOT_MODULE_PA;
    }
    vcpu.selector[SEG_CS] = 0x08; /* flat; the guest loads its own table before it uses a selector */
    frame.reg[RBX] = BOOT_INFO_PA;
    frame.rip = (uword)vcpu_guest_entry_va;
    frame.flags = FLAG_IF | FLAG_ONE;
}
