/*
 * The reserve of an x86-64 guest: room inside the guest's own segments that receives a target's interface module.
 * Link this file's object into the guest, once. docs/formats.md says what the linker finds here.
 *
 *   PREVIRT_RESERVE_TEXT, PREVIRT_RESERVE_DATA   sizes in bytes, multiples of 4096
 *   PREVIRT_ENTRY                                the guest's 64-bit entry; a weak symbol, 0 in the note if undefined
 */
#ifndef PREVIRT_RESERVE_TEXT
#define PREVIRT_RESERVE_TEXT 131072
#endif
#ifndef PREVIRT_RESERVE_DATA
#define PREVIRT_RESERVE_DATA 262144
#endif
#ifndef PREVIRT_ENTRY
#define PREVIRT_ENTRY startup_64
#endif

#if PREVIRT_RESERVE_TEXT % 4096 || PREVIRT_RESERVE_DATA % 4096
#error "PREVIRT_RESERVE_TEXT and PREVIRT_RESERVE_DATA must be multiples of 4096"
#endif

#define NT_PREVIRT_BOUND 2
#define NT_PREVIRT_RESERVE 3
#define NT_PREVIRT_SPACE 4
#define PREVIRT_BOUND_LEN 40
#define PREVIRT_SPACE_LEN 512

	.weak PREVIRT_ENTRY

	/* cc is int3: a jump into what no module has filled traps */
	.section .text.previrt_reserve, "ax", @progbits
	.balign 4096
.Ltext:
	.fill PREVIRT_RESERVE_TEXT, 1, 0xcc
.Ltext_end:

	/* PROGBITS, not NOBITS: the linker needs bytes in the file to fill */
	.section .data.previrt_reserve, "aw", @progbits
	.balign 4096
.Ldata:
	.fill PREVIRT_RESERVE_DATA, 1, 0
.Ldata_end:

	/* in memory, unlike the notes of other objects: whoever binds or starts a loaded guest finds them there */
	.section .note.afterburn, "a", @note
	.balign 4
	.long 8, PREVIRT_BOUND_LEN, NT_PREVIRT_BOUND
	.asciz "previrt"
	.zero PREVIRT_BOUND_LEN

	.long 8, 40, NT_PREVIRT_RESERVE
	.asciz "previrt"
	.quad .Ltext, .Ltext_end - .Ltext
	.quad .Ldata, .Ldata_end - .Ldata
	.quad PREVIRT_ENTRY

	.long 8, PREVIRT_SPACE_LEN, NT_PREVIRT_SPACE
	.asciz "previrt"
	.zero PREVIRT_SPACE_LEN

	.section .note.GNU-stack, "", @progbits
