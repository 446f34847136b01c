"""Coverage of a file: what of it is to be looked at, from whatever it holds, annotated, bound or neither."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from linker.bind.source import original_source
from linker.coverage.look import Subject, look
from linker.errors import naming
from linker.image.file import open_image
from linker.image.places import speaking
from linker.image.read import read_image
from linker.plan.check import check_architecture
from linker.quick.collection import gc_paused
from linker.quick.tuples import NamedTuple
from linker.registry import codec_for
from linker.sites.formats import NOTE_OWNER
from linker.table.read import TABLE_PREFIX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linker.coverage.look import Coverage
    from linker.image.read import Image
    from linker.image.windows import Bytes
    from linker.table.guest import GuestTable


class Looked(NamedTuple):
    """A file and its coverage. `target` is empty for one that is not bound; `sites` of one without a table is None."""

    file: str
    architecture: str
    target: str
    sites: int | None
    coverage: Coverage

    def to_json(self) -> dict[str, object]:
        """The fields as JSON types, those of the coverage among them."""
        fields = self._asdict()
        del fields["coverage"]
        return {**fields, **self.coverage.to_json()}


def look_at(path: str | Path, exempt: Sequence[str] = ()) -> Looked:
    """Coverage of an image or object at `path`; LinkError when it cannot be read, UsageError as `look`."""
    path = Path(path)
    with naming(path), open_image(path) as file, gc_paused():
        image = read_image(file.memory)
        codec = codec_for(image.machine)
        if not _is_annotated(image):
            check_architecture(image, codec)
            with speaking(image):
                coverage = look(Subject(image, file.memory, (), None, image.entry_va), exempt)
            return Looked(str(path), codec.name, "", None, coverage)
        source = original_source(file)
        with speaking(source.table.image):
            coverage = look(subject_of(source.memory, source.table), exempt)
        return Looked(str(path), codec.name, source.previous, len(source.table.annotations.starts_va), coverage)


def subject_of(memory: Bytes, table: GuestTable) -> Subject:
    """What to look at in an annotated or bound image."""
    annotations, reserve, bound = table.annotations, table.annotations.reserve, table.annotations.bound
    entry_va = bound.saved_entry_va if bound is not None and bound.target else table.image.entry_va
    return Subject(
        image=table.image,
        memory=memory,
        sites=list(zip(annotations.starts_va, annotations.ends_va, strict=True)),
        reserve=None if reserve is None else (reserve.text_va, reserve.text_va + reserve.text_len),
        entry_va=entry_va,
    )


def _is_annotated(image: Image) -> bool:
    return any(note.owner == NOTE_OWNER for note in image.notes) or any(
        section.name.startswith(TABLE_PREFIX) for section in image.sections
    )
