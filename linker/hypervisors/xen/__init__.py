"""Xen as a paravirtualized guest's hypervisor: Xen 4.17 on x86-64 (docs/xen.md), 4.1 and older on ia64 (xen-ia64.md)."""

BINDINGS = {
    62: "linker.hypervisors.xen.x86_64:BINDING",  # EM_X86_64
    50: "linker.hypervisors.xen.ia64:BINDING",  # EM_IA_64
}
