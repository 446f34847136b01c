"""Sites run in an emulator, against a model of the original instruction.

cpu.py       the state of a virtual CPU at ring 0, and its memory
model.py     what each sensitive instruction does to it, from the Intel SDM: a table class -> function
inputs.py    operands for which the instruction does something that can be compared: a table class -> function
world.py     where everything stands: page tables, stack, descriptor tables, data
machine.py   the emulator with a bound image loaded
hosts.py     what stands below the module, as far as a site needs it: a Linux host's system calls
trials.py    each distinct form, a few times, in an order that lets reading sites read what writing sites wrote
"""
