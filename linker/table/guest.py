"""What is known of an image without its contents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linker import log
from linker.image.places import speaking
from linker.image.read import read_image
from linker.image.relocations import Relocatable
from linker.image.symbols import symbol_sections
from linker.plan.check import (
    check_architecture,
    check_bound,
    check_records,
)
from linker.quick.tuples import NamedTuple
from linker.registry import codec_for
from linker.sites.formats import SECTION_STRINGS
from linker.table.read import read_annotations
from linker.table.site_relocations import site_relocations
from linker.table.sources import Sources

if TYPE_CHECKING:
    from linker.image.read import Image
    from linker.image.symbols import Symbols
    from linker.image.windows import Bytes
    from linker.sites.codec import Codec
    from linker.table.decode import Sites
    from linker.table.read import Annotations


class GuestTable(NamedTuple):
    """What is known of an image without its contents: what a bootloader needs to bind a loaded guest.

    `sites`: what the file holds at its sites, decoded, so that a guest loaded from it need not be. None: not known.
    """

    image: Image
    annotations: Annotations
    codec: Codec
    symbols: Symbols | None
    sites: Sites | None = None


def read_guest(memory: Bytes) -> GuestTable:
    """Read and check everything about an image but its sites' contents."""
    image = read_image(memory)
    codec = codec_for(image.machine)
    check_architecture(image, codec)
    with speaking(image):
        annotations = read_annotations(image, memory, codec)
        check_records(annotations, image, codec)
        check_bound(annotations, image)
        symbol_sections(image)
        image.section(SECTION_STRINGS)
        if image.is_object:
            relocatable = Relocatable(image, memory, codec.object_relocations)
            annotations = annotations._replace(relocated=site_relocations(relocatable, annotations))
            Sources(image, memory, annotations)  # what is read when sites are listed must be right when they are bound
    log.debug("read", sections=len(image.sections), records=annotations.record_count, dropped=annotations.dropped)
    return GuestTable(image, annotations, codec, None)
