"""`previrt-verify`: proves that a bound image is bound well (docs/verifying.md).

bytes.py      every byte of the file is foretold, every difference from the original explained
shapes.py     every site decodes to an instruction sequence of its form
branches.py   every branch leads to an entry of the interface module that serves the site's class
entries.py    which entries those are (data)
module.py     what stands in the reserve is the packaged module
running/      each distinct form runs in an emulator, against a model of the original instruction (x86-64)
"""
