"""Pre-virtualization: bind an annotated guest kernel to a target, from Python.

    previrt.link("vmlinux", "lol")                       a file, as previrt-link does
    previrt.restore("vmlinux.lol")                       the annotated original again
    previrt.link_buffer(memory, load_map, "bare", ...)   a guest that a boot loader has loaded

Names are imported on first use: `import previrt` itself costs next to nothing.
"""

TYPE_CHECKING = False  # type checkers take it for typing's; importing that would cost more than all of this
if TYPE_CHECKING:
    from linker.bind.buffer import link_buffer, read_table
    from linker.bind.link import link, restore
    from linker.bind.listing import list_sites
    from linker.bind.report import LinkReport
    from linker.count.profile import read_profile
    from linker.errors import LinkError, UsageError
    from linker.image.load_map import file_map, physical_map
    from linker.objects.options import ObjectOptions, Signing
    from linker.table.guest import GuestTable

__all__ = [
    "GuestTable",
    "LinkError",
    "LinkReport",
    "ObjectOptions",
    "Signing",
    "UsageError",
    "file_map",
    "link",
    "link_buffer",
    "list_sites",
    "physical_map",
    "read_profile",
    "read_table",
    "restore",
]

_HOMES = {
    "GuestTable": "linker.table.guest",
    "LinkError": "linker.errors",
    "LinkReport": "linker.bind.report",
    "ObjectOptions": "linker.objects.options",
    "Signing": "linker.objects.options",
    "UsageError": "linker.errors",
    "file_map": "linker.image.load_map",
    "link": "linker.bind.link",
    "link_buffer": "linker.bind.buffer",
    "list_sites": "linker.bind.listing",
    "physical_map": "linker.image.load_map",
    "read_profile": "linker.count.profile",
    "read_table": "linker.bind.buffer",
    "restore": "linker.bind.link",
}


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'previrt' has no attribute {name!r}")
    import importlib

    value = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
    return value
