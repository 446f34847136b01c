"""The configuration file: what is wrong is said with key and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from linker.commands.config import read_config
from linker.errors import LinkError, UsageError


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_no_file_is_an_empty_configuration(tmp_path: Path) -> None:
    config = read_config(root=tmp_path, environment={})
    assert (config.path, config.words("install.targets")) == (None, ())


def test_the_file_the_environment_and_the_option(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    write(tmp_path / "etc" / "previrt.toml", '[install]\ntargets = ["bare"]\n')
    other = write(tmp_path / "other", '[install]\ntargets = ["xen", "lol"]\n')
    third = write(tmp_path / "third", "install.targets = []\n")
    named = {"PREVIRT_CONFIG": str(other)}
    assert read_config(root=tmp_path, environment={}).words("install.targets") == ("bare",)
    assert read_config(root=tmp_path, environment=named).words("install.targets") == ("xen", "lol")
    assert read_config(third, root=tmp_path, environment=named).words("install.targets") == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("targets = ", "configuration is not TOML: found Invalid value"),
        ('\n[install]\n# targets\nmood = "good"\n', "line 4: unknown key 'install.mood': expected "),
        ("[install]\ntargets = 3\n", "line 2: wrong value of 'install.targets': found 3, expected a list of targets"),
        (
            '[install]\n\ntargets = ["vax"]\n',
            "line 3: wrong value of 'install.targets': found ['vax']",
        ),
        ("[install]\ntargets = []\n[qemu]\ntargets = []\n", "line 4: unknown key 'qemu.targets'"),
        ('[ kexec ]\n"program" = ""\n', "line 2: wrong value of 'kexec.program': found '', expected a program"),
        ('kexec.append = "a"\nqemu . arguments = [1]\n', "line 2: wrong value of 'qemu.arguments': found [1]"),
        ('qemu = { program = "q", arguments = "-S" }\n', "line 1: wrong value of 'qemu.arguments': found '-S'"),
        ('target = "auto"\n', "line 1: wrong value of 'target': found 'auto', expected a target"),
        ("install = 1\n", "line 1: unknown key 'install': expected "),
    ],
)
def test_mistakes(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path / "previrt.toml", text)
    with pytest.raises(LinkError) as caught:
        read_config(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "none", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(UsageError, match=reason):
            read_config(path)
    with pytest.raises(UsageError, match="not UTF-8"):
        read_config(write_bytes(tmp_path / "binary"))


def write_bytes(path: Path) -> Path:
    path.write_bytes(b"\xff\xfe")
    return path
