"""vNUMA: a cluster of Itanium nodes as one shared-memory multiprocessor (docs/vnuma-abi.md)."""

BINDINGS = {50: "linker.hypervisors.vnuma.ia64:BINDING"}  # EM_IA_64
RUNNERS = {50: "linker.hypervisors.shared.simulated:command"}
