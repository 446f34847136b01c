"""Good files to damage: small, every architecture, every target with a module, every state and format."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import NamedTuple

from elfwriter import Site, make_image, site_addresses
from fuzz_mutate import Seed, seed
from ko_kernel import build_kernel
from ko_objects import I386, IA64, X86_64, assemble
from test_ko_modules import SOURCE

import previrt
from linker.objects.options import ObjectOptions
from linker.registry import codec_for, targets

EM_IA_64 = 50
PART_LEN, SPACE_LEN = 0x18000, 512
SITES = [Site("fa"), Site("0f20d8"), Site("fb", flags=2), Site("0f011d00000000", 12), Site("0f32"), Site("cd80")]
# { .mfi; ssm 0x4000; nop.f 0; nop.i 0 ;; }, rsm 0x4000, mov r8=psr
IA64_SITES = (
    "0c000002060000000002000000000400",
    "0c000002070000000002000000000400",
    "0c400000250400000002000000000400",
)


class Corpus(NamedTuple):
    """The seeds, and a kernel bound to xen that kernel modules are bound for."""

    seeds: tuple[Seed, ...]
    kernel: Path


def ia64_image() -> bytes:
    """An image for ia64 with a reserve and three sites."""
    codec = codec_for(EM_IA_64)
    padding = codec.padding(32)
    sites = [Site(code, 48, padding=padding) for code in IA64_SITES]
    return make_image(
        sites,
        gap=0,
        part_len=PART_LEN,
        space_len=SPACE_LEN,
        machine=EM_IA_64,
        undo_len=codec.undo_len,
        contents={".text.previrt_reserve": codec.trap_fill(PART_LEN)},
    )


def hooked(bits: int) -> bytes:
    """The original format with everything it had: a sub-section, hooks both ways."""
    word = "<Q" if bits == 64 else "<I"
    data_va = 0x402000
    pairs = [(1, data_va), (3, data_va + 16)]
    tables = {
        ".afterburn.imports": b"".join(struct.pack(word, n) for n in pairs[0]),
        ".afterburn.exports": b"".join(struct.pack(word, n) for n in pairs[1]),
    }
    sites = [Site("fa"), Site("0f20d8"), Site("0f32"), Site("8903")]
    *records, memory = site_addresses(sites)
    tables[".afterburn.pte_set"] = b"".join(struct.pack(word, n) for n in memory)
    return make_image(sites, records=records, bits=bits, version1=False, reserve=False, tables=tables)


def make_corpus(folder: Path) -> Corpus:
    """Build all seeds in `folder`."""
    modules = sorted(target for target, architectures in targets().items() if "x86_64" in architectures)
    x86 = make_image(SITES, part_len=PART_LEN, space_len=SPACE_LEN)
    made = [
        seed("x86_64", x86, *modules),
        seed("x86_64-reserve-twice", make_image(SITES, part_len=PART_LEN, space_len=SPACE_LEN, gap=3), *modules),
        seed("x86_64-no-reserve", make_image(SITES, reserve=False), "bare", "lol"),
        seed("x86_64-hooks", hooked(64), "bare"),
        seed("i386", make_image(SITES[:3], bits=32, part_len=PART_LEN, space_len=SPACE_LEN), "bare", "lol"),
        seed("i386-original", hooked(32), "bare"),
        seed("ia64", ia64_image(), "bare", "lol", "xen", "vnuma"),
    ]
    for target in modules:
        made.append(seed(f"x86_64-{target}", _bound(folder, x86, target), *modules))
    for target in ("lol", "xen", "vnuma"):
        made.append(seed(f"ia64-{target}", _bound(folder, ia64_image(), target), "bare", "lol", "xen", "vnuma"))
    made.append(seed("x86_64-count", _bound(folder, x86, "lol", count=True), *modules))
    grown = make_image(SITES[:3], reserve=False)
    made.append(seed("x86_64-grown", _bound(folder, grown, "lol"), "bare", "lol"))
    kernel = build_kernel(folder)
    previrt.link(kernel, "xen", in_place=True)
    for arch, source in (("x86_64", X86_64), ("i386", I386), ("ia64", IA64)):
        made.append(seed(f"object-{arch}", assemble(folder, arch, source).read_bytes(), "bare"))
    module = assemble(folder, "x86_64", SOURCE, "module.ko")
    made.append(seed("module", module.read_bytes(), "xen", "bare"))
    previrt.link(module, "xen", in_place=True, options=ObjectOptions(kernel))
    made.append(seed("module-xen", module.read_bytes(), "xen", "bare"))
    return Corpus(tuple(made), kernel)


def _bound(folder: Path, image: bytes, target: str, *, count: bool = False) -> bytes:
    path = folder / "seed"
    path.write_bytes(image)
    previrt.link(path, target, in_place=True, count=count)
    return path.read_bytes()
