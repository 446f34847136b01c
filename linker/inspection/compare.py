"""Two images of the same guest, site by site, and what differs elsewhere: section by section, range by range."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING

from linker.errors import UsageError
from linker.image.places import Places
from linker.image.read import ENTRY_OFF
from linker.quick.tuples import NamedTuple
from linker.registry import disassembler_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from linker.bind.examine import Examination, ExaminedSite
    from linker.image.read import Section
    from linker.image.symbols import Symbols
    from linker.image.windows import Bytes

BLOCK_LEN = 4096
GAP_LEN = 16  # equal bytes between two differences that are still told as one


class Side(NamedTuple):
    """A site in one of the images: its form (or state, where it has none), its bytes and what they mean."""

    form: str
    code: str
    text: str


class SiteChange(NamedTuple):
    """A site that both images have and that is not the same in them. In an object `va` is an offset in `section`."""

    section: str
    va: int
    symbol: str
    class_name: str
    instruction: str
    one: Side
    other: Side


class Difference(NamedTuple):
    """Bytes that differ outside the sites; `off` in the section, or in the file where there is none.

    `in_reserve`: where the interface module goes.
    """

    section: str
    off: int
    len: int
    changed_len: int
    in_reserve: bool = False


class Comparison(NamedTuple):
    """What two images have in common and what not.

    common           sites at the same addresses; same: those with the same bytes
    changed          (class, form in one, form in the other) -> number of sites whose bytes differ
    only_in          addresses of sites that only one of the images has, one list an image
    sites            every site that differs
    elsewhere        ranges that differ outside the sites
    sizes            sections whose sizes differ, or that only one has: name -> the two sizes, None where missing
    """

    files: tuple[str, str]
    targets: tuple[str, str]
    common: int
    same: int
    changed: Mapping[tuple[str, str, str], int]
    only_in: tuple[tuple[str, ...], tuple[str, ...]]
    sites: tuple[SiteChange, ...]
    elsewhere: tuple[Difference, ...]
    sizes: Mapping[str, tuple[int | None, int | None]]

    @property
    def is_same(self) -> bool:
        """Whether nothing differs."""
        return not (self.sites or any(self.only_in) or self.elsewhere or self.sizes)

    def to_json(self) -> dict[str, object]:
        """The fields as JSON types."""
        return {
            **self._asdict(),
            "is_same": self.is_same,
            "changed": [
                {"class_name": name, "one": one, "other": other, "sites": count}
                for (name, one, other), count in self.changed.items()
            ],
            "sites": [
                {**site._asdict(), "one": site.one._asdict(), "other": site.other._asdict()} for site in self.sites
            ],
            "elsewhere": [difference._asdict() for difference in self.elsewhere],
        }


def compare(one: Examination, other: Examination, symbols: Symbols) -> Comparison:
    """Compare two images of one guest; UsageError when they are for different architectures."""
    names = [examination.table.codec.name for examination in (one, other)]
    if names[0] != names[1]:
        raise UsageError(
            "images are for different architectures", found=f"{names[0]} and {names[1]}", expected="two of one guest"
        )
    first, second = ({(site.start_va, site.end_va): site for site in e.sites} for e in (one, other))
    common = [(first[where], second[where]) for where in first if where in second]
    differing = [(mine, theirs) for mine, theirs in common if mine.present != theirs.present]
    disassembler = disassembler_for(one.table.image.machine)
    places = Places(one.table.image)

    def side(site: ExaminedSite) -> Side:
        lines = disassembler.lines(site.present, site.start_va)
        text = "; ".join(places.say(line.text.strip()) for line in lines if not line.is_nop)
        return Side(_form(site), site.present.hex(" "), text or "no-operations")

    return Comparison(
        files=(str(one.path), str(other.path)),
        targets=(one.target, other.target),
        common=len(common),
        same=len(common) - len(differing),
        changed=dict(
            Counter(
                (mine.instruction.class_name, _form(mine), _form(theirs)) for mine, theirs in differing
            ).most_common()
        ),
        only_in=(
            _places_of(one, first.keys() - second.keys()),
            _places_of(other, second.keys() - first.keys()),
        ),
        sites=tuple(
            SiteChange(
                *places.split(mine.start_va),
                symbols.at(mine.start_va),
                mine.instruction.class_name,
                places.say(mine.instruction.text),
                side(mine),
                side(theirs),
            )
            for mine, theirs in differing
        ),
        elsewhere=tuple(_elsewhere(one, other)),
        sizes=_sizes(one, other),
    )


def _places_of(examination: Examination, where: Iterable[tuple[int, int]]) -> tuple[str, ...]:
    places = Places(examination.table.image)
    return tuple(places.name(start_va) for start_va, _ in sorted(where))


def _form(site: ExaminedSite) -> str:
    return site.form if site.state.value == "bound" else site.state.value


def _by_name(examination: Examination) -> dict[str, Section]:
    """Sections that have bytes in the file; of several with one name the first."""
    found: dict[str, Section] = {}
    for section in examination.table.image.sections:
        if section.has_contents and section.len:
            found.setdefault(section.name, section)
    return found


def _sizes(one: Examination, other: Examination) -> dict[str, tuple[int | None, int | None]]:
    mine, theirs = _by_name(one), _by_name(other)
    sizes = {}
    for name in mine | theirs:
        lengths = tuple(sections[name].len if name in sections else None for sections in (mine, theirs))
        if lengths[0] != lengths[1]:
            sizes[name] = (lengths[0], lengths[1])
    return sizes


def _elsewhere(one: Examination, other: Examination) -> Iterator[Difference]:
    """The entry address, then the sections both have."""
    word_len = one.table.codec.word_len
    entries = [bytearray(e.present[ENTRY_OFF : ENTRY_OFF + word_len]) for e in (one, other)]
    if changed_len := sum(1 for _ in _differing(*entries)):
        yield Difference("entry address in the ELF header", ENTRY_OFF, word_len, changed_len)
    mine, theirs = _by_name(one), _by_name(other)
    reserve = _reserve(one)
    places = sorted({(site.start_va, site.end_va) for examination in (one, other) for site in examination.sites})
    for name, section in mine.items():
        if name in theirs:
            length = min(section.len, theirs[name].len)
            contents = [
                _without(places, examination.present, sections[name], length)
                for examination, sections in ((one, mine), (other, theirs))
            ]
            for low, high, changed_len in _ranges(*contents):
                in_reserve = any(start_va <= section.va + low < end_va for start_va, end_va in reserve)
                yield Difference(name, low, high - low, changed_len, in_reserve)


def _reserve(examination: Examination) -> list[tuple[int, int]]:
    reserve = examination.table.annotations.reserve
    if reserve is None:
        return []
    return [
        (reserve.text_va, reserve.text_va + reserve.text_len),
        (reserve.data_va, reserve.data_va + reserve.data_len),
    ]


def _without(places: Sequence[tuple[int, int]], memory: Bytes, section: Section, length: int) -> bytearray:
    """The first `length` bytes of a section, the sites among them blank."""
    contents = bytearray(memory[section.off : section.off + length])
    if section.is_code:
        first, last = bisect_left(places, (section.va, 0)), bisect_left(places, (section.end_va, 0))
        for start_va, end_va in places[first:last]:
            low, high = start_va - section.va, end_va - section.va
            if low >= 0 and high <= length:
                contents[low:high] = bytes(high - low)
    return contents


def _ranges(one: bytearray, other: bytearray) -> Iterator[tuple[int, int, int]]:
    """Half-open ranges that differ and how many bytes of each do; ranges close to each other are one."""
    current: tuple[int, int, int] | None = None
    for at in _differing(one, other):
        if current is not None and at - current[1] < GAP_LEN:
            current = (current[0], at + 1, current[2] + 1)
        else:
            if current is not None:
                yield current
            current = (at, at + 1, 1)
    if current is not None:
        yield current


def _differing(one: bytearray, other: bytearray) -> Iterator[int]:
    for start in range(0, len(one), BLOCK_LEN):
        mine, theirs = one[start : start + BLOCK_LEN], other[start : start + BLOCK_LEN]
        if mine != theirs:
            yield from (start + n for n, (a, b) in enumerate(zip(mine, theirs, strict=True)) if a != b)
