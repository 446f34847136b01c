"""What can be asked of relocatable objects alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linker.quick.tuples import NamedTuple

if TYPE_CHECKING:
    from pathlib import Path


class Signing(NamedTuple):
    """How a module is signed: files of the private key (PEM) and the certificate (PEM or DER), name of the hash."""

    key: Path
    certificate: Path
    hash: str = "sha256"


class ObjectOptions(NamedTuple):
    """The bound kernel that a module is for, how to sign the result, and whether a signature may be given up."""

    kernel: Path | None = None
    signing: Signing | None = None
    strip_signature: bool = False
