"""Xen as a paravirtualized guest's hypervisor: 4.17 on x86-64 (docs/xen.md), old ones on ia64 (docs/xen-ia64.md)."""

BINDINGS = {
    62: "linker.hypervisors.xen.x86_64:BINDING",  # EM_X86_64
    50: "linker.hypervisors.xen.ia64:BINDING",  # EM_IA_64
}
RUNNERS = {50: "linker.hypervisors.shared.simulated:command"}
