/* Offsets shared by entry.S and vcpu.h (struct frame). */
#ifndef VCPU_FRAME_H
#define VCPU_FRAME_H

#define F_RAX 0
#define F_RCX 4
#define F_RDX 8
#define F_RBX 12
#define F_RSP 16 /* the guest's stack pointer; general register 4 in encoding order */
#define F_RBP 20
#define F_RSI 24
#define F_RDI 28
#define F_RIP 48
#define F_FLAGS 56
#define F_LEN 68

#endif
