/* What entry.S says about the host and the module. */
#ifndef LOL_ABI_H
#define LOL_ABI_H

#define HOST_CS 0x33 /* Linux: __USER_CS, arch/x86/include/asm/segment.h */
#define HOST_SS 0x2b /* __USER_DS */

#define LOL_ABI 3

#endif
