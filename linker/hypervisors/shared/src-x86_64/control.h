/* Control, debug and model-specific registers, cpuid: control.c and features.c; debug.c. */
#ifndef VCPU_CONTROL_H
#define VCPU_CONTROL_H

#include "fault.h"

#define GUEST_PHYSICAL_BITS 40u /* MAXPHYADDR */

struct fault write_cr(unsigned number, u64 value);
struct fault read_cr(unsigned number, u64 *value);
struct fault read_msr(u32 number, u64 *value);
struct fault write_msr(u32 number, u64 value);
void control_reset(void);
void hide_features(u32 leaf, u32 out[4]); /* what this mode's virtual CPU does not have */
void guest_cpuid(void);
void features_init(void);
struct fault write_dr(unsigned number, u64 value);
struct fault read_dr(unsigned number, u64 *value);

#endif
