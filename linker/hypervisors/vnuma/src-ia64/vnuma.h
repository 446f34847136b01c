/* The vNUMA guest interface, version 1, as far as the module uses it: docs/vnuma-abi.md. */

#define VNUMA_MAGIC	0x414d554e76	/* "vNUMA" in r8 at the start */
#define VNUMA_VERSION	1		/* in r9 */

/* Hypercalls: break immediates, the operation shifted by 7 and a register's number. */
#define VNUMA_CONSOLE_PUT(reg)	(0x1d0000 + (1 << 7) + (reg))
#define VNUMA_EXIT(reg)		(0x1d0000 + (2 << 7) + (reg))
