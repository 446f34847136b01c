/*
 * Hooks of the original afterburner (docs/l4ka.md): functions that a guest imports by name, and words of the guest that
 * this module reads, which the guest exports. The linker binds both; a guest without them is as good.
 *
 * Page tables and DMA are here what they are on hardware, so that the functions are short: page tables are the guest's
 * own memory, and a bus address is a physical one.
 */
#include "lol.h"

/* The guest calls these as C functions (System V ABI); interrupts are delivered behind them, as in all of this text. */
EXPORT void hook_set_pte(volatile u64 *entry, u64 value, int level);
EXPORT u64 hook_read_pte(u64 value);
EXPORT u64 hook_pte_test_and_clear(volatile u64 *entry, u64 bits);
EXPORT u64 hook_pte_get_and_clear(volatile u64 *entry);
EXPORT void hook_free_pgd(u64 *directory);
EXPORT u64 hook_phys_to_dma(u64 pa, u64 length);
EXPORT u64 hook_dma_to_phys(u64 address);
EXPORT u64 hook_dma_coherent_check(u64 pa, u64 length);

void hook_set_pte(volatile u64 *entry, u64 value, int level)
{
    (void)level;
    *entry = value;
}

u64 hook_read_pte(u64 value)
{
    return value;
}

u64 hook_pte_test_and_clear(volatile u64 *entry, u64 bits)
{
    return (__atomic_fetch_and(entry, ~bits, __ATOMIC_SEQ_CST) & bits) != 0;
}

u64 hook_pte_get_and_clear(volatile u64 *entry)
{
    return __atomic_exchange_n(entry, 0, __ATOMIC_SEQ_CST);
}

void hook_free_pgd(u64 *directory)
{
    (void)directory;
}

u64 hook_phys_to_dma(u64 pa, u64 length)
{
    (void)length;
    return pa;
}

u64 hook_dma_to_phys(u64 address)
{
    return address;
}

u64 hook_dma_coherent_check(u64 pa, u64 length)
{
    (void)pa, (void)length;
    return 1;
}

/* Written by the linker: addresses of what the guest exports, 0 without. */
LINKER_WORD guest_burn_prof_counters_start;
LINKER_WORD guest_burn_prof_counters_end;

/* The guest's own profile counters, words between two labels; those that are 0 are passed over. */
void say_guest_counters(void)
{
    u64 va, value;

    if (!guest_burn_prof_counters_start)
        return;
    for (va = guest_burn_prof_counters_start; va + 8 <= guest_burn_prof_counters_end; va += 8) {
        if (system_read(va, &value, 8).raised || !value)
            continue;
        say("previrt-lol: guest counter ");
        say_decimal((va - guest_burn_prof_counters_start) / 8);
        say(" is ");
        say_decimal(value);
        say("\n");
    }
}
