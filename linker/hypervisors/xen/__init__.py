"""Xen as a paravirtualized guest's hypervisor: on ia64, Xen 4.1 and older (docs/xen-ia64.md)."""

BINDINGS = {50: "linker.hypervisors.xen.ia64:BINDING"}  # EM_IA_64
