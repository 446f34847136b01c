"""`previrt-xl`: the bootloader of a Xen domain, which binds the domain's kernel (docs/xl.md)."""

PROGRAM = "previrt-xl"
DEFAULT_DIRECTORY = "/run/xen/previrt-xl"
