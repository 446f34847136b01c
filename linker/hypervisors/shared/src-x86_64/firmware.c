/*
 * The state docs/machine.md promises at the guest's entry. At 0x80000 .. 0x90000 of its memory stand page tables, start_info
 * and command line; the guest may take that memory once it has its own.
 */
#include "vcpu.h"

#define BOOT_TABLES_PA 0x80000ull
#define BOOT_INFO_PA 0x88000ull
#define BOOT_MEMMAP_PA 0x88100ull
#define BOOT_MODULE_PA 0x88200ull
#define BOOT_COMMAND_PA 0x88400ull
#define BOOT_PARAMS_PA 0x89000ull
#define LOW_MEMORY_END 0xa0000ull
#define HIGH_MEMORY 0x100000ull
#define PTE_PRESENT_WRITABLE_USER 7ull
#define PTE_LARGE 0x80ull

/* Tables that map the first GiB, or all of memory if that is less, one to one with 2 MiB pages. */
static void make_page_tables(u64 memory_len)
{
    u64 *tables = (u64 *)physical(BOOT_TABLES_PA, 3 * 4096), i;

    tables[0] = (BOOT_TABLES_PA + 4096) | PTE_PRESENT_WRITABLE_USER;
    tables[512] = (BOOT_TABLES_PA + 8192) | PTE_PRESENT_WRITABLE_USER;
    for (i = 0; i < 512 && i << 21 < memory_len; i++)
        tables[1024 + i] = i << 21 | PTE_LARGE | (PTE_PRESENT_WRITABLE_USER & ~4ull);
    vcpu_cr[3] = BOOT_TABLES_PA;
}

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

static void make_start_info(u64 memory_len, const char *command, u64 initrd_pa, u64 initrd_len)
{
    struct start_info *info = (struct start_info *)physical(BOOT_INFO_PA, sizeof *info);
    struct memmap_entry *map = (struct memmap_entry *)physical(BOOT_MEMMAP_PA, 2 * sizeof *map);
    struct module_entry *module = (struct module_entry *)physical(BOOT_MODULE_PA, sizeof *module);

    map[0] = (struct memmap_entry){.pa = 0, .length = LOW_MEMORY_END, .type = 1};
    map[1] = (struct memmap_entry){.pa = HIGH_MEMORY, .length = memory_len - HIGH_MEMORY, .type = 1};
    *info = (struct start_info){
        .magic = 0x336ec578, .version = 1, .command_pa = BOOT_COMMAND_PA, .memmap_pa = BOOT_MEMMAP_PA, .memmap_count = 2};
    copy_bytes(physical(BOOT_COMMAND_PA, BOOT_COMMAND_LEN), command, string_length(command) + 1);
    if (initrd_len) {
        *module = (struct module_entry){.pa = initrd_pa, .length = initrd_len};
        info->module_count = 1;
        info->modules_pa = BOOT_MODULE_PA;
    }
}

static void put(u8 *to, u64 value, unsigned bytes)
{
    copy_bytes(to, &value, bytes);
}

/* The same for a Linux kernel entered by its 64-bit boot protocol: struct boot_params (Linux, Documentation/x86/boot.rst). */
static void make_boot_params(u64 memory_len, u64 initrd_pa, u64 initrd_len)
{
    u8 *params = physical(BOOT_PARAMS_PA, PAGE_LEN), *map = params + 0x2d0;

    for (u64 i = 0; i < PAGE_LEN; i++)
        params[i] = 0;
    put(map, 0, 8);
    put(map + 8, LOW_MEMORY_END, 8);
    put(map + 16, 1, 4); /* RAM */
    put(map + 20, HIGH_MEMORY, 8);
    put(map + 28, memory_len - HIGH_MEMORY, 8);
    put(map + 36, 1, 4);
    put(params + 0x1e8, 2, 1);           /* e820_entries */
    put(params + 0x1fe, 0xaa55, 2);      /* boot_flag */
    put(params + 0x202, 0x53726448, 4);  /* header: HdrS */
    put(params + 0x206, 0x020c, 2);      /* version 2.12 */
    put(params + 0x210, 0xff, 1);        /* type_of_loader: none that has a number */
    put(params + 0x211, 1, 1);           /* loadflags: LOADED_HIGH */
    put(params + 0x218, initrd_pa, 4);
    put(params + 0x21c, initrd_len, 4);
    put(params + 0x228, BOOT_COMMAND_PA, 4);
}

/* `command` with its NUL takes no more than BOOT_COMMAND_LEN. */
void firmware(u64 memory_len, const char *command, u64 initrd_pa, u64 initrd_len)
{
    make_page_tables(memory_len);
    make_start_info(memory_len, command, initrd_pa, initrd_len);
    make_boot_params(memory_len, initrd_pa, initrd_len);
    vcpu.selector[SEG_CS] = 0x08; /* flat; the guest loads its own table before it uses a selector */
    frame.reg[RBX] = BOOT_INFO_PA;
    frame.reg[RSI] = BOOT_PARAMS_PA;
    frame.rip = vcpu_guest_entry_va;
    frame.flags = FLAG_IF | FLAG_ONE;
}
