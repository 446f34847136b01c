/* Numbers that assembly needs too; from Xen's public headers xen.h, arch-x86/xen.h and arch-x86/xen-x86_64.h. */
#ifndef XEN_ABI_H
#define XEN_ABI_H

#define XEN_MODULE_ABI 3

#define HYPERVISOR_IRET 23
#define HYPERCALL_STUB_LEN 32
#define FLAT_CS 0xe033 /* FLAT_RING3_CS64 */
#define FLAT_SS 0xe02b /* FLAT_RING3_SS64 */

/* What traps.c is told beside the hardware's vectors. */
#define TRAP_SITE 0x80
#define TRAP_EVENT 0x100
#define TRAP_SYSCALL 0x101
#define TRAP_FAILSAFE 0x102

#endif
