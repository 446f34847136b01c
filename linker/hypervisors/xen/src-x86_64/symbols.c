/*
 * The image's symbol table, which Xen's loader puts behind the image (note BSD_SYMTAB, elfnote.h): a 32-bit length, an ELF
 * header, three section headers (none, symbols, strings), then what they describe. It is the guest's memory: by the time of
 * a report the guest may have used it, so all of it is checked.
 */
#include "xen.h"

#define ELF_MAGIC 0x464c457fu
#define HEADER_LEN 64u
#define SECTION_LEN 64u
#define TYPE_NONE 0
#define TYPE_FUNCTION 2
#define NAME_MAX 128u

struct section_header {
    u32 name, type;
    u64 flags, va, offset, length;
    u32 link, info;
    u64 align, entry_length;
};

struct symbol {
    u32 name;
    u8 info, other;
    u16 section;
    u64 value, size;
};

static u64 header_pa; /* of the ELF header, 0: not found */

/* Looks for the header in [start_pa, end_pa), where the image ends and the next thing of Xen's builder begins. */
void symbols_init(u64 start_pa, u64 end_pa)
{
    u64 pa;

    for (pa = (start_pa + 7) & ~7ull; pa + 8 <= end_pa; pa += 8)
        if (((const u32 *)physical(pa, 8))[1] == ELF_MAGIC) {
            header_pa = pa + 4;
            return;
        }
}

static const u8 *section_contents(unsigned number, u64 *length)
{
    struct section_header section;
    const u8 *header = header_pa ? physical(header_pa, HEADER_LEN + 3 * SECTION_LEN) : NULL;

    if (!header || *(const u32 *)header != ELF_MAGIC)
        return NULL;
    copy_bytes(&section, header + HEADER_LEN + number * SECTION_LEN, sizeof section);
    *length = section.length;
    return physical(header_pa + section.offset, section.length);
}

void say_symbol(u64 va)
{
    struct symbol symbol, best = {0};
    u64 symbols_len, names_len, i;
    const u8 *symbols = section_contents(1, &symbols_len), *names = section_contents(2, &names_len);
    char name[NAME_MAX];

    if (!symbols || !names)
        return;
    va = linked_va(va);
    for (i = 0; i + sizeof symbol <= symbols_len; i += sizeof symbol) {
        unsigned type;

        copy_bytes(&symbol, symbols + i, sizeof symbol);
        type = symbol.info & 15;
        if ((type == TYPE_FUNCTION || type == TYPE_NONE) && symbol.section && symbol.value <= va && symbol.value > best.value)
            best = symbol;
    }
    if (!best.value || best.name >= names_len)
        return;
    for (i = 0; i + 1 < NAME_MAX && best.name + i < names_len && names[best.name + i]; i++)
        name[i] = (char)names[best.name + i];
    name[i] = 0;
    say(" <");
    say(name);
    say("+0x");
    say_hex(va - best.value);
    say(">");
}
