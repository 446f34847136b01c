/* What the linker tells the module: the words and tables of x86_64_vcpu.py. A leaf. */
#include "vcpu.h"

u64 vcpu_virtual_offset;

/* Written by the linker. */
LINKER_WORD vcpu_rows_va;
LINKER_WORD vcpu_sites_va;
LINKER_WORD vcpu_sites_base_va;
LINKER_WORD vcpu_site_count;
LINKER_WORD vcpu_guest_entry_va;
LINKER_WORD vcpu_text_va;
LINKER_WORD vcpu_text_len;
LINKER_WORD vcpu_data_va;
LINKER_WORD vcpu_data_len;

const struct row *site_row(const struct site *site)
{
    return (const struct row *)(uword)vcpu_rows_va + site->row;
}

u64 site_start_va(const struct site *site)
{
    return vcpu_sites_base_va + (site->start_off | (u64)site->start_high << 32);
}

/* Before a kernel has its own page tables it runs where its memory is; sites and module are known by linked addresses. */
u64 linked_va(u64 va)
{
    return vcpu_virtual_offset && va < vcpu_virtual_offset ? va + vcpu_virtual_offset : va;
}

/* The site that holds `va`, NULL when none does. */
const struct site *site_at(u64 va)
{
    const struct site *sites = (const struct site *)(uword)vcpu_sites_va;
    u64 low = 0, high = vcpu_site_count;

    while (low < high) {
        u64 middle = (low + high) / 2;
        u64 start_va = site_start_va(&sites[middle]);

        if (va < start_va)
            high = middle;
        else if (va - start_va >= sites[middle].length)
            low = middle + 1;
        else
            return &sites[middle];
    }
    return NULL;
}
