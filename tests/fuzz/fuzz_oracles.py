"""What must hold for any file: only a LinkError comes out, and exit 0 means bound, readable, and restorable."""

from __future__ import annotations

import random
import re
import signal
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from fuzz_mutate import Seed

import previrt
from linker.bind.examine import examined
from linker.inspection.facts import facts_of
from linker.inspection.names import SiteNames
from linker.inspection.tables import format_facts
from linker.objects.options import ObjectOptions
from linker.verification.prove import prove

SECONDS = 5.0  # an image may take; good ones take a hundredth of that


# The linker's own addresses of an object's sections; behind a plus it is an offset, which damage may give any value.
PSEUDO_VA = re.compile(r"(?<!\+)0x4f[0-9a-f]{14}\b")


class TooSlow(BaseException):
    """An image took longer than SECONDS; no `except Exception` may swallow it."""


class Finding(NamedTuple):
    """A defect: its kind, where it shows (for telling one from another), all that is known."""

    kind: str
    place: str
    text: str


class Outcome(NamedTuple):
    """What one image did."""

    bound: bool
    errors: Counter[str]
    findings: list[Finding]


@contextmanager
def in_time(seconds: float) -> Iterator[None]:
    """TooSlow when the block takes longer."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Case:
    """One file, tried in every way that the choices say."""

    def __init__(self, seed: Seed, image: bytes, folder: Path, kernel: Path, choose: random.Random) -> None:
        self._seed = seed
        self._image = image
        self._kernel = kernel
        self._choose = choose
        self._path, self._out, self._back = (folder / name for name in ("guest", "bound", "restored"))
        self._errors: Counter[str] = Counter()
        self._findings: list[Finding] = []

    def run(self) -> Outcome:
        """Try it."""
        self._path.write_bytes(self._image)
        bound = False
        try:
            with in_time(SECONDS):
                bound = self._all()
        except TooSlow:
            self._find("too slow", traceback.format_exc())
        if self._path.read_bytes() != self._image:
            self._findings.append(Finding("input changed", self._seed.name, ""))
        return Outcome(bound, self._errors, self._findings)

    def _all(self) -> bool:
        for share, act in ((0.1, self._list), (0.05, self._inspect), (0.1, self._restore_input)):
            if self._choose.random() < share:
                self._try(act.__name__.strip("_"), act)
        target = self._choose.choice(self._seed.targets)
        count = not self._seed.is_object and self._choose.random() < 0.1
        if not self._try(f"link {target}", lambda: self._link(self._path, target, self._out, count=count)):
            return False
        if self._out.read_bytes() == self._image:
            return True  # native forms that fill their sites, in an image without notes: nothing says that it is bound
        self._must(self._reread, target)
        self._must(self._restored)
        if not count and self._choose.random() < 0.2:
            self._must(self._rebound, target)
        return True

    def _link(self, path: Path, target: str, output: Path, *, count: bool = False) -> None:
        options = None
        if self._seed.is_object:
            options = ObjectOptions(None if target == "bare" else self._kernel, strip_signature=True)
        previrt.link(path, target, output=output, count=count, options=options)

    def _list(self) -> None:
        previrt.list_sites(self._path, self._choose.choice(self._seed.targets))

    def _inspect(self) -> None:
        with examined(self._path) as examination:
            format_facts(facts_of(examination, SiteNames(examination, examination.symbols())))

    def _restore_input(self) -> None:
        """What is restored is no longer bound, and can be read."""
        previrt.restore(self._path, output=self._back)
        self._must(self._unbound, self._back)

    def _unbound(self, path: Path) -> None:
        previrt.list_sites(path)
        try:
            previrt.restore(path, output=path.with_name("again"))
        except previrt.LinkError as error:
            if "not bound" in error.what:
                return
            raise
        raise AssertionError("what was restored can be restored")

    def _reread(self, target: str) -> None:
        """The result is read by everything that reads."""
        previrt.list_sites(self._out, target)
        if self._choose.random() < 0.25 and not self._seed.is_object:
            proof = prove(self._out, run=False)
            if not proof.is_proven:
                raise AssertionError(f"not proven: {proof.failures[0]}")

    def _restored(self) -> None:
        """Restoring the result gives what restoring the input gives: the input itself, unless it was bound."""
        expected = self._image
        previrt.restore(self._out, output=self._back)
        if self._back.read_bytes() == expected:
            return
        original = self._path.with_name("original")
        try:
            previrt.restore(self._path, output=original)
            expected = original.read_bytes()
        except previrt.LinkError as error:
            if "not bound" not in error.what:
                raise
        if self._back.read_bytes() != expected:
            raise AssertionError("restoring does not give the original")

    def _rebound(self, target: str) -> None:
        """Binding what is bound gives the same bytes as binding the original."""
        again = self._path.with_name("again")
        self._link(self._out, target, again)
        if again.read_bytes() != self._out.read_bytes():
            raise AssertionError("binding again gives other bytes")

    def _try(self, what: str, act: Callable[[], object]) -> bool:
        """Whether it is taken; a LinkError is a right answer too."""
        try:
            act()
        except previrt.LinkError as error:
            self._errors[f"{what}: {type(error).__name__}: {_kind(error)}"] += 1
            if not error.what or "\n" in str(error) or (self._seed.is_object and PSEUDO_VA.search(str(error))):
                self._find("message", traceback.format_exc())
            return False
        except Exception:
            self._find("escape", traceback.format_exc())
            return False
        return True

    def _must(self, act: Callable[..., object], *arguments: object) -> None:
        """It may not fail at all: exit 0 was said."""
        try:
            act(*arguments)
        except Exception:
            self._find(act.__name__.strip("_"), traceback.format_exc())

    def _find(self, kind: str, text: str) -> None:
        lines = text.rstrip().splitlines()
        frames = [line.strip() for line in lines if line.startswith('  File "')]
        place = frames[-1].split("/linker/")[-1].replace('"', "") if frames else ""
        said = lines[-1].split(":", 1)[0] if lines else ""
        self._findings.append(Finding(kind, f"{said} {place}", text))


def _kind(error: previrt.LinkError) -> str:
    """The message without what differs from image to image."""
    return "".join("#" if letter.isdigit() else letter for letter in error.what.split("'")[0])[:50].strip()
