"""The whole proof of one image."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from linker import log
from linker.bind.examine import SiteState, examined
from linker.bind.uncovered import subject_of
from linker.coverage.look import look
from linker.errors import LinkError
from linker.table.guest import read_guest
from linker.verification.branches import Branches
from linker.verification.bytes import check_bytes, check_explained, differences
from linker.verification.entries import SERVING
from linker.verification.image import BoundImage, shown
from linker.verification.module import check_module, check_notes, check_site_table
from linker.verification.proof import Failure, Proof, count_forms
from linker.verification.shapes import Shapes
from linker.verification.steps import reader_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from linker.hypervisors.base import Binding
    from linker.verification.proof import RunCount

RUN_ARCHITECTURES = ("x86_64",)
UNSAFE_TO_RUN = frozenset({"bytes", "outside", "module"})


def prove(
    path: str | Path,
    *,
    original: str | Path | None = None,
    run: bool = True,
    exempt: Sequence[str] = (),
    binding: Binding | None = None,
) -> Proof:
    """Prove that the image at `path` is bound well; LinkError when it cannot be read or is not bound.

    `original` is the annotated original to compare with (an image bound to anything gives its own). `run` False leaves
    the emulator out. `exempt`: what needs no site (`linker.coverage.look`). `binding` overrides the installed binding
    of the target.
    """
    with examined(path, binding=binding) as examination:
        if examination.plan is None:
            error = LinkError("image is not bound", expected="an image that previrt-link has bound")
            error.file = str(path)
            raise error
        image = BoundImage(examination)
        architecture = image.codec.name
        serving = SERVING.get((examination.target, architecture))
        read = reader_for(architecture)
        shapes, branches = Shapes(image, serving, read), Branches(image, serving, read)
        failures: list[Failure] = []
        proven: list[tuple[str, str]] = []
        damaged = list(check_bytes(image))
        for site in examination.sites:
            wrong = list(shapes.check(site))
            if not wrong and site.state is not SiteState.SKIPPED:
                wrong = list(branches.check(site, shapes.steps(site)))
            failures += wrong
            if not wrong and site.state is not SiteState.DAMAGED:
                proven.append((site.instruction.class_name, site.form))
        others = (check_explained, check_module, check_notes, check_site_table)
        failures += chain(damaged, *(check(image) for check in others))
        if original is not None:
            failures += _compare(image, Path(original))
        runs: tuple[RunCount, ...] | None = None
        why_not = "--no-run"
        if run and any(failure.check in UNSAFE_TO_RUN for failure in failures):
            why_not = "the bytes are not those of a bound image"
        elif run:
            runs, why_not, wrong = _run(image)
            failures += wrong
        checked = {
            "bytes of the file compared": len(examination.present),
            "branches straight to an entry": branches.direct,
            "branches through a stub": branches.followed,
            "stubs followed": branches.stub_count,
        }
        return Proof(
            image=str(path),
            target=examination.target,
            architecture=architecture,
            site_count=len(examination.sites),
            sites=count_forms(proven),
            checked=checked,
            entries="table" if serving is not None else "binding",
            runs=runs,
            run_why_not="" if runs is not None else why_not,
            compared_with="" if original is None else str(original),
            coverage=look(subject_of(examination.original, read_guest(examination.original)), exempt),
            failures=tuple(failures),
        )


def _compare(image: BoundImage, path: Path) -> Iterator[Failure]:
    """Restoring must give the annotated original in another file."""
    with examined(path) as other:
        restored = image.examination.original
        for low, high in differences(restored, other.original):
            va = image.va_of(low) if not image.examination.is_grown else None
            yield Failure(
                "original",
                "restored image",
                va,
                low,
                image.symbol_at(va),
                "",
                shown(bytes(other.original[low:high])),
                shown(bytes(restored[low:high])),
            )


def _run(image: BoundImage) -> tuple[tuple[RunCount, ...] | None, str, list[Failure]]:
    """What the emulator did; or why nothing was run. LinkError when there is no emulator."""
    architecture, target = image.codec.name, image.examination.target
    if architecture not in RUN_ARCHITECTURES:
        return None, f"there is no emulator for {architecture}: bytes, instructions and branches are proven", []
    if image.examination.table.image.is_object:
        return None, "a relocatable object has no addresses to run at: bytes and instructions are proven", []
    try:
        import unicorn
    except ImportError as error:
        raise LinkError(
            f"the emulator, unicorn, is not there: {error}",
            expected="unicorn, to run each distinct form of a site",
            advice="pip install 'previrt[verify]', or say --no-run to leave that part of the proof out",
        ) from None
    log.debug("running", unicorn=unicorn.__version__)
    from linker.verification.running.hosts import HOSTS, StartError
    from linker.verification.running.trials import run_trials

    if (target, architecture) not in HOSTS:
        return None, f"nothing stands for what is below the module of '{target}'", []
    try:
        runs, failures = run_trials(image)
    except StartError as error:
        failure = image.failure("run", "start of day", expected="the guest's first instruction", found=str(error))
        return (), "", [failure]
    return runs, "", failures
