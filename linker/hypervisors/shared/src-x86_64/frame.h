/* Offsets shared by entry.S and vcpu.h. */
#ifndef VCPU_FRAME_H
#define VCPU_FRAME_H

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
/* Four words of the module's own. */
#define F_HOST_WORDS 128
/* What iretq pops, in its order: RIP, CS, flags, RSP, SS. */
#define F_RIP 160
#define F_HOST_CS 168
#define F_FLAGS 176
#define F_IRET_RSP 184
#define F_HOST_SS 192
#define F_LEN 200

#endif
