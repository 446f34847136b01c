/*
 * The virtual CPU and its machine (docs/machine.md), as interface modules on x86-64 and i386 share them: a header for each
 * concern, leaves first. What depends on the processor mode is in files of its own, of the same names here and in
 * ../src-i386/: mode.h, mode_segments.c, gates.c, returns.c, control.c, tables.c, firmware.c.
 *
 * All of it works on `frame`, the guest's registers. A module brings them there and back, and has what host.h declares.
 * Nothing here follows a guest pointer: the guest's page tables are walked and guest-physical memory is reached through
 * physical(), so that every fault met is the guest's and is raised as such.
 *
 * No file here needs another that needs it, also not through a module's: tests/lol_x86_64/test_module_files.py.
 */
#ifndef VCPU_H
#define VCPU_H

#include "types.h"
#include "fault.h"
#include "rows.h"
#include "state.h"
#include "bytes.h"
#include "linked.h"
#include "host.h"
#include "report.h"
#include "memory.h"
#include "operands.h"
#include "segments.h"
#include "control.h"
#include "devices.h"
#include "transfer.h"
#include "interrupts.h"
#include "operations.h"
#include "firmware.h"

#endif
