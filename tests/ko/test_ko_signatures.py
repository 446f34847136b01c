"""Signed modules: refused, signed again, or given up; checked by openssl."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from ko_objects import X86_64, assemble

import previrt
from linker.objects.options import ObjectOptions, Signing

MARK = b"~Module signature appended~\n"


class Key(NamedTuple):
    key: Path
    certificate: Path


def make_key(folder: Path, form: str = "PEM") -> Key:
    key, certificate = folder / "key.pem", folder / f"certificate.{form}"
    command: list[str | Path] = [
        "openssl",
        "req",
        "-new",
        "-x509",
        "-nodes",
        "-newkey",
        "rsa:2048",
        "-subj",
        "/CN=modules",
    ]
    subprocess.run([*command, "-outform", form, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return Key(key, certificate)


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Key:
    return make_key(tmp_path_factory.mktemp("key"))


@pytest.fixture
def module(tmp_path: Path) -> Path:
    return assemble(tmp_path, "x86_64", X86_64, "module.ko")


@pytest.fixture
def signed(module: Path) -> Path:
    """A module with a trailer as sign-file makes it; what is in it does not matter."""
    path = module.with_name("signed.ko")
    path.write_bytes(module.read_bytes() + b"signature" + struct.pack(">BBBBB3xI", 0, 0, 2, 0, 0, 9) + MARK)
    return path


def check_signature(path: Path, key: Key, folder: Path) -> bytes:
    """The module in front of a signature that openssl takes."""
    data = path.read_bytes()
    assert data.endswith(MARK)
    algorithm, digest, kind, signer, identifier, length = struct.unpack(">BBBBB3xI", data[-len(MARK) - 12 : -len(MARK)])
    assert (algorithm, digest, kind, signer, identifier) == (0, 0, 2, 0, 0)
    end = len(data) - len(MARK) - 12
    module, signature = folder / "content", folder / "signature"
    module.write_bytes(data[: end - length])
    signature.write_bytes(data[end - length : end])
    command: list[str | Path] = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", signature]
    command += ["-content", module, "-certfile", key.certificate, "-CAfile", key.certificate, "-purpose", "any"]
    subprocess.run([*command, "-out", "/dev/null"], check=True, capture_output=True)
    return module.read_bytes()


def test_a_signed_module_is_listed_but_not_bound(signed: Path) -> None:
    assert len(previrt.list_sites(signed, "bare")) == 8
    with pytest.raises(
        previrt.LinkError, match=r"module is signed, and binding it breaks the signature; sign it again"
    ):
        previrt.link(signed, "bare")
    assert not Path(f"{signed}.bare").exists()


def test_a_signature_is_given_up_and_comes_back(signed: Path, tmp_path: Path) -> None:
    bound, back = tmp_path / "bound", tmp_path / "back"
    report = previrt.link(signed, "bare", output=bound, options=ObjectOptions(strip_signature=True))
    assert report.signature == "given up"
    assert not bound.read_bytes().endswith(MARK)
    previrt.restore(bound, output=back)
    assert back.read_bytes() == signed.read_bytes()
    with pytest.raises(previrt.LinkError, match="module is signed"):
        previrt.link(bound, "bare", output=back)  # the original that it starts from is
    again = tmp_path / "again"
    previrt.link(bound, "bare", output=again, options=ObjectOptions(strip_signature=True))
    assert again.read_bytes() == bound.read_bytes()


@pytest.mark.parametrize("digest", ["sha256", "sha512"])
def test_signed_again(signed: Path, key: Key, tmp_path: Path, digest: str) -> None:
    bound, bare, back = tmp_path / "bound", tmp_path / "bare", tmp_path / "back"
    previrt.link(signed, "bare", output=bound, options=ObjectOptions(signing=Signing(*key, digest)))
    previrt.link(signed, "bare", output=bare, options=ObjectOptions(strip_signature=True))
    assert check_signature(bound, key, tmp_path) == bare.read_bytes()
    previrt.restore(bound, output=back)
    assert back.read_bytes() == signed.read_bytes()


def test_a_module_that_was_not_signed_is_signed(module: Path, key: Key, tmp_path: Path) -> None:
    bound, bare, back = tmp_path / "bound", tmp_path / "bare", tmp_path / "back"
    previrt.link(module, "bare", output=bound, options=ObjectOptions(signing=Signing(*key)))
    previrt.link(module, "bare", output=bare)
    assert check_signature(bound, key, tmp_path) == bare.read_bytes()
    previrt.restore(bound, output=back)
    assert back.read_bytes() == module.read_bytes(), "the signature was made behind the binding and goes with it"
    with pytest.raises(previrt.LinkError, match="module is signed"):
        previrt.link(bound, "bare", output=back)


def test_a_certificate_in_der(module: Path, tmp_path: Path) -> None:
    key = make_key(tmp_path, "DER")
    previrt.link(module, "bare", options=ObjectOptions(signing=Signing(*key)))
    assert Path(f"{module}.bare").read_bytes().endswith(MARK)


def test_a_key_that_is_not_the_certificates(module: Path, key: Key, tmp_path: Path) -> None:
    other = make_key(tmp_path)
    with pytest.raises(previrt.LinkError, match=r"openssl cannot sign the module.*expected a private key and the cert"):
        previrt.link(module, "bare", options=ObjectOptions(signing=Signing(other.key, key.certificate)))
    with pytest.raises(previrt.LinkError, match="openssl cannot sign the module"):
        previrt.link(module, "bare", options=ObjectOptions(signing=Signing(tmp_path / "none", key.certificate)))
    with pytest.raises(previrt.UsageError, match="unknown hash 'md5': expected sha1, "):
        previrt.link(module, "bare", options=ObjectOptions(signing=Signing(*key, "md5")))
    assert not Path(f"{module}.bare").exists()


def test_without_openssl(module: Path, key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(previrt.LinkError, match="cannot run openssl: No such file or directory; install openssl"):
        previrt.link(module, "bare", options=ObjectOptions(signing=Signing(*key)))


@pytest.mark.parametrize(
    ("tail", "message"),
    [
        (
            struct.pack(">BBBBB3xI", 0, 0, 2, 0, 0, 1 << 30) + MARK,
            "signature is longer than the file: found 1073741824",
        ),
    ],
)
def test_a_hostile_trailer(module: Path, tail: bytes, message: str) -> None:
    module.write_bytes(module.read_bytes() + tail)
    with pytest.raises(previrt.LinkError, match=message):
        previrt.link(module, "bare", options=ObjectOptions(strip_signature=True))


def test_the_command(signed: Path, key: Key) -> None:
    def run(*options: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "linker.commands.link", signed, "-t", "bare", *options]
        return subprocess.run(command, check=False, capture_output=True, text=True, env=os.environ)

    assert run().returncode == 1
    assert run("--sign-key", key.key).stderr == "previrt-link: --sign-key and --sign-cert belong together\n"
    assert run("--sign-hash", "sha1").returncode == 2
    assert run("--sign-key", key.key, "--sign-cert", key.certificate, "--strip-signature").returncode == 2
    assert run("--sign-key", key.key, "--sign-cert", key.certificate, "--sign-hash", "sha512").returncode == 0
    assert Path(f"{signed}.bare").read_bytes().endswith(MARK)
