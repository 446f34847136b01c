"""Killed at every step: strace kills the command at each system call that changes a file, one run for each.

After each kill the kernel's own entry and every entry of ours names an image that is whole, the old one or the new; the
next run cleans up and ends as if nothing had happened.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from scratch import COMMAND, GUEST, TOKEN, VERSION

import previrt

# Every call that changes what is on the disk; those that Python makes at its start are none of them.
CHANGING = (
    "linkat rename renameat renameat2 unlink unlinkat fsync copy_file_range sendfile pwrite64 fchmod mkdir mkdirat"
).split()
KILLED = -9


class Boot:
    """A boot partition with a neutral kernel and, from an older build of it, siblings."""

    def __init__(self, path: Path, images: Path) -> None:
        self.path = path
        self.directory = path / TOKEN / VERSION
        self.entries = path / "loader" / "entries"
        self.images = images
        self.directory.mkdir(parents=True)
        self.entries.mkdir(parents=True)
        shutil.copy(images / "new", self.directory / "linux")
        self.neutral = self.entries / f"{TOKEN}-{VERSION}.conf"
        self.neutral.write_text(f"title Test\nversion {VERSION}\nlinux /{TOKEN}/{VERSION}/linux\n")

    def call(self, *arguments: str | Path) -> list[str | Path]:
        return [COMMAND, "--quiet", "-t", "bare", "-t", "lol", "kernel-install", *arguments]

    @property
    def environment(self) -> dict[str, str]:
        said = {"LAYOUT": "bls", "BOOT_ROOT": str(self.path), "ENTRY_TOKEN": TOKEN}
        names = {f"KERNEL_INSTALL_{name}": value for name, value in said.items()}
        return {**os.environ, **names, "PYTHONDONTWRITEBYTECODE": "1"}

    def run(self, command: list[str | Path], prefix: tuple[str, ...] = ()) -> int:
        return subprocess.run([*prefix, *command], env=self.environment, check=False).returncode

    def killed_at_every_step(self, command: list[str | Path]) -> Iterator[str]:
        """Run the command on the same files again and again, killed at another call each time; then the test looks."""
        was = self.path.parent / f"{self.path.name}.was"
        shutil.copytree(self.path, was)
        for call in CHANGING:
            for step in itertools.count(1):
                inject = f"--inject={call}:signal=KILL:when={step}"
                status = self.run(command, ("strace", "-qq", "-o", os.devnull, "-e", f"trace={call}", inject))
                if status == KILLED:
                    yield f"{call} {step}"
                else:
                    assert status == 0
                shutil.rmtree(self.path)
                shutil.copytree(was, self.path)
                if status == 0:
                    break
        shutil.rmtree(was)

    def check(self) -> None:
        """Every entry names an image that is whole."""
        assert self.neutral.exists()
        for entry in self.entries.glob("*.conf"):
            fields = dict(line.split(None, 1) for line in entry.read_text().splitlines() if line[0] != "#")
            image = self.path / fields["linux"].lstrip("/")
            kind = image.name.removeprefix("linux")
            assert image.read_bytes() in [(self.images / f"{age}{kind}").read_bytes() for age in ("old", "new")], image

    def files(self) -> set[str]:
        return {path.name for path in self.path.rglob("*") if not path.is_dir()}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two builds of a kernel, old and new, and what they are bound to: NAME.TARGET."""
    directory = tmp_path_factory.mktemp("images")
    shutil.copy(GUEST, directory / "new")
    (directory / "old").write_bytes(GUEST.read_bytes() + b"an older build")
    for name in ("old", "new"):
        for target in ("bare", "lol"):
            previrt.link(directory / name, target)
    return directory


EVERYTHING = {"linux", "linux.bare", "linux.lol", f"{TOKEN}-{VERSION}.conf", f"previrt-{TOKEN}-{VERSION}-bare.conf"}


@pytest.mark.parametrize("was", ["nothing", "old"])
def test_add(tmp_path: Path, images: Path, was: str) -> None:
    boot = Boot(tmp_path / "boot", images)
    if was == "old":
        assert boot.run(boot.call("add", VERSION, boot.directory, images / "old")) == 0
    before = {path: path.read_bytes() for path in boot.path.rglob("*.conf")}
    command = boot.call("add", VERSION, boot.directory, images / "new")
    steps = []
    for step in boot.killed_at_every_step(command):
        boot.check()
        if was == "old":
            assert boot.files() >= EVERYTHING  # nothing that worked is ever missing
        assert {path: path.read_bytes() for path in before} == before
        assert boot.run(command) == 0
        boot.check()
        assert boot.files() == EVERYTHING, step
        for target in ("bare", "lol"):
            assert (boot.directory / f"linux.{target}").read_bytes() == (images / f"new.{target}").read_bytes()
        steps.append(step)
    # Two images and an entry: each written, synced, named, renamed, its directory synced.
    assert {"fsync 6", "linkat 3", "rename 3", "pwrite64 3"} <= set(steps), steps


def test_remove(tmp_path: Path, images: Path) -> None:
    boot = Boot(tmp_path / "boot", images)
    assert boot.run(boot.call("add", VERSION, boot.directory, images / "new")) == 0
    command = boot.call("remove", VERSION, boot.directory)
    steps = []
    for step in boot.killed_at_every_step(command):
        boot.check()
        assert boot.run(command) == 0
        assert boot.files() == {"linux", boot.neutral.name}, step
        steps.append(step)
    assert {"unlink 3", "fsync 3"} <= set(steps), steps


def test_debian_hooks(tmp_path: Path, images: Path) -> None:
    """What a package's maintainer script starts, on an upgrade and at the removal."""
    root = tmp_path / "root"
    boot = Boot(root / "boot", images)
    image = boot.path / f"vmlinuz-{VERSION}"

    def call(step: str) -> list[str | Path]:
        return [COMMAND, "--quiet", "--root", root, "-t", "bare", step, VERSION, image]

    shutil.copy(images / "old", image)
    assert boot.run(call("postinst")) == 0
    sibling, entry = boot.path / f"previrt-{VERSION}.bare", boot.entries / f"previrt-{VERSION}-bare.conf"
    before = entry.read_bytes()
    shutil.copy(images / "new", image)
    steps = []
    for step in boot.killed_at_every_step(call("postinst")):
        assert sibling.read_bytes() in [(images / f"{age}.bare").read_bytes() for age in ("old", "new")], step
        assert entry.read_bytes() == before, step
        steps.append(step)
    for step in boot.killed_at_every_step(call("postrm")):
        assert sibling.exists() or not entry.exists(), step
        assert boot.run(call("postrm")) == 0
        assert boot.files() == {"linux", boot.neutral.name, image.name}, step
        steps.append(step)
    assert {"linkat 2", "rename 2", "unlink 2"} <= set(steps), steps
