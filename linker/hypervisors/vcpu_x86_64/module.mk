# What the Makefiles of interface modules on x86-64 share: set MODULE and SOURCES (the module's own), then include this.
CC = gcc
VCPU := $(dir $(lastword $(MAKEFILE_LIST)))
CFLAGS := -std=gnu11 -O2 -ffreestanding -fPIC -fvisibility=hidden -mgeneral-regs-only -mno-red-zone \
	-fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none -fno-jump-tables \
	-fno-tree-loop-distribute-patterns -fno-strict-aliasing -ffile-prefix-map=$(CURDIR)=. -I. -I$(VCPU) \
	-Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes
SHARED := $(addprefix $(VCPU),linked.c firmware.c emulate.c exceptions.c interrupts.c walk.c segments.c control.c transfer.c ports.c \
	uart.c pit.c pic.c bytes.c report.c)

# One compiler call, so that nothing but the module is left behind.
$(MODULE): $(SOURCES) $(SHARED) $(wildcard *.h $(VCPU)*.h) $(VCPU)module.lds $(VCPU)module.mk Makefile
	$(CC) $(CFLAGS) -shared -nostdlib -Wl,-T,$(VCPU)module.lds -Wl,--emit-relocs -Wl,-Bsymbolic -Wl,--no-undefined \
		-Wl,--build-id=none -Wl,--hash-style=sysv -Wl,-z,norelro -Wl,-z,noexecstack -Wl,--no-warn-rwx-segments \
		-o $@ $(SOURCES) $(SHARED)
