# What the Makefiles of interface modules on x86 share: set MODULE and SOURCES (the module's own), then include this.
# ../src-i386/module.mk sets MODE, the folder of what depends on the processor mode, and the flags of that mode.
CC = gcc
VCPU := $(dir $(lastword $(MAKEFILE_LIST)))
MODE ?= $(VCPU)
MODE_FLAGS ?= -fPIC -mno-red-zone
CFLAGS := -std=gnu11 -O2 -ffreestanding $(MODE_FLAGS) -fvisibility=hidden -mgeneral-regs-only \
	-fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none -fno-jump-tables \
	-fno-tree-loop-distribute-patterns -fno-strict-aliasing -ffile-prefix-map=$(CURDIR)=. -I. -I$(MODE) -I$(VCPU) \
	-Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes
SHARED := $(addprefix $(VCPU),state.c linked.c bytes.c report.c numbers.c walk.c operands.c emulate.c op_flags.c op_ports.c op_registers.c \
	op_segments.c segments.c transfer.c interrupts.c exceptions.c features.c debug.c ports.c uart.c pit.c pic.c) \
	$(addprefix $(MODE),firmware.c control.c tables.c mode_segments.c gates.c returns.c $(MODE_SOURCES))

# One compiler call, so that nothing but the module is left behind.
$(MODULE): $(SOURCES) $(SHARED) $(wildcard *.h $(VCPU)*.h $(MODE)*.h) $(VCPU)module.lds $(VCPU)module.mk Makefile
	$(CC) $(CFLAGS) -shared -nostdlib -Wl,-T,$(VCPU)module.lds -Wl,--emit-relocs -Wl,-Bsymbolic -Wl,--no-undefined \
		-Wl,--build-id=none -Wl,--hash-style=sysv -Wl,-z,norelro -Wl,-z,noexecstack -Wl,--no-warn-rwx-segments \
		-o $@ $(SOURCES) $(SHARED)
