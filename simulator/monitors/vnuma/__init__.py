"""vNUMA: several nodes, each a process with one processor and memory of its own, are one shared-memory machine.

The guest's interface is docs/vnuma-abi.md. The original system was never released: this is a reference of what the
papers describe (Chapman and Heiser, USENIX 2005 and USENIX ATC 2009), on simulated processors.

abi.py          the interface as numbers
node.py         a node's machine; vcpu.py, calls.py: privileged instructions, hypercalls; memory.py, firmware.py
coherence.py    which node holds which page
cluster.py      a node's view of the others; transport.py, messages.py: what they say
master.py       the node that starts the others; worker.py: the process of one of those
"""
