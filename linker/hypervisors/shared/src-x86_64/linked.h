/* What the linker tells the module (x86_64_vcpu.py): words that it writes, rows and sites. */
#ifndef VCPU_LINKED_H
#define VCPU_LINKED_H

#include "rows.h"

extern u64 vcpu_rows_va, vcpu_sites_va, vcpu_sites_base_va, vcpu_site_count, vcpu_guest_entry_va;
extern u64 vcpu_text_va, vcpu_text_len, vcpu_data_va, vcpu_data_len;

extern u64 vcpu_virtual_offset; /* virtual minus physical address of the image, 0: unknown, or none */
u64 linked_va(u64 va);
const struct site *site_at(u64 va); /* by linked address */
u64 site_start_va(const struct site *site);
const struct row *site_row(const struct site *site);

static inline bool in_module_text(u64 va)
{
    return va - vcpu_text_va < vcpu_text_len;
}

#endif
