/* Words of the sources that all interface modules on x86 share, and how symbols leave a module. */
#ifndef VCPU_TYPES_H
#define VCPU_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <mode.h> /* of the processor mode that the module is for, found by -I */

typedef uint8_t u8;
typedef int8_t s8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;
typedef uintptr_t uword; /* a general register of the guest */

#define EXPORT __attribute__((visibility("default"), used))
/* A word that the linker writes. In .data, for the linker fills the file's bytes. */
#define LINKER_WORD __attribute__((section(".data"))) EXPORT u64

#endif
