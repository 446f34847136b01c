/*
 * The reserve of an ia64 guest: room inside the guest's own segments that receives a target's interface module.
 * Link this file's object into the guest, once. docs/formats.md says what the linker finds here.
 *
 *   PREVIRT_RESERVE_TEXT, PREVIRT_RESERVE_DATA   sizes in bytes, multiples of 16384
 *   PREVIRT_ENTRY                                the guest's entry; a weak symbol, 0 in the note if undefined
 */
#ifndef PREVIRT_RESERVE_TEXT
#define PREVIRT_RESERVE_TEXT 131072
#endif
#ifndef PREVIRT_RESERVE_DATA
#define PREVIRT_RESERVE_DATA 131072
#endif
#ifndef PREVIRT_ENTRY
#define PREVIRT_ENTRY _start
#endif

/* a page of Linux and of Xen on ia64 */
#define PREVIRT_PAGE_LEN 16384

#if PREVIRT_RESERVE_TEXT % PREVIRT_PAGE_LEN || PREVIRT_RESERVE_DATA % PREVIRT_PAGE_LEN
#error "PREVIRT_RESERVE_TEXT and PREVIRT_RESERVE_DATA must be multiples of 16384"
#endif

#define NT_PREVIRT_BOUND 2
#define NT_PREVIRT_RESERVE 3
#define NT_PREVIRT_SPACE 4
#define PREVIRT_BOUND_LEN 40
#define PREVIRT_SPACE_LEN 512

	.weak PREVIRT_ENTRY

	/* zero is break 0 in every slot: a jump into what no module has filled traps */
	.section .text.previrt_reserve, "ax", @progbits
	.balign PREVIRT_PAGE_LEN
.Ltext:
	.skip PREVIRT_RESERVE_TEXT
.Ltext_end:

	/* PROGBITS, not NOBITS: the linker needs bytes in the file to fill */
	.section .data.previrt_reserve, "aw", @progbits
	.balign PREVIRT_PAGE_LEN
.Ldata:
	.skip PREVIRT_RESERVE_DATA
.Ldata_end:

	/* in memory, unlike the notes of other objects: whoever binds or starts a loaded guest finds them there */
	.section .note.afterburn, "a", @note
	.balign 4
	data4 8, PREVIRT_BOUND_LEN, NT_PREVIRT_BOUND
	stringz "previrt"
	.skip PREVIRT_BOUND_LEN

	data4 8, 40, NT_PREVIRT_RESERVE
	stringz "previrt"
	data8.ua .Ltext, .Ltext_end - .Ltext
	data8.ua .Ldata, .Ldata_end - .Ldata
	data8.ua PREVIRT_ENTRY

	data4 8, PREVIRT_SPACE_LEN, NT_PREVIRT_SPACE
	stringz "previrt"
	.skip PREVIRT_SPACE_LEN

	.section .note.GNU-stack, "", @progbits
