"""Starts the stand-in without the package installed: `bin/as` runs this file by path.

It stays small because Python compiles it anew in every run; what it imports is cached as byte code.
"""

import sys
from os.path import dirname, realpath

sys.path.insert(0, dirname(dirname(realpath(__file__))))

from afterburner.interpreter import PLACE, remember
from afterburner.standin import main

if sys.orig_argv[0] != PLACE:
    remember()
main(sys.argv[1:])
