"""LoL, Linux-on-Linux: the guest kernel is a process of Linux (docs/lol.md)."""

BINDINGS = {62: "linker.hypervisors.lol.x86_64:BINDING"}  # EM_X86_64
RUNNERS = {62: "linker.hypervisors.lol.run:command"}
