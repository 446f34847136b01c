/* Segment registers and descriptors (segments.c); what is different by mode: mode_segments.c. */
#ifndef VCPU_SEGMENTS_H
#define VCPU_SEGMENTS_H

#include "fault.h"
#include "rows.h"

struct descriptor {
    u64 low, high;
    u64 base;
    u32 limit;
    u8 type, dpl;
    bool is_code_or_data, present, long_mode, writable_or_readable, code, conforming;
};

#define DESCRIPTOR_ACCESSED (1ull << 40)
#define DESCRIPTOR_BUSY (1ull << 41)

enum {
    SYSTEM_TSS16_AVAILABLE = 1, SYSTEM_LDT = 2, SYSTEM_TSS16_BUSY = 3, SYSTEM_CALL_GATE16 = 4, SYSTEM_TASK_GATE = 5,
    SYSTEM_TSS_AVAILABLE = 9, SYSTEM_TSS_BUSY = 11, SYSTEM_CALL_GATE = 12,
};

bool descriptor_va(u16 selector, unsigned length, u64 *va);
struct fault set_descriptor_bits(u16 selector, u64 bits);
struct fault io_allowed(u16 port, unsigned bytes);
struct fault inspect_selector(const struct row *row, u16 selector);
void drop_privileged_segments(void);
struct fault read_descriptor(u16 selector, u8 vector, struct descriptor *descriptor);
struct fault load_segment(unsigned segment, u16 selector);
struct fault load_ldt(u16 selector);
struct fault load_task(u16 selector);

extern const u32 lar_system_types, lsl_system_types; /* a bit for each type that LAR and LSL accept */
extern const bool null_stack_allowed;                /* a null SS, below ring 3 */
struct fault read_system_part(u64 va, struct descriptor *descriptor); /* the descriptor's upper half, if it has one */
void require_flat(const struct descriptor *descriptor); /* i386 */
void segment_loaded(unsigned segment, const struct descriptor *descriptor); /* NULL: a null selector */
void segment_dropped(unsigned segment);                                     /* by a return to an outer level */

#endif
