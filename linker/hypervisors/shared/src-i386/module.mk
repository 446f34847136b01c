# What the Makefiles of interface modules on i386 share: set MODULE and SOURCES (the module's own), then include this.
# Code at fixed addresses: every absolute word leaves an R_386_RELATIVE, by which the linker moves the module.
MODE := $(dir $(lastword $(MAKEFILE_LIST)))
MODE_SOURCES := divide.c
MODE_FLAGS := -m32 -march=i686 -fno-pic -Wl,-z,notext
include $(MODE)../src-x86_64/module.mk
