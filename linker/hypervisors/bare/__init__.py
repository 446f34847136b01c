"""Bare hardware: every instruction stays, its padding becomes the longest recommended no-operations."""

BINDINGS = {
    62: "linker.hypervisors.bare.any:BINDING",  # EM_X86_64
    3: "linker.hypervisors.bare.any:BINDING",  # EM_386
    50: "linker.hypervisors.bare.any:BINDING",  # EM_IA_64
}
RUNNERS = {50: "linker.hypervisors.shared.simulated:command"}
