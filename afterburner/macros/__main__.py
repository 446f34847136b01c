"""`python -m afterburner.macros ARCH`: prints the macro file of an architecture."""

import sys

from afterburner.macros.ia64 import macro_file as ia64
from afterburner.macros.x86_64 import macro_file as x86_64

FILES = {"ia64": ia64, "x86_64": x86_64}

if __name__ == "__main__":
    sys.stdout.write(FILES[sys.argv[1]]())
