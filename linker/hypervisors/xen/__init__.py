"""Xen as a paravirtualized guest's hypervisor: on x86-64, Xen 4.17; on ia64, Xen 4.1 and older (docs/xen.md, xen-ia64.md)."""

BINDINGS = {
    62: "linker.hypervisors.xen.x86_64:BINDING",  # EM_X86_64
    50: "linker.hypervisors.xen.ia64:BINDING",  # EM_IA_64
}
