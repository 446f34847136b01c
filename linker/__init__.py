"""The linking service: binds an annotated guest kernel to a target.

`link(path, target)` and `link_buffer(...)` are the API; `previrt-link` is the same as a command. Names are resolved on
first use, so that importing the package (as the afterburner does for its tables) costs nothing.
"""

TYPE_CHECKING = False  # type checkers take it for typing's; importing that would cost more than all of this
if TYPE_CHECKING:
    from linker.api import GuestTable, link, link_buffer, read_table, restore
    from linker.errors import LinkError, UsageError
    from linker.listing import list_sites
    from linker.load_map import file_map, physical_map
    from linker.objects.options import ObjectOptions, Signing
    from linker.report import LinkReport

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
    "LinkReport": "linker.report",
    "ObjectOptions": "linker.objects.options",
    "Signing": "linker.objects.options",
    "list_sites": "linker.listing",
    "file_map": "linker.load_map",
    "physical_map": "linker.load_map",
    "read_profile": "linker.profile",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'linker' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES.get(name, "linker.api")), name)
