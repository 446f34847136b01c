"""A fuzz campaign over all targets and tools, in process: `make fuzz`, or

    python tests/fuzz/campaign.py --images 500000 --seed 1 --jobs 2 --save build/fuzz

Each image is a good one of `fuzz_seeds.py` with a few of its fields changed (`fuzz_mutate.py`), linked to one of its
targets; what binds is read again by everything and restored (`fuzz_oracles.py`). Prints figures; the exit status is 1
when anything was found. Failing inputs are saved under what they show. The same seed gives the same images.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / name) for name in ("fuzz", "linker", "ko")] + [str(ROOT)]

from fuzz_menus import try_menu  # noqa: E402  # the folders are known now
from fuzz_mutate import mutated  # noqa: E402
from fuzz_oracles import Case, Finding  # noqa: E402
from fuzz_seeds import Corpus, make_corpus  # noqa: E402

from linker.bind import phases  # noqa: E402
from linker.plan.place import read_module  # noqa: E402

MEMORY_LEN = 4 << 30  # address space of a job
SAVED_OF_A_KIND = 3
MENUS = 0.02  # share of boot menus among the images


class Tally(NamedTuple):
    """Figures of one job, or of all."""

    images: int
    bound: int
    by_seed: Counter[str]
    bound_by_seed: Counter[str]
    errors: Counter[str]
    findings: Counter[str]
    examples: dict[str, str]


def run_job(corpus: Corpus, images: int, number: int, save: Path, folder: Path) -> Tally:
    """Try `images` images; `number` is the seed of all choices."""
    # The modules do not change, and reading one takes as long as an image.
    vars(phases)["read_module"] = cache(read_module)
    tally = Tally(0, 0, Counter(), Counter(), Counter(), Counter(), {})
    bound = 0
    choose = random.Random(number)
    for n in range(images):
        mine = random.Random(f"{number}.{n}")
        if choose.random() < MENUS:
            name, (image, findings) = "menu", try_menu(mine)
        else:
            seed = choose.choice(corpus.seeds)
            name, image = seed.name, mutated(seed, mine)
            outcome = Case(seed, image, folder, corpus.kernel, mine).run()
            findings = outcome.findings
            bound += outcome.bound
            tally.bound_by_seed[name] += outcome.bound
            tally.errors.update(outcome.errors)
        tally.by_seed[name] += 1
        for finding in findings:
            _keep(tally, finding, image, name, save)
    return tally._replace(images=images, bound=bound)


def _keep(tally: Tally, finding: Finding, image: bytes, name: str, save: Path) -> None:
    key = f"{finding.kind}: {finding.place}"
    tally.findings[key] += 1
    tally.examples.setdefault(key, f"{name}\n{finding.text}")
    if tally.findings[key] <= SAVED_OF_A_KIND:
        save.mkdir(parents=True, exist_ok=True)
        word = "".join(letter if letter.isalnum() else "-" for letter in finding.kind)
        path = save / f"{word}-{abs(hash(image)) % 0xFFFFFFFF:08x}-{name}.img"
        path.write_bytes(image)
        path.with_suffix(".txt").write_text(f"{name}\n{finding.text}")


def campaign(images: int, seed: int, jobs: int, save: Path) -> Tally:
    """All jobs, added up."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as made:
        folder = Path(made)
        corpus = make_corpus(folder)
        context = multiprocessing.get_context("fork")
        share = [images // jobs + (n < images % jobs) for n in range(jobs)]
        work = [(corpus, share[n], seed * 1000 + n, save, folder / f"job{n}") for n in range(jobs)]
        for *_, place in work:
            place.mkdir()
        if jobs == 1:
            tallies = [run_job(*work[0])]
        else:
            with context.Pool(jobs, initializer=_limit) as pool:
                tallies = pool.starmap(run_job, work, chunksize=1)
    total = tallies[0]
    for one in tallies[1:]:
        total = Tally(
            total.images + one.images,
            total.bound + one.bound,
            total.by_seed + one.by_seed,
            total.bound_by_seed + one.bound_by_seed,
            total.errors + one.errors,
            total.findings + one.findings,
            {**one.examples, **total.examples},
        )
    return total


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LEN, MEMORY_LEN))


def print_figures(tally: Tally, seconds: float) -> None:
    """For a person."""
    print(f"{tally.images} images in {seconds:.0f} s, {tally.images / seconds:.0f} a second")
    print(f"{tally.bound} bound, {100 * tally.bound / max(1, tally.images):.1f}%")
    for name, count in sorted(tally.by_seed.items()):
        print(f"  {name:22} {count:8}  bound {tally.bound_by_seed[name]:8}")
    print(f"{sum(tally.errors.values())} errors, {len(tally.errors)} kinds; the most frequent:")
    for text, count in tally.errors.most_common(40):
        print(f"  {count:8}  {text}")
    print(f"{sum(tally.findings.values())} findings, {len(tally.findings)} kinds")
    for key, count in tally.findings.most_common():
        print(f"\n{count} x {key}\n{tally.examples[key]}")


def main() -> int:
    """Run a campaign; 1 when it found something."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=20_000, help="how many to try (default 20000)")
    parser.add_argument("--seed", type=int, default=1, help="number that all choices come from (default 1)")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default 2)")
    parser.add_argument("--save", type=Path, default=ROOT / "build" / "fuzz", help="folder for failing inputs")
    request = parser.parse_args()
    start = time.monotonic()
    tally = campaign(request.images, request.seed, request.jobs, request.save)
    print_figures(tally, time.monotonic() - start)
    return 1 if tally.findings else 0


if __name__ == "__main__":
    sys.exit(main())
