"""LoL, Linux-on-Linux: the guest kernel is a process of Linux (docs/lol.md)."""

BINDINGS = {  # by e_machine: EM_386, EM_IA_64, EM_X86_64
    3: "linker.hypervisors.lol.i386:BINDING",
    50: "linker.hypervisors.lol.ia64:BINDING",
    62: "linker.hypervisors.lol.x86_64:BINDING",
}
RUNNERS = {
    3: "linker.hypervisors.lol.run:command",
    50: "linker.hypervisors.shared.simulated:command",
    62: "linker.hypervisors.lol.run:command",
}
BOOTED = False
