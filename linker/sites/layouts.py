"""Made by `make layouts` of `definitions.py` (construct) and of pyelftools' ELF headers: do not edit."""

from linker.sites.layout import Layout

RECORD_64 = Layout("<QQ", "start_va end_va")
RECORD_32 = Layout("<LL", "start_va end_va")
INFO = Layout("<HHLLL", "class_number flags scratch line file_off")
NOTE_ANNOTATION = Layout("<HHHH24s", "version machine record_len info_len producer:text")
NOTE_BOUND = Layout("<16sLLQQ", "target:text module_abi flags saved_entry_va site_count")
NOTE_RESERVE = Layout("<QQQQQ", "text_va text_len data_va data_len entry_va")
NOTE_MODULE = Layout("<16sHHL", "target:text machine zero:0 module_abi")
ORIGINAL = Layout("<16sQQ", "target:text length flags")

# By EI_CLASS.
ELF_HEADER = {
    1: Layout(
        "<16sHHLLLLLHHHHHH",
        "e_ident e_type e_machine e_version e_entry e_phoff e_shoff e_flags e_ehsize e_phentsize "
        "e_phnum e_shentsize e_shnum e_shstrndx",
    ),
    2: Layout(
        "<16sHHLQQQLHHHHHH",
        "e_ident e_type e_machine e_version e_entry e_phoff e_shoff e_flags e_ehsize e_phentsize "
        "e_phnum e_shentsize e_shnum e_shstrndx",
    ),
}
SECTION_HEADER = {
    1: Layout(
        "<LLLLLLLLLL",
        "sh_name sh_type sh_flags sh_addr sh_offset sh_size sh_link sh_info sh_addralign sh_entsize",
    ),
    2: Layout(
        "<LLQQQQLLQQ",
        "sh_name sh_type sh_flags sh_addr sh_offset sh_size sh_link sh_info sh_addralign sh_entsize",
    ),
}
PROGRAM_HEADER = {
    1: Layout(
        "<LLLLLLLL",
        "p_type p_offset p_vaddr p_paddr p_filesz p_memsz p_flags p_align",
    ),
    2: Layout(
        "<LLQQQQQQ",
        "p_type p_flags p_offset p_vaddr p_paddr p_filesz p_memsz p_align",
    ),
}

FILE_TYPES = {
    0x0: "ET_NONE",
    0x1: "ET_REL",
    0x2: "ET_EXEC",
    0x3: "ET_DYN",
    0x4: "ET_CORE",
    0xFF00: "ET_LOPROC",
    0xFFFF: "ET_HIPROC",
}

SECTION_TYPES = {
    0x0: "SHT_NULL",
    0x1: "SHT_PROGBITS",
    0x2: "SHT_SYMTAB",
    0x3: "SHT_STRTAB",
    0x4: "SHT_RELA",
    0x5: "SHT_HASH",
    0x6: "SHT_DYNAMIC",
    0x7: "SHT_NOTE",
    0x8: "SHT_NOBITS",
    0x9: "SHT_REL",
    0xA: "SHT_SHLIB",
    0xB: "SHT_DYNSYM",
    0xE: "SHT_INIT_ARRAY",
    0xF: "SHT_FINI_ARRAY",
    0x10: "SHT_PREINIT_ARRAY",
    0x11: "SHT_GROUP",
    0x12: "SHT_SYMTAB_SHNDX",
    0x13: "SHT_RELR",
    0x14: "SHT_NUM",
    0x60000000: "SHT_LOOS",
    0x6FFFFFF3: "SHT_SUNW_LDYNSYM",
    0x6FFFFFF5: "SHT_GNU_ATTRIBUTES",
    0x6FFFFFF6: "SHT_GNU_HASH",
    0x6FFFFFF7: "SHT_GNU_LIBLIST",
    0x6FFFFFFC: "SHT_SUNW_syminfo",
    0x6FFFFFFD: "SHT_GNU_verdef",
    0x6FFFFFFE: "SHT_GNU_verneed",
    0x6FFFFFFF: "SHT_GNU_versym",
    0x80000000: "SHT_LOUSER",
    0xFFFFFFFF: "SHT_HIUSER",
}

SEGMENT_TYPES = {
    0x0: "PT_NULL",
    0x1: "PT_LOAD",
    0x2: "PT_DYNAMIC",
    0x3: "PT_INTERP",
    0x4: "PT_NOTE",
    0x5: "PT_SHLIB",
    0x6: "PT_PHDR",
    0x7: "PT_TLS",
    0x60000000: "PT_LOOS",
    0x6474E550: "PT_GNU_EH_FRAME",
    0x6474E551: "PT_GNU_STACK",
    0x6474E552: "PT_GNU_RELRO",
    0x6474E553: "PT_GNU_PROPERTY",
    0x6FFFFFFF: "PT_HIOS",
}
