"""The plugin, run by Debian's own kernel-install."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from scratch import GUEST, OPTIONS, TOKEN, VERSION, Scratch, damaged_image, plain_image

import previrt

NEUTRAL = {f"{TOKEN}/{VERSION}/linux", f"loader/entries/{TOKEN}-{VERSION}.conf", "loader/entries.srel"}


def siblings(*targets: str) -> set[str]:
    names = {f"{TOKEN}/{VERSION}/linux.{target}" for target in targets}
    return names | {f"loader/entries/previrt-{TOKEN}-{VERSION}-{t}.conf" for t in targets if t != "lol"}


@pytest.fixture
def system(tmp_path: Path) -> Scratch:
    made = Scratch(tmp_path / "system")
    made.setup()
    return made


def add(system: Scratch, image: Path, *initrds: Path) -> str:
    """Install a kernel; what the plugins said."""
    done = system.kernel_install("add", VERSION, image, *initrds)
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_an_annotated_kernel_gets_bound_siblings_and_entries(system: Scratch, tmp_path: Path) -> None:
    initrd = tmp_path / "initrd.img"
    initrd.write_bytes(b"initrd")
    add(system, GUEST, initrd)
    assert system.files() == NEUTRAL | siblings("bare", "xen") | {f"{TOKEN}/{VERSION}/initrd.img"}
    for target in ("bare", "xen"):
        previrt.link(GUEST, target, output=tmp_path / target)
        assert (system.boot / TOKEN / VERSION / f"linux.{target}").read_bytes() == (tmp_path / target).read_bytes()
        neutral, entry = (
            dict(line.split(None, 1) for line in (system.entries / name).read_text().splitlines() if line[0] != "#")
            for name in (f"{TOKEN}-{VERSION}.conf", f"previrt-{TOKEN}-{VERSION}-{target}.conf")
        )
        assert entry.pop("title") == f"{neutral.pop('title')} (previrt: {target})"
        assert entry.pop("linux") == f"{neutral.pop('linux')}.{target}"
        assert entry == neutral
        assert entry["options"] == OPTIONS
        assert entry["initrd"].endswith(f"/{TOKEN}/{VERSION}/initrd.img")


def test_an_unannotated_kernel_passes_untouched(system: Scratch, tmp_path: Path) -> None:
    for image in (plain_image(tmp_path / "plain"), Path(__file__)):
        said = add(system, image)
        assert f"{image}: not annotated, left alone" in said
        assert system.files() == NEUTRAL
        assert (system.boot / TOKEN / VERSION / "linux").read_bytes() == image.read_bytes()


def test_removal_leaves_nothing_and_no_other_kernel_is_touched(system: Scratch) -> None:
    add(system, GUEST)
    other = VERSION + "-bare"
    assert system.kernel_install("add", other, GUEST).returncode == 0
    kept = {name.replace(VERSION, other) for name in NEUTRAL | siblings("bare", "xen")}
    done = system.kernel_install("remove", VERSION)
    assert done.returncode == 0, done.stderr
    assert system.files() == kept


def test_boot_counting_and_targets_that_are_not_booted(system: Scratch) -> None:
    (system.etc_kernel / "tries").write_text("3\n")
    system.configure("lol", "bare")
    add(system, GUEST)
    neutral = {name.replace(f"{VERSION}.conf", f"{VERSION}+3.conf") for name in NEUTRAL}
    assert system.files() == neutral | siblings("lol", "bare")


def test_targets_that_are_no_longer_configured_go(system: Scratch) -> None:
    add(system, GUEST)
    system.configure("bare")
    add(system, GUEST)
    assert system.files() == NEUTRAL | siblings("bare")


def test_a_kernel_that_is_no_longer_annotated_loses_its_siblings(system: Scratch, tmp_path: Path) -> None:
    add(system, GUEST)
    add(system, plain_image(tmp_path / "plain"))
    assert system.files() == NEUTRAL


def test_a_bad_image_fails_and_the_neutral_kernel_is_in_place(system: Scratch, tmp_path: Path) -> None:
    image = damaged_image(tmp_path / "damaged")
    done = system.kernel_install("add", VERSION, image)
    assert done.returncode == 1
    assert f"previrt-install: {image}: .afterburn record" in done.stderr
    assert system.files() == NEUTRAL
    shutil.copy(GUEST, image)
    add(system, image)
    assert system.files() == NEUTRAL | siblings("bare", "xen")


def test_another_kernels_entry_is_never_replaced(system: Scratch) -> None:
    system.entries.mkdir(parents=True)
    theirs = system.entries / f"previrt-{TOKEN}-{VERSION}-bare.conf"
    theirs.write_text("title mine\nlinux /x\n")
    done = system.kernel_install("add", VERSION, GUEST)
    assert done.returncode == 1
    assert "another boot entry has this name" in done.stderr
    assert theirs.read_text() == "title mine\nlinux /x\n"
    assert system.kernel_install("remove", VERSION).returncode == 0
    assert theirs.exists()


def test_other_layouts_are_left_alone(system: Scratch) -> None:
    (system.etc_kernel / "install.conf").write_text("layout=other\n")
    assert "layout is other" in add(system, GUEST)
    assert system.files() == {"loader/entries.srel"}
