/*
 * Hooks of the original afterburner (docs/l4ka.md): functions that a guest imports by name, and words of the guest that
 * this module reads, which the guest exports. The linker binds both; a guest without them is as good.
 *
 * Page tables and DMA are here what they are on hardware, so that the functions are short: page tables are the guest's
 * own memory, and a bus address is a physical one.
 */
#include "lol.h"

/*
 * The guest calls these as C functions, as the original's did: on i386 with up to three arguments in registers, on
 * x86-64 by the System V ABI. Interrupts are delivered behind them, as in all of this text.
 */
#ifdef __i386__
#define HOOK EXPORT __attribute__((regparm(3)))
#else
#define HOOK EXPORT
#endif

HOOK void hook_set_pte(volatile uword *entry, uword value, int level);
HOOK uword hook_read_pte(uword value);
HOOK uword hook_pte_test_and_clear(volatile uword *entry, uword bits);
HOOK uword hook_pte_get_and_clear(volatile uword *entry);
HOOK void hook_free_pgd(uword *directory);
HOOK uword hook_phys_to_dma(uword pa, uword length);
HOOK uword hook_dma_to_phys(uword address);
HOOK uword hook_dma_coherent_check(uword pa, uword length);

HOOK void hook_set_pte(volatile uword *entry, uword value, int level)
{
    (void)level;
    *entry = value;
}

HOOK uword hook_read_pte(uword value)
{
    return value;
}

HOOK uword hook_pte_test_and_clear(volatile uword *entry, uword bits)
{
    return (__atomic_fetch_and(entry, ~bits, __ATOMIC_SEQ_CST) & bits) != 0;
}

HOOK uword hook_pte_get_and_clear(volatile uword *entry)
{
    return __atomic_exchange_n(entry, 0, __ATOMIC_SEQ_CST);
}

HOOK void hook_free_pgd(uword *directory)
{
    (void)directory;
}

HOOK uword hook_phys_to_dma(uword pa, uword length)
{
    (void)length;
    return pa;
}

HOOK uword hook_dma_to_phys(uword address)
{
    return address;
}

HOOK uword hook_dma_coherent_check(uword pa, uword length)
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
    u64 va;
    uword value;

    if (!guest_burn_prof_counters_start)
        return;
    for (va = guest_burn_prof_counters_start; va + sizeof value <= guest_burn_prof_counters_end; va += sizeof value) {
        if (system_read(va, &value, sizeof value).raised || !value)
            continue;
        say("previrt-lol: guest counter ");
        say_decimal((va - guest_burn_prof_counters_start) / sizeof value);
        say(" is ");
        say_decimal(value);
        say("\n");
    }
}
