/* What stands in the guest's memory at its entry (firmware.c). */
#ifndef VCPU_FIRMWARE_H
#define VCPU_FIRMWARE_H

#include "types.h"

#define BOOT_COMMAND_LEN 2048
void firmware(u64 memory_len, const char *command, u64 initrd_pa, u64 initrd_len);

#endif
