/*
 * Instructions: where they are found, what each of the sensitive ones does. Fields by the format numbers of SDM vol. 3,
 * chapter 4.
 */
#include "lol.h"

#define BITS(word, first, count)	((word) >> (first) & ((1UL << (count)) - 1))
#define R1(w)	BITS(w, 6, 7)
#define R2(w)	BITS(w, 13, 7)
#define R3(w)	BITS(w, 20, 7)
#define X6(w)	BITS(w, 27, 6)
#define SLOT_MASK	((1UL << 41) - 1)
#define SSC_PUT		31
#define SSC_EXIT	66
#define BREAK_SSC	0x80001

/* Words the binding sets: where the table of sites is (ia64.py has its layout). */
u64 lol_sites_va __attribute__((visibility("default")));
u64 lol_site_count __attribute__((visibility("default")));
u64 lol_rows_va __attribute__((visibility("default")));

static const char units[16][4] = {
	"MII", "MII", "MLX", "", "MMI", "MMI", "MFI", "MMF", "MIB", "MBB", "", "BBB", "MMB", "", "MFB", "",
};

struct row {
	u64 word, long_word, unit;
};
struct site {
	u64 va;
	u32 row, slot;
};

/* The site at a physical address, which is its linked address; 0 for none. */
static const struct site *find_site(u64 pa)
{
	const struct site *sites = (const struct site *)(lol_sites_va + vcpu.module_delta);
	u64 low = 0, high = lol_site_count, middle;
	struct found_site *found = &vcpu.found_sites[pa >> 4 & (FOUND_SITES - 1)];

	if (found->pa == pa)
		return found->site;
	found->pa = pa;
	while (low < high) {
		middle = (low + high) / 2;
		if (sites[middle].va < pa)
			low = middle + 1;
		else
			high = middle;
	}
	found->site = low < lol_site_count && sites[low].va == pa ? &sites[low] : 0;
	return found->site;
}

/* The instruction at an address, for a site the one that stood there; 0 where it cannot be read. */
int fetch(u64 ip, struct instruction *insn, u64 *faulting)
{
	const struct site *site;
	struct translation t;
	struct fault fault;
	u64 slot = ip & 3, *bundle;
	const char *unit;

	*faulting = ip & ~15UL;
	if (!guest_translate(*faulting, EXECUTE, ISR_X, &t, &fault) || !(bundle = guest_memory(t.pa, 16)))
		return 0;
	site = find_site(t.pa);
	insn->site = site != 0;
	insn->long_word = 0;
	if (site) {
		const struct row *row = (const struct row *)(lol_rows_va + vcpu.module_delta) + site->row;

		insn->word = row->word;
		insn->long_word = row->long_word;
		insn->unit = row->unit;
		return 1;
	}
	unit = units[bundle[0] >> 1 & 15];
	if (!unit[0])
		return 0;
	insn->unit = unit[slot];
	switch (slot) {
	case 0:
		insn->word = bundle[0] >> 5 & SLOT_MASK;
		break;
	case 1:
		insn->word = (bundle[0] >> 46 | bundle[1] << 18) & SLOT_MASK;
		if (insn->unit != 'L')
			break;
		insn->long_word = insn->word;
		insn->unit = 'X';
		/* fall through */
	default:
		insn->word = bundle[1] >> 23 & SLOT_MASK;
		break;
	}
	return 1;
}

/* Whether it is a break, and what cr.iim gets of it. */
int is_break(const struct instruction *insn, u64 *immediate)
{
	u64 w = insn->word, imm21 = BITS(w, 6, 20) | BITS(w, 36, 1) << 20;

	*immediate = imm21;
	switch (insn->unit) {
	case 'M':
		return BITS(w, 37, 4) == 0 && BITS(w, 33, 3) == 0 && BITS(w, 27, 6) == 0;
	case 'I':
		return BITS(w, 37, 4) == 0 && BITS(w, 33, 3) == 0 && X6(w) == 0;
	case 'F':
		return BITS(w, 37, 4) == 0 && BITS(w, 33, 1) == 0 && X6(w) == 0;
	case 'B':
		*immediate = 0;	/* break.b keeps its immediate to itself */
		return BITS(w, 37, 4) == 0 && X6(w) == 0;
	case 'X':
		*immediate = insn->long_word << 21 | imm21;
		return BITS(w, 37, 4) == 0 && BITS(w, 33, 3) == 0 && X6(w) == 0;
	}
	return 0;
}

static void emulate_break(struct guest *g, u64 immediate)
{
	if (immediate == BREAK_SSC) {
		u64 number = get_gr(g, 15);

		if (number == SSC_PUT)
			console_put(get_gr(g, 32));
		else if (number == SSC_EXIT) {
			u64 status = get_gr(g, 32) & 0xff;

			console_flush();
			lol_system_call(status, 0, 0, 0, 0, 0, NR_exit_group);
		} else
			set_gr(g, 8, ~0UL);
		next_instruction(g);
		return;
	}
	if (vcpu.psr_ic)
		vcpu.cr[CR_IIM] = immediate;
	deliver(g, V_BREAK, 0);
}

/* A non-access reference: the fault's ISR (vol. 2, table 5-2). */
#define NA_TPA		0
#define NA_TAK		3
#define NA_PROBE	2
#define NA_PROBE_FAULT	5

/* The host says no more than SIGILL; what is not privileged has a reserved value in a register or field. */
static void reserved(struct guest *g)
{
	general_exception(g, GE_RESERVED);
}

static void mov_to_cr(struct guest *g, u64 number, u64 value)
{
	switch (number) {
	case CR_ITM:
	case CR_ITV:
		vcpu.cr[number] = value;
		timer_set();
		break;
	case CR_IVA:
		vcpu.cr[number] = value & ~0x7fffUL;
		break;
	case CR_TPR:
		vcpu.cr[number] = value & 0x100f0;
		interrupts_update();
		break;
	case CR_EOI:
		interrupts_end();
		break;
	case CR_PMV:
	case CR_CMCV:
		vcpu.cr[number] = value & 0x100ff;
		break;
	case CR_IVR:
	case CR_IRR0 ... CR_IRR0 + 3:
		general_exception(g, GE_ILLEGAL);
		return;
	case CR_PTA:
		vcpu.cr[number] = value;
		mappings_check();
		break;
	default:
		vcpu.cr[number] = value;
		break;
	}
	next_instruction(g);
}

static u64 mov_from_cr(u64 number)
{
	if (number == CR_IVR)
		return interrupts_acknowledge();
	if (number >= CR_IRR0 && number < CR_IRR0 + 4)
		return vcpu.irr[number - CR_IRR0];
	if (number == CR_EOI)
		return 0;
	return vcpu.cr[number];
}

static u64 *indexed(u64 x6, u64 index)
{
	switch (x6 & 15) {
	case 0: return &vcpu.rr[index >> 61];
	case 1: return &vcpu.dbr[index & 15];
	case 2: return &vcpu.ibr[index & 15];
	case 3: return &vcpu.pkr[index & 15];
	case 4: return &vcpu.pmc[index & 15];
	default: return &vcpu.pmd[index & 15];
	}
}

static void mov_to_indexed(struct guest *g, u64 x6, u64 index, u64 value)
{
	u64 i;

	if (x6 == 0 && (value & 2 || value >> 32)) {
		general_exception(g, GE_RESERVED);
		return;
	}
	if (x6 == 3)
		for (i = 0; i < 16; i++)
			if (vcpu.pkr[i] >> 8 == value >> 8 && i != (index & 15))
				vcpu.pkr[i] &= ~1UL;
	*indexed(x6, index) = value;
	if (x6 == 0 || x6 == 3)
		mappings_check();
	next_instruction(g);
}

static void probe(struct guest *g, u64 w, u64 x6)
{
	int fault_form = x6 >= 0x31 && x6 <= 0x33;
	u64 level = x6 >= 0x38 ? get_gr(g, R2(w)) & 3 : BITS(w, 13, 2);
	u64 wanted = fault_form ? (x6 == 0x31 ? READ | WRITE : x6 == 0x32 ? READ : WRITE) : x6 & 1 ? WRITE : READ;
	u64 isr = ISR_NA | (wanted & READ ? ISR_R : 0) | (wanted & WRITE ? ISR_W : 0), cpl = CPL;
	struct translation t;
	struct fault fault;
	int found;

	if (level < cpl)
		level = cpl;
	if (!(vcpu.psr & PSR_DT))
		t.prot = READ | WRITE;
	else {
		vcpu.psr |= level << 32;	/* the rights are looked at for the level asked about */
		found = guest_translate(get_gr(g, R3(w)), READ, fault_form ? isr : ISR_NA, &t, &fault);
		vcpu.psr = (vcpu.psr & ~PSR_CPL) | cpl << 32;
		if (!found) {
			fault.isr = isr | (fault_form ? NA_PROBE_FAULT : NA_PROBE);
			deliver_fault(g, &fault);
			return;
		}
	}
	if (!fault_form)
		set_gr(g, R1(w), !(wanted & ~access_rights(t.ar, t.pl, level)) || !(vcpu.psr & PSR_DT));
	next_instruction(g);
}

static void tpa(struct guest *g, u64 w)
{
	struct tlb_entry *entry;
	struct translation t;
	struct fault fault;
	u64 va = get_gr(g, R3(w));

	if (!tlb_lookup(va, 0, &t, &fault, ISR_NA | NA_TPA) && fault.vector != V_DACCESS_BIT) {
		deliver_fault(g, &fault);
		return;
	}
	entry = tlb_find(&vcpu.dtlb, va);
	if (!entry)
		stop(g, "tpa of an address without translation", va);
	set_gr(g, R1(w), t.pa);
	next_instruction(g);
}

static void insert(struct guest *g, u64 x6, u64 w)
{
	int registers = (x6 & ~1UL) == 0x0e, execute = x6 & 1;
	struct tlb *tlb = execute ? &vcpu.itlb : &vcpu.dtlb;
	u64 size_log2 = vcpu.cr[CR_ITIR] >> 2 & 63, pte = get_gr(g, R2(w));

	if (vcpu.psr_ic) {
		general_exception(g, GE_ILLEGAL);
		return;
	}
	if (size_log2 < 12 || size_log2 > 28 || vcpu.cr[CR_ITIR] >> 32 || (pte & 1 && (pte & 2 || pte >> 50 & 3))) {
		general_exception(g, GE_RESERVED);
		return;
	}
	if (!registers)
		tlb_insert_cached(tlb, pte);
	else if (!tlb_insert_register(tlb, get_gr(g, R3(w)) & 0xff, pte)) {
		general_exception(g, GE_RESERVED);
		return;
	}
	mappings_check();
	next_instruction(g);
}

static void purge(struct guest *g, u64 x6, u64 w)
{
	u64 va = get_gr(g, R3(w)), i, size_log2 = get_gr(g, R2(w)) >> 2 & 63;

	if (x6 == 0x34) {
		for (i = 0; i < TC_COUNT; i++)
			vcpu.dtlb.tc[i].valid = vcpu.itlb.tc[i].valid = 0;
	} else {
		if (x6 != 0x0d)
			tlb_purge(&vcpu.dtlb, va, size_log2, x6 == 0x0c);
		if (x6 != 0x0c)
			tlb_purge(&vcpu.itlb, va, size_log2, x6 == 0x0d);
	}
	mappings_check();
	next_instruction(g);
}

static void mov_ar(struct guest *g, u64 number, int to, u64 value, u64 destination)
{
	if (number > 7 && number != 44 && number != 45) {
		reserved(g);
		return;
	}
	if (!to) {
		set_gr(g, destination, number >= 44 ? virtual_itc() : vcpu.kr[number]);
	} else if (CPL) {
		general_exception(g, GE_REGISTER);
		return;
	} else if (number >= 44) {
		vcpu.itc_offset += value - virtual_itc();
		timer_set();
	} else {
		vcpu.kr[number] = value;
	}
	next_instruction(g);
}

static void change_psr(struct guest *g, u64 psr)
{
	next_instruction(g);
	set_psr(g, psr);
}

static void memory_unit_1(struct guest *g, const struct instruction *insn)
{
	u64 w = insn->word, x6 = X6(w), entry_key;
	struct tlb_entry *entry;

	switch (x6) {
	case 0x00 ... 0x05:
		mov_to_indexed(g, x6, get_gr(g, R3(w)), get_gr(g, R2(w)));
		return;
	case 0x10 ... 0x15:
		set_gr(g, R1(w), *indexed(x6, get_gr(g, R3(w))));
		next_instruction(g);
		return;
	case 0x09 ... 0x0d:
	case 0x34:
		purge(g, x6, w);
		return;
	case 0x0e ... 0x0f:
	case 0x2e ... 0x2f:
		insert(g, x6, w);
		return;
	case 0x18 ... 0x19:
	case 0x31 ... 0x33:
	case 0x38 ... 0x39:
		probe(g, w, x6);
		return;
	case 0x1a:
		set_gr(g, R1(w), hash_address(get_gr(g, R3(w))));
		break;
	case 0x1b:
		set_gr(g, R1(w), hash_tag(get_gr(g, R3(w))));
		break;
	case 0x1e:
		tpa(g, w);
		return;
	case 0x1f:
		entry = tlb_find(&vcpu.dtlb, get_gr(g, R3(w)));
		entry_key = entry && entry->pte & 1 ? (u64)entry->key << 8 : 1;
		set_gr(g, R1(w), entry_key);
		break;
	case 0x22:
		mov_ar(g, R3(w), 0, 0, R1(w));
		return;
	case 0x2a:
		mov_ar(g, R3(w), 1, get_gr(g, R2(w)), 0);
		return;
	case 0x24:
		set_gr(g, R1(w), mov_from_cr(R3(w)));
		break;
	case 0x25:
		set_gr(g, R1(w), full_psr(g) & PSR_READABLE);
		break;
	case 0x2c:
		mov_to_cr(g, R3(w), get_gr(g, R2(w)));
		return;
	case 0x2d:
		change_psr(g, (full_psr(g) & ~0xffffffffUL) | (get_gr(g, R2(w)) & 0xffffffff));
		return;
	default:
		reserved(g);
	}
	next_instruction(g);
}

static void memory_unit_0(struct guest *g, const struct instruction *insn)
{
	u64 w = insn->word, x4 = BITS(w, 27, 4), imm24 = BITS(w, 6, 21) | BITS(w, 31, 2) << 21 | BITS(w, 36, 1) << 23;
	s64 imm8 = (s64)((BITS(w, 13, 7) | BITS(w, 36, 1) << 7) << 56) >> 56;

	if (x4 == 6)
		change_psr(g, full_psr(g) | imm24);
	else if (x4 == 7)
		change_psr(g, full_psr(g) & ~imm24);
	else if (x4 == 8 && BITS(w, 31, 2) == 2)
		mov_ar(g, R3(w), 1, imm8, 0);
	else if (x4 < 2 && BITS(w, 31, 2) == 3)
		next_instruction(g);	/* srlz: the host has done it */
	else
		reserved(g);
}

static void branch_unit(struct guest *g, const struct instruction *insn)
{
	switch (X6(insn->word)) {
	case 0x02:
		emulate_cover(g);
		break;
	case 0x08:
		if (CPL)
			general_exception(g, GE_PRIVILEGED);
		else
			emulate_rfi(g);
		break;
	case 0x0c ... 0x0d:
		if (CPL)
			general_exception(g, GE_PRIVILEGED);
		else
			change_psr(g, (full_psr(g) & ~PSR_BN) | (X6(insn->word) & 1 ? PSR_BN : 0));
		break;
	case 0x10:
		emulate_epc(g);
		break;
	default:
		reserved(g);
	}
}

/* Which are allowed at any level: probe, thash, ttag, moves from application registers. */
static int unprivileged(u64 w)
{
	u64 x6 = X6(w);

	return BITS(w, 37, 4) == 1
	       && (x6 == 0x22 || x6 == 0x2a || x6 == 0x1a || x6 == 0x1b || x6 == 0x15 || (x6 & 0x3e) == 0x18
		   || (x6 >= 0x31 && x6 <= 0x33) || (x6 & 0x3e) == 0x38);
}

static int source_is_nat(struct guest *g, u64 w)
{
	u64 x6 = X6(w);
	int reads_r2 = x6 < 6 || (x6 >= 9 && x6 <= 0xf) || x6 == 0x2a || x6 == 0x2c || x6 == 0x2d || (x6 & 0x3e) == 0x2e
		       || (x6 & 0x3e) == 0x38;
	int reads_r3 = !(x6 >= 0x20 && x6 <= 0x2f) && x6 != 0x1a && x6 != 0x1b;

	return (reads_r2 && is_nat(g, R2(w))) || (reads_r3 && is_nat(g, R3(w)));
}

/* Do what one sensitive instruction does; its predicate is true. */
void emulate(struct guest *g, struct instruction *insn)
{
	u64 w = insn->word, immediate;

	if (is_break(insn, &immediate))
		emulate_break(g, immediate);
	else if (insn->unit == 'B' && BITS(w, 37, 4) == 0)
		branch_unit(g, insn);
	else if (insn->unit == 'M' && BITS(w, 33, 3) == 0 && BITS(w, 37, 4) <= 1) {
		if (CPL && !unprivileged(w))
			general_exception(g, GE_PRIVILEGED);
		else if (BITS(w, 37, 4) == 1) {
			if (source_is_nat(g, w))
				deliver(g, V_NAT, 0x10);
			else
				memory_unit_1(g, insn);
		} else
			memory_unit_0(g, insn);
	} else
		reserved(g);
}
