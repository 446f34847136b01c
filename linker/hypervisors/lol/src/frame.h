/* Offsets shared by entry.S and lol.h. */
#ifndef LOL_FRAME_H
#define LOL_FRAME_H

#define F_RAX 0
#define F_RCX 8
#define F_RDX 16
#define F_RBX 24
#define F_RSP 32 /* the guest's stack pointer; general register 4 in encoding order */
#define F_RBP 40
#define F_RSI 48
#define F_RDI 56
#define F_R8 64
#define F_R15 120
/* What iretq pops, in its order: RIP, CS, flags, RSP, SS. */
#define F_RIP 128
#define F_FLAGS 144
#define F_IRET_RSP 152

#define HOST_CS 0x33 /* Linux: __USER_CS, arch/x86/include/asm/segment.h */
#define HOST_SS 0x2b /* __USER_DS */

#define LOL_ABI 1

#endif
