"""The build-time wing: finds virtualization-sensitive instructions in assembly, pads them and records them.

`previrt-as` (afterburner.cli) is the command; `bin/as` is what gcc finds through `-B`. The stand-in pays for its start
in every compile, so this package imports the standard library only, and nothing heavy of that.
"""
