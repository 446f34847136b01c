"""What is used of iced-x86, without the rest: its package imports fifty modules of constants, a tenth of a link.

The modules are the package's own, so whoever imports `iced_x86` before or after gets the same objects.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING

PACKAGE = "iced_x86"

if TYPE_CHECKING or PACKAGE in sys.modules:
    from iced_x86 import Decoder, DecoderError, Formatter, FormatterSyntax, MemorySizeExt, Mnemonic, OpKind, Register
    from iced_x86 import RegisterExt as Reg
else:
    stand_in = ModuleType(PACKAGE)
    stand_in.__path__ = find_spec(PACKAGE).submodule_search_locations
    sys.modules[PACKAGE] = stand_in
    try:
        from iced_x86 import DecoderError, FormatterSyntax, Mnemonic, OpKind, Register
        from iced_x86._iced_x86_py import Decoder, Formatter, MemorySizeExt
        from iced_x86._iced_x86_py import RegisterExt as Reg
    finally:
        del sys.modules[PACKAGE]

__all__ = [
    "Decoder",
    "DecoderError",
    "Formatter",
    "FormatterSyntax",
    "MemorySizeExt",
    "Mnemonic",
    "OpKind",
    "Reg",
    "Register",
]
