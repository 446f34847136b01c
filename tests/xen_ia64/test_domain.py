"""What Xen's domain builder makes of an image: its notes, its place, its size; firmware tables."""

import struct
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from xen_guests import PROLOGUE, link, vectors

import previrt
from simulator.image import ImageError
from simulator.monitors.xen.monitor import XenMachine

GUEST = Path(__file__).parents[2] / "fixtures" / "ia64" / "guest.elf"


def notes(path: Path) -> dict[tuple[str, int], bytes]:
    """Notes of the PT_NOTE segments, as Xen looks for them."""
    found = {}
    with path.open("rb") as stream:
        for segment in ELFFile(stream).iter_segments("PT_NOTE"):
            data, at = segment.data(), 0
            while at < len(data):
                name_len, descriptor_len, kind = struct.unpack_from("<III", data, at)
                name = data[at + 12 : at + 12 + name_len].rstrip(b"\0").decode()
                start = at + 12 + (name_len + 3 & -4)
                found[name, kind] = data[start : start + descriptor_len]
                at = start + (descriptor_len + 3 & -4)
    return found


def test_a_bound_image_has_the_notes_xen_wants_and_no_other_has(tmp_path: Path) -> None:
    previrt.link(GUEST, "xen", output=tmp_path / "xen")
    previrt.link(tmp_path / "xen", "bare", output=tmp_path / "bare")
    found = notes(tmp_path / "xen")
    assert (found["Xen", 5], found["Xen", 8]) == (b"xen-3.0\0", b"generic\0")
    assert not [kind for owner, kind in notes(tmp_path / "bare") if owner == "Xen"]
    with (tmp_path / "xen").open("rb") as bound, GUEST.open("rb") as guest:
        sizes = [[s["p_filesz"] for s in ELFFile(file).iter_segments()] for file in (bound, guest)]
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"generic\0", b"special\0", "Will only load images built for the generic loader or Linux images"),
        (b"xen-3.0\0", b"xen-9.9\0", "Xen will only load images built for Xen v3.0"),
    ],
)
def test_wrong_notes_are_refused(tmp_path: Path, old: bytes, new: bytes, message: str) -> None:
    path = tmp_path / "xen"
    previrt.link(GUEST, "xen", output=path)
    contents = path.read_bytes()
    assert contents.count(old) >= 1
    path.write_bytes(contents.replace(old, new))
    with pytest.raises(ImageError, match=message):
        XenMachine(128 << 20, lambda data: None).start(path)


def test_an_image_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="requires too much space"):
        XenMachine(64 << 20, lambda data: None).start(link(tmp_path, PROLOGUE + "exit 0\n" + vectors()))


def test_firmware_tables_lead_to_the_processor(tmp_path: Path) -> None:
    xen = XenMachine(128 << 20, lambda data: None)
    xen.start(link(tmp_path, PROLOGUE + "exit 0\n" + vectors()))

    def words(address: int, form: str) -> tuple[int, ...]:
        raw = xen.domain.read(address, struct.calcsize(form))
        assert raw is not None
        return struct.unpack(form, raw)

    _, systab, memmap, memmap_len, descriptor_len = words(xen.cpu.gr[28], "<5Q")
    total = sum(words(memmap + at, "<I4xQQQQ")[3] << 12 for at in range(0, memmap_len, descriptor_len))
    assert total == 128 << 20
    count, tables = words(systab + 104, "<2Q")
    entries = {xen.domain.read(tables + 24 * n, 16): words(tables + 24 * n + 16, "<Q")[0] for n in range(count)}
    rsdp = next(at for at in entries.values() if xen.domain.read(at, 8) == b"RSD PTR ")
    (xsdt,) = words(rsdp + 24, "<Q")
    (madt,) = words(xsdt + 36, "<Q")
    assert xen.domain.read(madt, 4) == b"APIC"
    raw = xen.domain.read(madt, words(madt + 4, "<I")[0])
    assert raw is not None
    assert sum(raw) % 256 == 0
    assert raw[44] == 7
    sal = next(at for at in entries.values() if xen.domain.read(at, 4) == b"SST_")
    raw = xen.domain.read(sal, 96 + 48 + 16)
    assert raw is not None
    assert sum(raw) % 256 == 0
