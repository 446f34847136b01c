"""The signature behind a kernel module (Linux: include/linux/module_signature.h, scripts/sign-file.c).

[ the module | signature, sig_len bytes | struct module_signature, 12 bytes | ~Module signature appended~\n ]
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from linker.errors import LinkError

if TYPE_CHECKING:
    from linker.read_image import Bytes

MARK = b"~Module signature appended~\n"
# algorithm, hash, kind of identifier, lengths of signer and key identifier, three bytes of padding, signature's length
INFORMATION = struct.Struct(">BBBBB3xI")
PKCS7 = 2


class Signed(NamedTuple):
    """A module without its signature, and the signature with all that is behind it; empty where there is none."""

    module_len: int
    trailer: bytes


def split_signature(memory: Bytes) -> Signed:
    """Where the module ends; LinkError when the mark is there and what it stands for is not."""
    size = len(memory)
    end = size - len(MARK)
    if end < 0 or bytes(memory[end:size]) != MARK:
        return Signed(size, b"")
    if end < INFORMATION.size:
        raise LinkError("signature is cut off", found=f"{end} bytes in front of its mark", expected="at least 12")
    signature_len = INFORMATION.unpack(memory[end - INFORMATION.size : end])[-1]
    module_len = end - INFORMATION.size - signature_len
    if module_len <= 0:
        raise LinkError(
            "signature is longer than the file",
            found=f"{signature_len} bytes",
            expected=f"below {end - INFORMATION.size}",
        )
    return Signed(module_len, bytes(memory[module_len:size]))
