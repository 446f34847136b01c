"""The interpreter that the stand-in runs on, remembered for `bin/as`.

`python3` on PATH may be a shim that looks for an interpreter at every start (pyenv's takes 250 ms), and a kernel's
build starts the stand-in a thousand times. So the first run, or `previrt-as --print-dir`, leaves a link to the
interpreter itself where byte code is kept. It is only a memory: nothing is wrong without it.
"""

from __future__ import annotations

import os
import sys

PLACE = os.path.join(os.path.dirname(os.path.realpath(__file__)), "__pycache__", "python3")


def remember() -> None:
    """Leave the link, if it can be left and is not there."""
    interpreter = os.path.realpath(sys.executable) if sys.executable else ""
    if not interpreter or os.environ.get("PREVIRT_PYTHON") or os.path.exists(PLACE):
        return
    temporary = f"{PLACE}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(PLACE), exist_ok=True)
        os.symlink(interpreter, temporary)
        os.replace(temporary, PLACE)
    except OSError:  # somebody else's directory, or read-only
        pass
