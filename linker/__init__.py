"""The linking service: binds an annotated guest kernel to a target.

`link(path, target)` and `link_buffer(...)` are the API; `previrt-link` is the same as a command. Names are resolved on
first use, so that importing the package (as the afterburner does for its tables) costs nothing.
"""

TYPE_CHECKING = False  # type checkers take it for typing's; importing that would cost more than all of this
if TYPE_CHECKING:
    from linker.bind.api import GuestTable, link, link_buffer, read_table, restore
    from linker.bind.listing import list_sites
    from linker.bind.report import LinkReport
    from linker.errors import LinkError, UsageError
    from linker.image.load_map import file_map, physical_map
    from linker.objects.options import ObjectOptions, Signing

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
    "LinkError": "linker.errors",
    "UsageError": "linker.errors",
    "LinkReport": "linker.bind.report",
    "ObjectOptions": "linker.objects.options",
    "Signing": "linker.objects.options",
    "list_sites": "linker.bind.listing",
    "file_map": "linker.image.load_map",
    "physical_map": "linker.image.load_map",
    "read_profile": "linker.count.profile",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'linker' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES.get(name, "linker.bind.api")), name)
