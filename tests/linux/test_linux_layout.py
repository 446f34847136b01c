"""fixtures/linux/layout.sh: what it does to a source tree, and what it says where it does nothing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from linux_kernel import BUILD, build

SCRIPT = BUILD.parent / "layout.sh"
PATCHES = BUILD.parent / "x86_64"
CONSTANT = "#define __START_KERNEL_map	_AC(0xffffffff80000000, UL)"


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Debian's source as far as the patch touches it, without what build.sh adds for the reserve."""
    source = build("small").directory.parent / "source"
    tree = tmp_path_factory.mktemp("pristine") / "linux"
    patches = [(PATCHES / name).read_text() for name in ("linux-6.1-low.patch", "linux-6.1.patch")]
    touched = [line.split()[1].split("/", 1)[1] for text in patches for line in text.splitlines() if line[:4] == "+++ "]
    for name in {"Makefile", "Kbuild", *touched}:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / name, tree / name)
    with (PATCHES / "linux-6.1.patch").open() as patch:
        subprocess.run(["patch", "-s", "-R", "-p1", "-d", tree], stdin=patch, check=True)
    return tree


@pytest.fixture
def tree(pristine: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pristine, tmp_path / "linux"))


def contents(tree: Path) -> dict[str, bytes]:
    return {str(path.relative_to(tree)): path.read_bytes() for path in tree.rglob("*") if path.is_file()}


def layout(*arguments: object, status: int = 0) -> str:
    """What it says."""
    command = [str(SCRIPT), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stderr if status else done.stdout


def refused(tree: Path, *arguments: object) -> str:
    """What it says when it does nothing."""
    before = contents(tree)
    said = layout(tree, *arguments, status=1)
    assert contents(tree) == before
    return said


def test_a_tree_is_patched_once_and_checked_again(tree: Path) -> None:
    said = layout(tree)
    patch = (PATCHES / "linux-6.1-low.patch").read_text()
    lines, files = (len(re.findall(pattern, patch, re.MULTILINE)) for pattern in (r"^\+(?!\+)", r"^\+\+\+ "))
    assert 50 < lines < 80 and files > 15
    assert f"is now in the low layout: {lines} lines in {files} files" in said
    assert "no configuration yet" in said
    assert f"make -C {tree} ARCH=x86_64 KCFLAGS=" in said
    assert CONSTANT not in (tree / "arch/x86/include/asm/page_64_types.h").read_text()
    after = contents(tree)
    assert not [name for name in after if name.endswith((".orig", ".rej"))]
    assert "is in the low layout already" in layout(tree)
    assert contents(tree) == after


def test_the_reserve_is_in_the_line_where_the_tree_has_it(tree: Path) -> None:
    with (PATCHES / "linux-6.1.patch").open() as patch:
        subprocess.run(["patch", "-s", "-p1", "-d", tree], stdin=patch, check=True)
    assert "ARCH=x86_64 PREVIRT_RESERVE=y KCFLAGS=" in layout(tree)


def test_the_line_it_prints_is_one_that_make_takes(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".config").write_text("CONFIG_64BIT=y\n")
    line = layout(tree, "--config", tmp_path / "out" / ".config").splitlines()[-1]
    (tree / "Makefile").write_text("vmlinux:\n\t@echo '$(O)' '$(ARCH)' '$(KCFLAGS)' '$(KAFLAGS)'\n")
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    make = subprocess.run(["sh", "-c", line], env=environment, capture_output=True, text=True, check=True)
    shown = make.stdout.splitlines()
    folder = BUILD.parents[2] / "afterburner" / "bin"
    assert f"{tmp_path}/out x86_64 -B{folder} -B{folder}" in shown


def test_another_version_is_refused_with_what_there_is(tree: Path) -> None:
    makefile = tree / "Makefile"
    makefile.write_text(makefile.read_text().replace("PATCHLEVEL = 1\n", "PATCHLEVEL = 7\n"))
    said = refused(tree)
    assert f"{tree} is Linux 6.7 for x86_64: found no patch for it, expected 6.1 for x86_64" in said


@pytest.mark.parametrize("name", ["arch/x86/kernel/head_64.S", "arch/x86/include/asm/page_64_types.h"])
def test_a_changed_tree_is_refused_with_the_files_named(tree: Path, name: str) -> None:
    changed = (tree / name).read_text().replace("$1f, %rax", "$2f, %rax").replace(CONSTANT, "#define mine")
    (tree / name).write_text(changed)
    said = refused(tree)
    assert f"changes do not fit in\n  {name}\nNothing is changed" in said


def test_a_missing_file_is_named(tree: Path) -> None:
    (tree / "arch/x86/kernel/head64.c").unlink()
    assert "arch/x86/kernel/head64.c" in refused(tree)


def test_options_that_do_not_fit_are_each_named_with_the_reason(tree: Path) -> None:
    config = tree / ".config"
    config.write_text("CONFIG_64BIT=y\nCONFIG_RELOCATABLE=y\n# CONFIG_KASAN is not set\nCONFIG_BPF_JIT=y\n")
    said = refused(tree)
    assert "  CONFIG_RELOCATABLE=y: the boot wrapper and KASLR move the kernel" in said
    assert "  CONFIG_BPF_JIT=y: programs compiled by it hold kernel addresses" in said
    assert "KASAN" not in said and "merge_config.sh" in said
    config.write_text("CONFIG_64BIT=y\nCONFIG_RELOCATABLE=n\n")
    assert f"{config} has no option that does not fit" in layout(tree)


def test_every_option_in_the_list_is_refused(tree: Path, tmp_path: Path) -> None:
    rows = (PATCHES / "low.config").read_text().splitlines()
    options = [row.split()[1] for row in rows if row.endswith(" is not set")]
    assert len(options) == len(set(options)) > 10
    for option in options:
        (tmp_path / "config").write_text(f"{option}=y\n")
        assert f"  {option}=y: " in layout(tree, "--config", tmp_path / "config", status=1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no source tree given"),
        (["a", "b"], "one source tree, not two: a and b"),
        (["--config"], "--config needs a value"),
        (["--colour", "a"], "unknown option --colour"),
    ],
)
def test_wrong_usage(arguments: list[str], said: str) -> None:
    assert f"layout.sh: {said}\nUsage:" in layout(*arguments, status=2)


def test_what_is_no_tree_is_refused(tmp_path: Path) -> None:
    assert "is no Linux source tree" in refused(tmp_path)
    assert "is no Linux source tree" in layout(tmp_path / "absent", status=1)


def test_a_configuration_that_is_not_there(tree: Path) -> None:
    assert "absent: no such file" in refused(tree, "--config", tree / "absent")
