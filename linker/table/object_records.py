"""The tables of an object, whose words are relocations.

.afterburn        00 .. 00  00 .. 00           .rela.afterburn   R_X86_64_64  .text + 0x12
                                                                 R_X86_64_64  .text + 0x1a
i386 (.rel):      12 00 00 00  1a 00 00 00     .rel.afterburn    R_386_32  .text        the addend is in place
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from linker.errors import LinkError
from linker.sites.formats import INFO

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linker.image.read import Section
    from linker.image.relocations import Relocatable

FILE_WORD = 3  # of the 32-bit words of a record of `.afterburn.info`


def record_words(relocatable: Relocatable, table: Section, contents: Sequence[int], word_len: int) -> array[int]:
    """Pseudo addresses of the records' words, two a record; both zero for a record of dropped code.

    LinkError where a word has no relocation, more than one, or one that leads nowhere.
    """
    sections = relocatable.sections_about(relocatable.index_of(table))
    if contents and not sections:
        raise LinkError(
            "annotation table has no relocations",
            where=table.name,
            expected=f".rela{table.name} or .rel{table.name}",
            advice="take the object as the assembler or ld -r wrote it",
        )
    if len(sections) > 1:
        raise LinkError(
            "annotation table has two sets of relocations",
            where=table.name,
            found=", ".join(section.name for _, section in sections),
            expected="one",
        )
    found = relocatable.words(table, contents, word_len, relocatable.types.address)
    pairs = array("Q", (found.get(number, 0) for number in range(len(contents))))
    for number in range(0, len(contents), 2):
        start, end = pairs[number : number + 2]
        if not (start and end) and (start or end or any(contents[number : number + 2])):
            word = number if not start else number + 1
            raise LinkError(
                "word has no relocation",
                where=f"{table.name} record {number // 2}",
                found=f"{'end' if word % 2 else 'start'} {contents[word]:#x}",
                expected=f"a relocation {relocatable.types.name(relocatable.types.address)}",
                advice="take the object as the assembler or ld -r wrote it",
            )
    return pairs


def file_offsets(relocatable: Relocatable, info: Section, contents: array[int]) -> array[int]:
    """The 32-bit words of `.afterburn.info` with the offsets of file names in `.afterburn.str` filled in."""
    filled = array("Q", contents)
    record_words_len = INFO.sizeof() // 4
    for number, value in relocatable.words(info, contents, 4, relocatable.types.half).items():
        if number % record_words_len != FILE_WORD:
            raise LinkError(
                "relocation changes an annotation", where=f"{info.name} record {number // record_words_len}"
            )
        filled[number] = value
    return filled
