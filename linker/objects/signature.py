"""The signature behind a kernel module (Linux: include/linux/module_signature.h, scripts/sign-file.c).

[ the module | signature, sig_len bytes | struct module_signature, 12 bytes | ~Module signature appended~\n ]
"""

from __future__ import annotations

import os
import struct
import subprocess
from typing import TYPE_CHECKING

from linker.errors import LinkError, UsageError
from linker.quick.tuples import NamedTuple

if TYPE_CHECKING:
    from linker.image.windows import Bytes
    from linker.objects.options import Signing

MARK = b"~Module signature appended~\n"
# algorithm, hash, kind of identifier, lengths of signer and key identifier, three bytes of padding, signature's length
INFORMATION = struct.Struct(">BBBBB3xI")
PKCS7 = 2
HASHES = ("sha1", "sha224", "sha256", "sha384", "sha512")


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


def sign(module: bytes, signing: Signing) -> bytes:
    """What goes behind a module: as Linux's scripts/sign-file makes it, by the openssl command.

    A passphrase of the key is taken from the environment variable KBUILD_SIGN_PIN, as there.
    """
    if signing.hash not in HASHES:
        raise UsageError(f"unknown hash '{signing.hash}'", expected=", ".join(HASHES))
    # Detached, without certificates and attributes: the kernel has the certificate, and takes no attributes.
    options = ["-binary", "-noattr", "-nocerts", "-nosmimecap", "-outform", "DER", "-md", signing.hash]
    files = ["-signer", str(signing.certificate), "-inkey", str(signing.key), "-passin"]
    pin = "env:KBUILD_SIGN_PIN" if "KBUILD_SIGN_PIN" in os.environ else "pass:"
    command = ["openssl", "cms", "-sign", *options, *files, pin]
    try:
        done = subprocess.run(command, input=module, capture_output=True, check=False)
    except OSError as error:
        raise LinkError(f"cannot run openssl: {error.strerror}", advice="install openssl to sign modules") from None
    if done.returncode or not done.stdout:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["nothing said"]
        raise LinkError(
            "openssl cannot sign the module",
            where=f"{signing.key}, {signing.certificate}",
            found=said[0],
            expected="a private key and the certificate that belongs to it",
        )
    return done.stdout + INFORMATION.pack(0, 0, PKCS7, 0, 0, len(done.stdout)) + MARK
