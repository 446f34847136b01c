"""previrt-xl as libxl runs it: what it is given, what it takes from the bootloader."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from xl_disks import (
    GUEST,
    INITRD,
    PROGRAM,
    guest_files,
    make_file_system,
    make_tree,
    on_a_terminal,
    partition,
    run_as_libxl,
)

import previrt

USER = 54321  # nobody's
ARGS = "root=/dev/xvda1 ro"


@pytest.fixture(scope="module")
def bound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("bound") / "guest.xen"
    previrt.link(GUEST, "xen", output=path)
    return path.read_bytes()


def open_to_all(folder: Path) -> None:
    """pytest's folders are its user's alone."""
    for at in (folder, *folder.parents[:3]):
        at.chmod(at.stat().st_mode | 0o055)


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("disk")
    open_to_all(folder)
    return make_file_system(folder / "disk.img", make_tree(folder / "tree", guest_files()))


def test_kernel_ramdisk_and_command_line_come_from_the_disk(disk: Path, bound: bytes, tmp_path: Path) -> None:
    before = disk.read_bytes()
    taken = run_as_libxl(tmp_path, disk, [])
    assert (taken.status, taken.args, taken.warnings, taken.terminal) == (0, ARGS, [], "")
    assert taken.kernel == bound
    assert taken.ramdisk == INITRD + b"\0" * (-len(INITRD) % 4)
    assert disk.read_bytes() == before, "the image on the disk stays neutral"
    assert not list((tmp_path / "bootloader.7.d").iterdir()), "nothing but what libxl unlinks"


TABLES = {
    "mbr": ("label: dos\nstart=2048,size=2048,type=82\nstart=4MiB,size=16384,type=83\n", 4),
    "gpt": ("label: gpt\nstart=2048,size=2048,type=uefi\nstart=4MiB,size=16384,type=linux\n", 4),
    "logical": ("label: dos\nstart=2048,size=2048,type=82\nstart=3MiB,type=5\nstart=5MiB,size=16384,type=83\n", 5),
}


@pytest.mark.parametrize("table", TABLES)
def test_partition_tables(table: str, disk: Path, bound: bytes, tmp_path: Path) -> None:
    words, start_mib = TABLES[table]
    taken = run_as_libxl(tmp_path, partition(tmp_path / "disk", disk, words, start_mib), [])
    assert (taken.kernel, taken.args) == (bound, ARGS)


def test_the_active_partition_comes_first(disk: Path, bound: bytes, tmp_path: Path) -> None:
    other = make_file_system(tmp_path / "other", make_tree(tmp_path / "t", {"boot/vmlinux": b"other"}), size_mib=2)
    words = "label: dos\nstart=1MiB,size=4096,type=83\nstart=4MiB,size=16384,type=83,bootable\n"
    whole = partition(tmp_path / "disk", disk, words, 4)
    with whole.open("r+b") as file:
        file.seek(1 << 20)
        file.write(other.read_bytes())
    assert run_as_libxl(tmp_path, whole, []).kernel == bound
    assert run_as_libxl(tmp_path, whole, [f"--offset={1 << 20}"]).kernel == b"other"


@pytest.mark.parametrize("kind", ["ext2", "ext3"])
def test_older_file_systems(kind: str, bound: bytes, tmp_path: Path) -> None:
    disk = make_file_system(tmp_path / "disk", make_tree(tmp_path / "t", guest_files()), kind=kind)
    assert run_as_libxl(tmp_path, disk, []).kernel == bound


def test_what_the_domains_configuration_says_goes_behind(disk: Path, tmp_path: Path) -> None:
    assert run_as_libxl(tmp_path, disk, ["--args=console=hvc0 single"]).args == f"{ARGS} console=hvc0 single"


def test_a_kernel_of_the_host(bound: bytes, tmp_path: Path) -> None:
    ramdisk = tmp_path / "initrd"
    ramdisk.write_bytes(INITRD)
    taken = run_as_libxl(tmp_path, "/no/disk", [f"--kernel={GUEST}", f"--ramdisk={ramdisk}", "--args=notests"])
    assert (taken.kernel, taken.ramdisk, taken.args) == (bound, INITRD, "notests")
    assert GUEST.exists()
    assert ramdisk.exists(), "libxl unlinks what it is told: it was told copies"
    taken = run_as_libxl(tmp_path, "/no/disk", [f"--kernel={GUEST}"])
    assert (taken.kernel, taken.ramdisk, taken.args) == (bound, None, None)


def test_a_ramdisk_of_the_host_for_a_kernel_of_the_disk(disk: Path, bound: bytes, tmp_path: Path) -> None:
    ramdisk = tmp_path / "initrd"
    ramdisk.write_bytes(b"host's")
    taken = run_as_libxl(tmp_path, disk, [f"--ramdisk={ramdisk}"])
    assert (taken.kernel, taken.ramdisk) == (bound, b"host's")


def test_another_target_by_bootloader_args(disk: Path, tmp_path: Path) -> None:
    """A domain of type "pvh" is hardware to its kernel."""
    bare = tmp_path / "bare"
    previrt.link(GUEST, "bare", output=bare)
    assert run_as_libxl(tmp_path, disk, ["--target", "bare"]).kernel == bare.read_bytes()


def test_bound_images_are_bound_again(bound: bytes, tmp_path: Path) -> None:
    for target in ("xen", "lol"):
        previrt.link(GUEST, target, output=tmp_path / target)
        assert run_as_libxl(tmp_path, "/no/disk", [f"--kernel={tmp_path / target}"]).kernel == bound


def test_as_another_user(disk: Path, bound: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What reads the disk is that user, without a way back; the copies are root's. A stand-in for debugfs tells."""
    open_to_all(tmp_path)
    seen = tmp_path / "seen"
    seen.mkdir()
    seen.chmod(0o777)
    tool = tmp_path / "bin" / "debugfs"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\n/bin/cat /proc/self/status >{seen}/status\nexec /sbin/debugfs "$@"\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tool.parent), prepend=":")
    taken = run_as_libxl(tmp_path, disk, [], restricted=USER)
    assert (taken.status, taken.kernel, taken.args, taken.terminal) == (0, bound, ARGS, "")
    status = dict(line.split(":\t", 1) for line in (seen / "status").read_text().splitlines() if ":\t" in line)
    assert status["Uid"] == status["Gid"] == "\t".join([str(USER)] * 4)
    assert status["Groups"].strip() == ""
    assert (status["NoNewPrivs"], int(status["CapPrm"], 16), int(status["CapEff"], 16)) == ("1", 0, 0)


def test_another_user_who_may_not_read_the_disk(disk: Path, tmp_path: Path) -> None:
    secret = tmp_path / "disk"
    secret.write_bytes(disk.read_bytes())
    secret.chmod(0o600)
    taken = run_as_libxl(tmp_path, secret, [], restricted=USER)
    assert taken.status == 1
    assert "Permission denied" in taken.terminal


def test_the_work_imports_nothing_new(disk: Path) -> None:
    """As another user, Python's own files may be out of reach."""
    program = (
        "import os, sys\n"
        "from linker.commands import xl\n"
        "from linker.xl import bootloader, restricted\n"
        "from linker.xl.prepare import Task, prepare\n"
        'restricted.load_all("xen")\n'
        "before = set(sys.modules)\n"
        "copies = [os.memfd_create(name) for name in ('kernel', 'ramdisk')]\n"
        f"disk = os.open({str(disk)!r}, os.O_RDONLY)\n"
        'prepare(Task("xen", disk, None, None, "", None, "", None, *copies))\n'
        "print(sorted(set(sys.modules) - before))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# ---- by hand ----


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=False)


def test_formats(disk: Path, tmp_path: Path) -> None:
    where = (f"--output-directory={tmp_path}", str(disk))
    done = run("--args=it's", *where)
    kernel, ramdisk = sorted(tmp_path.iterdir())
    assert done.stdout == f"linux (kernel '{kernel}')(ramdisk '{ramdisk}')(args \"{ARGS} it's\")"
    assert stat.S_IMODE(kernel.stat().st_mode) == stat.S_IMODE(ramdisk.stat().st_mode) == 0o600
    simple = run("--output-format=simple", "--not-really", *where)
    assert simple.stdout == (
        f"kernel <kernel:/boot/vmlinux-6.1>\nramdisk <ramdisk:/boot/initrd.img-6.1>\nargs {ARGS}\n\n"
    )
    assert len(list(tmp_path.iterdir())) == 2, "--not-really writes no copies"
    nul = run("--output-format=simple0", "-n", "--output=-", *where)
    assert nul.stdout == simple.stdout.replace("\n", "\0")


def test_what_a_format_cannot_say(disk: Path, tmp_path: Path) -> None:
    where = (f"--output-directory={tmp_path}", str(disk))
    done = run("--output-format=simple", "--args=two\nlines", *where)
    assert (done.returncode, done.stdout) == (1, "")
    assert "no way to say" in done.stderr
    long = run("--output-format=simple0", f"--args={'x' * 9000}", *where)
    assert (long.returncode, long.stdout) == (1, ""), "libxl would boot without a command line"
    assert "longer than xl reads" in long.stderr
    assert not list(tmp_path.iterdir())
    warned = run("--output-format=simple0", f"--args={'x' * 1100}", *where)
    assert warned.returncode == 0
    assert "a PV domain sees 1023" in warned.stderr


def test_an_output_that_cannot_be_written(disk: Path, tmp_path: Path) -> None:
    done = run(f"--output={tmp_path}/none/out", f"--output-directory={tmp_path}", str(disk))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"previrt-xl: {tmp_path}/none/out: cannot write: No such file or directory\n"


def test_list_entries(disk: Path) -> None:
    assert run("-l", disk).stdout == (
        f"0: Guest\n  kernel: /boot/vmlinux-6.1\n  args: {ARGS}\n  initrd: /boot/initrd.img-6.1\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: DISK"),
        (["--output-format=xml", "d"], "invalid choice"),
        (["--target=vax", "d"], "unknown target"),
        (["--runas=0", "d"], "other than root"),
        (["--offset=-1", "d"], "negative"),
        (["--output-directory=/nowhere", "d"], "not an existing directory"),
        (["--entri=1", "d"], "unrecognized"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_help_is_quick_to_come() -> None:
    program = (
        "import sys\nfrom linker.commands.xl import make_parser\nmake_parser().format_help()\n"
        "print([name for name in ('linker.bind.link', 'subprocess', 'structlog', 'construct') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout == b"[]\n"
    assert on_a_terminal([str(PROGRAM), "--version"])[1].startswith("previrt-xl (previrt) ")
