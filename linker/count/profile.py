"""Read the counters of an image bound with `--count` back: a profile by symbol, class and site.

What they are read from, told apart by structure:

    the file previrt-run --profile writes     the reserve's data part, as it was at the end of the run
    an ELF core of guest memory               QEMU's dump-guest-memory: segments by physical address
    raw guest memory from address 0           QEMU's pmemsave or a memory file: an offset is a physical address
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from linker.bind.examine import examined
from linker.bind.report import format_table
from linker.count.counters import COUNTER_LEN
from linker.errors import LinkError, naming
from linker.image.file import peek
from linker.image.read import read_headers
from linker.quick.tuples import NamedTuple
from linker.table.read import words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from linker.bind.examine import Examination
    from linker.image.windows import Sliceable
    from linker.table.read import Reserve


TYPE_OFF, ET_CORE = 16, b"\4\0"


class CountedSite(NamedTuple):
    """One bound site. `runs` is None for a site that is not counted."""

    va: int
    symbol: str
    instruction: str
    class_name: str
    runs: int | None


class Profile(NamedTuple):
    """The counters of one run, sites in address order."""

    image: str
    target: str
    sites: tuple[CountedSite, ...]

    @property
    def total(self) -> int:
        """Runs of all sites."""
        return sum(site.runs or 0 for site in self.sites)

    def by_symbol(self) -> Mapping[str, int]:
        """Function -> runs, most first; those that never ran are left out."""
        return self._sums([site.symbol.partition("+")[0] for site in self.sites])

    def by_class(self) -> Mapping[str, int]:
        """Operation class -> runs, most first; those that never ran are left out."""
        return self._sums([site.class_name for site in self.sites])

    def _sums(self, keys: Sequence[str]) -> Mapping[str, int]:
        sums: Counter[str] = Counter()
        for key, site in zip(keys, self.sites, strict=True):
            sums[key] += site.runs or 0
        return {key: runs for key, runs in sums.most_common() if runs}

    def to_json(self) -> dict[str, object]:
        """As JSON types."""
        return {
            "image": self.image,
            "target": self.target,
            "runs": self.total,
            "by_symbol": self.by_symbol(),
            "by_class": self.by_class(),
            "sites": [site._asdict() for site in self.sites],
        }


def read_profile(image: str | Path, dump: str | Path) -> Profile:
    """The counters of the bound image at `image` out of the file `dump`; LinkError when they are not in it."""
    dump = Path(dump)
    with examined(image) as examination, naming(dump), peek(dump) as memory:
        plan, reserve = examination.plan, examination.table.annotations.reserve
        if plan is None or plan.counters is None or reserve is None:
            raise LinkError("image does not count", where=str(image), advice=f"previrt-link {image} --target T --count")
        data = _data_part(memory, examination, reserve)
        counted, first = plan.counters.counted, plan.counters.va - reserve.data_va
        runs = words(data[first : first + COUNTER_LEN * len(counted)], COUNTER_LEN)
        symbols = examination.symbols()
        sites = tuple(
            CountedSite(
                va=site.start_va,
                symbol=symbols.at(site.start_va),
                instruction=site.instruction.text,
                class_name=site.instruction.class_name,
                runs=runs[counted[site.position]] if site.position in counted else None,
            )
            for site in examination.sites
        )
    return Profile(str(image), examination.target, sites)


def _data_part(dump: Sliceable, examination: Examination, reserve: Reserve) -> bytes:
    if len(dump) == reserve.data_len:
        return bytes(dump[:])
    text = _at_physical(dump, _physical(examination, reserve.text_va), reserve.text_len)
    load = next(w for w in examination.table.image.windows if w.va <= reserve.text_va < w.va + w.len)
    off = reserve.text_va - load.va + load.off
    if text != examination.expected[off : off + reserve.text_len]:
        raise LinkError(
            "the dump is not of this image",
            found="other bytes where the reserve's text part should be",
            expected=f"{reserve.text_len} bytes as in {examination.path}",
            advice="dump guest memory from physical address 0, of a guest that is not relocated (nokaslr)",
        )
    return _at_physical(dump, _physical(examination, reserve.data_va), reserve.data_len)


def _physical(examination: Examination, va: int) -> int:
    load = next(load for load in examination.table.image.loads if load.va <= va < load.va + load.memory_len)
    return va - load.va + load.pa


def _at_physical(dump: Sliceable, pa: int, length: int) -> bytes:
    """Guest memory out of an ELF core or a raw dump."""
    off = pa
    if dump[:4] == b"\x7fELF" and bytes(dump[TYPE_OFF : TYPE_OFF + 2]) == ET_CORE:  # any file may lie in memory at 0
        loads = [segment for segment in read_headers(dump).segments if segment.type == "PT_LOAD"]
        off = next((pa - load.pa + load.off for load in loads if load.pa <= pa < load.pa + load.len), len(dump))
    if off + length > len(dump):
        raise LinkError(
            "the dump does not hold the guest's memory",
            found=f"{len(dump)} bytes",
            expected=f"{length} bytes of physical address {pa:#x}, or what previrt-run --profile writes",
        )
    return bytes(dump[off : off + length])


def format_profile(profile: Profile) -> list[str]:
    """The profile for a person: functions and classes by runs, then what is not counted."""
    lines = [f"{profile.image}: bound to {profile.target}, {profile.total} runs of {len(profile.sites)} sites"]
    per_symbol: Counter[tuple[str, str]] = Counter()
    for site in profile.sites:
        per_symbol[site.symbol.partition("+")[0], site.class_name] += site.runs or 0
    rows: list[tuple[str, ...]] = [("runs", "symbol", "class")]
    rows += [(str(runs), symbol, name) for (symbol, name), runs in per_symbol.most_common() if runs]
    lines += ["", *format_table(rows, right={0})]
    rows = [("runs", "class")]
    rows += [(str(runs), name) for name, runs in profile.by_class().items()]
    lines += ["", *format_table(rows, right={0})]
    never = sum(site.runs == 0 for site in profile.sites)
    uncounted = [site for site in profile.sites if site.runs is None]
    lines += ["", f"{never} sites never ran", f"{len(uncounted)} sites are not counted"]
    return lines
