"""previrt-xl and disks that mean harm or are broken, previrt-xl killed: nothing that libxl would take is left."""

from __future__ import annotations

import os
import random
import resource
import shlex
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from xl_disks import (
    GRUB_CFG,
    GUEST,
    INITRD,
    PATH,
    PROGRAM,
    guest_files,
    libxl_command,
    make_file_system,
    make_tree,
    parse_as_libxl,
    run_as_libxl,
)

import previrt
from linker.commands import xl as cli
from linker.xl import restricted
from linker.xl.menus import split_words
from linker.xl.prepare import PreparedDomain

MUTANTS = 25
SEED = 20261129
# System calls that change a file. Of its own process only: write, which debugfs does hundreds of times.
STEPS = {"-f": "sendfile,linkat,fchmod,ftruncate,copy_file_range,pwrite64", "-q": "write"}
STEPS_MAX = 40


def refuse(folder: Path, disk: Path, message: str) -> None:
    taken = run_as_libxl(folder, disk, [])
    assert (taken.status, taken.kernel) == (1, None), taken.terminal
    assert message in taken.terminal
    assert "Traceback" not in taken.terminal
    assert taken.terminal.startswith("previrt-xl: ")
    assert not (folder / "bootloader.7.out").read_bytes()
    assert not list((folder / "bootloader.7.d").iterdir())


def disk_with(folder: Path, files: dict[str, bytes | str], size_mib: int = 4) -> Path:
    return make_file_system(folder / "disk", make_tree(folder / "tree", files), size_mib=size_mib)


def extlinux(path: str) -> str:
    return f"label x\nkernel {path}\n"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"boot/a": "->b", "boot/b": "->a", "extlinux.conf": extlinux("/boot/a")}, "too many symbolic links"),
        ({"extlinux.conf": extlinux("/boot")}, "no kernel of that name"),
        ({"extlinux.conf": extlinux("/etc/passwd")}, "no kernel of that name"),
        ({"k": "->/etc/passwd", "extlinux.conf": extlinux("/k")}, "no kernel of that name"),
        ({"k": "->../../../../../../etc/hostname", "extlinux.conf": extlinux("/k")}, "no kernel of that name"),
        ({"extlinux.conf": extlinux('/boot/x" "<2>')}, "no kernel of that name"),
        ({"extlinux.conf": extlinux("<2>")}, "no kernel of that name"),
        ({"extlinux.conf": extlinux("/boot/\x1b[2J")}, "\ufffd[2J: no kernel of that name"),
        ({"k": "->/boot/\n", "extlinux.conf": extlinux("/k")}, "path has control characters"),
        ({"extlinux.conf": b"label \xff\xfe\nkernel /\xff\n"}, "no kernel of that name"),
        ({"extlinux.conf": extlinux("/boot/vm") + "initrd /nope\n", "boot/vm": b"x"}, "no RAM disk of that name"),
        ({"extlinux.conf": b"#" * (1 << 20) + b"\nlabel x\nkernel /x\n"}, "too long"),
        ({"extlinux.conf": extlinux("/k"), "k": b""}, "file is empty"),
        ({"extlinux.conf": extlinux("/k"), "k": b"\x7fELF" + bytes(20)}, "ELF"),
        ({"extlinux.conf": extlinux("/k"), "k": GUEST.read_bytes()[:100_000]}, "is cut off"),
        ({"nothing": b""}, "no kernel on the disk"),
    ],
)
def test_refused(files: dict[str, bytes | str], message: str, tmp_path: Path) -> None:
    refuse(tmp_path, disk_with(tmp_path, files), message)


def test_not_a_disk(tmp_path: Path) -> None:
    for contents in (b"", b"text\n", os.urandom(70_000), bytes(1 << 20)):
        (tmp_path / "disk").write_bytes(contents)
        refuse(tmp_path, tmp_path / "disk", "no file system that can be read")
    refuse(tmp_path, tmp_path / "none", "cannot open the disk")
    refuse(tmp_path, tmp_path, "no disk: found a directory, expected an image file or a block device")


def test_a_menu_of_any_bytes_is_listed(tmp_path: Path) -> None:
    disk = disk_with(tmp_path, {"extlinux.conf": b"label a\x1b[2J\xff\nkernel /\xff\n"})
    done = subprocess.run([PROGRAM, "-l", disk], capture_output=True, check=True)
    assert done.stdout.decode() == "0: a\ufffd[2J\\xff\n  kernel: /\\xff\n  args: \n"


def test_a_device_node_is_no_kernel(tmp_path: Path) -> None:
    disk = disk_with(tmp_path, {"extlinux.conf": extlinux("/k")})
    subprocess.run(["debugfs", "-w", "-R", "mknod k b 8 0", disk], check=True, capture_output=True, env={"PATH": PATH})
    refuse(tmp_path, disk, "no kernel of that name")


def test_a_kernel_that_is_a_terabyte_of_nothing(tmp_path: Path) -> None:
    disk = disk_with(tmp_path, {"extlinux.conf": extlinux("/k"), "k": b"x"})
    words = "set_inode_field /k size 1099511627776"
    subprocess.run(["debugfs", "-w", "-R", words, disk], check=True, capture_output=True, env={"PATH": PATH})
    refuse(tmp_path, disk, "too long")


@pytest.mark.parametrize("kernel", [None, GUEST])
def test_no_room(kernel: Path | None, whole: bytes, tmp_path: Path) -> None:
    """Files may have 100 KiB: less than the kernel."""
    (tmp_path / "disk").write_bytes(whole)
    command = libxl_command(tmp_path, tmp_path / "disk", [f"--kernel={kernel}"] if kernel else [])
    limited = ["bash", "-c", 'ulimit -f 100; exec "$@"', "bash", *command]
    done = subprocess.run(limited, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert ("cannot copy: File too large" if kernel else "file cannot be read whole") in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "bootloader.7.out").read_bytes()
    assert not list((tmp_path / "bootloader.7.d").iterdir())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("whole")
    return disk_with(folder, {"boot/grub/grub.cfg": GRUB_CFG, **guest_files()}).read_bytes()


@pytest.fixture(scope="module")
def bound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("bound") / "guest.xen"
    previrt.link(GUEST, "xen", output=path)
    return path.read_bytes()


def test_damaged_file_systems(whole: bytes, tmp_path: Path) -> None:
    """Bytes of superblock, descriptors, inodes and folders changed at random: an answer in time, or a clear error."""
    chance = random.Random(SEED)
    used = [off for off in range(1024, len(whole), 512) if any(whole[off : off + 512])][:400]
    refused = 0
    for _ in range(MUTANTS):
        damaged = bytearray(whole)
        for _ in range(chance.randint(1, 60)):
            damaged[chance.choice(used) + chance.randrange(512)] = chance.randrange(256)
        (tmp_path / "disk").write_bytes(damaged)
        start = time.monotonic()
        taken = run_as_libxl(tmp_path, tmp_path / "disk", [])
        assert "Traceback" not in taken.terminal
        assert taken.status in (0, 1)
        assert time.monotonic() - start < 60
        if taken.status:
            refused += 1
            assert not list((tmp_path / "bootloader.7.d").iterdir())
    assert 0 < refused < MUTANTS


@pytest.mark.parametrize("restricted", [None, 54321])
@pytest.mark.parametrize("option", STEPS)
def test_killed_at_every_step(option: str, restricted: int | None, whole: bytes, bound: bytes, tmp_path: Path) -> None:
    """SIGKILL at the n-th system call that changes a file, for every n, until it lives."""
    for at in (tmp_path, *tmp_path.parents[:3]):
        at.chmod(at.stat().st_mode | 0o055)
    disk = tmp_path / "disk"
    disk.write_bytes(whole)
    ramdisk = INITRD + b"\0" * (-len(INITRD) % 4)
    directory, output = tmp_path / "bootloader.7.d", tmp_path / "bootloader.7.out"
    for step in range(1, STEPS_MAX):
        command = libxl_command(tmp_path, disk, [], restricted)
        words = ["-e", f"trace={STEPS[option]}", "-e", f"inject={STEPS[option]}:signal=SIGKILL:when={step}"]
        done = subprocess.run(["strace", option, "-qq", "-o", "/dev/null", *words, *command], check=False)
        assert all(path.read_bytes() in (bound, ramdisk) for path in directory.iterdir()), "what is there is whole"
        if done.returncode == 0:
            break
        if output.read_bytes():  # killed at the very end: it is whole, though libxl does not look at it
            assert parse_as_libxl(output.read_bytes()).kernel == bound
        for path in directory.iterdir():  # as libxl does (libxl__remove_directory)
            path.unlink()
    assert 1 < step < STEPS_MAX - 1
    taken = parse_as_libxl(output.read_bytes())
    assert (taken.kernel, taken.ramdisk) == (bound, ramdisk)


def test_it_ends_by_itself_before_xl_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A file system that keeps debugfs busy for ever."""
    disk = disk_with(tmp_path, {"extlinux.conf": extlinux("/k")})
    pid_file = tmp_path / "pid"
    tool = tmp_path / "bin" / "debugfs"
    tool.parent.mkdir()
    tool.write_text(f"#!/bin/sh\necho $$ >{pid_file}\nexec sleep 1000\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tool.parent), prepend=":")
    monkeypatch.setattr(cli, "LIMIT_S", 2)
    output_directory = tmp_path / "out"
    output_directory.mkdir()
    assert cli.main([f"--output={tmp_path / 'output'}", f"--output-directory={output_directory}", str(disk)]) == 1
    assert "not done after 2 seconds" in capfd.readouterr().err
    assert not (tmp_path / "output").read_bytes()
    wait_for_the_end(int(pid_file.read_text()))


def wait_for_the_end(process: int) -> None:
    """Of a process that is nobody's child: whoever has adopted it may not have waited for it yet."""
    deadline = time.monotonic() + 10
    while True:
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return
        if state == "Z":
            return
        assert time.monotonic() < deadline, "it still runs"
        time.sleep(0.05)


# ---- disks and menus that ask for too much ----


def limited(command: list[str], memory_len: int = 1 << 30) -> subprocess.CompletedProcess[str]:
    """Run with little memory and 20 seconds; quadratic work needs far more."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (memory_len, memory_len))
        resource.setrlimit(resource.RLIMIT_CPU, (20, 20))

    return subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=limit, timeout=100)


GROWING = "set a=aaaaaaaa\n" + "set a=$a$a\n" * 40
ENTRY = "menuentry 'x' {\nlinux /boot/vmlinux-6.1 $a\n}\n"
MENUS = {
    "doubling": (GROWING + ENTRY, "boot menu is too long: found variables that grow"),
    "one variable in many words": ("set a=" + "a" * 60_000 + "\n" + ENTRY * 20_000, "boot menu is too long"),
    "one variable in one word": ("set a=" + "a" * 60_000 + "\nlinux /" + "$a" * 400_000, "boot menu is too long"),
    "one word": (f"set a={'a' * 1_000_000}\n", "no kernel on the disk"),
    "one quoted word": (f"set a='{'a' * 1_000_000}'\n", "no kernel on the disk"),
    "one word of escapes": (f"set a={chr(92) * 1_000_000}\n", "no kernel on the disk"),
    "one word of quotes": (f"set a={chr(34) * 1_000_000}\n", "no kernel on the disk"),
    "quotes that do not end": ("a 'b\n" * 150_000, "no kernel on the disk"),
    "blocks in blocks": ("menuentry a {\n" * 70_000, "boot menu is nested too deeply: expected at most 64 blocks"),
    "RAM disks": ("menuentry 'x' {\nlinux /boot/vmlinux-6.1\ninitrd" + " /i" * 100_000 + "\n}", "too many RAM disks"),
}


@pytest.mark.parametrize("user", [None, 54321])
@pytest.mark.parametrize("menu", MENUS)
def test_menus_that_ask_for_too_much(menu: str, user: int | None, tmp_path: Path) -> None:
    for at in (tmp_path, *tmp_path.parents[:3]):
        at.chmod(at.stat().st_mode | 0o055)
    text, message = MENUS[menu]
    disk = disk_with(tmp_path, {**guest_files(text=text), "boot/vmlinux-6.1": b"x"}, size_mib=8)
    done = limited(libxl_command(tmp_path, disk, [], user))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert done.stderr.startswith("previrt-xl: ")
    assert message in done.stderr
    assert len(done.stderr) < 1000


@pytest.mark.parametrize("option", ["", "-l"])
def test_no_disk(option: str, tmp_path: Path) -> None:
    """Opening a FIFO waits for a writer, reading /dev/zero never ends."""
    os.mkfifo(tmp_path / "fifo")
    for path, kind in ((tmp_path / "fifo", "a FIFO"), (Path("/dev/zero"), "a character device")):
        words = [word for word in (option, str(path)) if word]
        done = limited([str(PROGRAM), *words])
        message = f"previrt-xl: {path}: no disk: found {kind}, expected an image file or a block device\n"
        assert (done.returncode, done.stderr) == (1, message)


WORKS: dict[str, tuple[Callable[[], object], str]] = {
    "memory": (lambda: len(bytearray(8 << 30)), "out of memory: expected at most 4294967296 bytes of memory"),
    "time": (lambda: any(iter(int, 1)), "the work on the disk was ended: found SIGXCPU, expected at most"),
    "files": (lambda: [os.dup(0) for _ in range(100)], "the process that works on the disk failed: found status 1"),
    "answer": (lambda: "x" * (17 << 20), "says too much: expected at most 16777216 bytes"),
    "new rights": (lambda: Path("/proc/self/status").read_text(), ""),
}


@pytest.mark.parametrize("work", WORKS)
def test_limits_of_the_child(work: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --runas, too."""
    monkeypatch.setattr(restricted, "CPU_LIMIT_S", 1)
    task, message = WORKS[work]
    if not message:
        assert "NoNewPrivs:\t1" in str(restricted.in_child(task))
        return
    with pytest.raises(previrt.LinkError, match=message):
        restricted.in_child(task)


def test_answers_are_checked() -> None:
    """A child that the disk's owner has taken over may say anything."""
    for said in (b"", b"[" * 100_000, b'{"done"', b"{}", b'{"error": {}}', b'{"error": 1}', b"\xff"):
        with pytest.raises(previrt.LinkError, match="without an answer"):
            restricted.understood(said)
    for answer in (None, {"kernel": "x"}):
        with pytest.raises(previrt.LinkError, match="without an answer"):
            PreparedDomain.from_json(answer)


@given(st.text("ab '\"\\\t#", max_size=20))
@example('a\'b\'"c\\"d\\e"\\ f#g h')
def test_words_are_those_of_a_shell(line: str) -> None:
    try:
        expected = shlex.split(line, comments=True)
    except ValueError:
        expected = []
    assert split_words(line) == expected


# ---- kernels that are not annotated ----


def test_an_unannotated_kernel_is_handed_over_as_it_is(tmp_path: Path) -> None:
    """As pygrub's users expect of their PV kernels; the log says so."""
    (tmp_path / "k.s").write_text(".globl _start\n_start: hlt\n")
    subprocess.run(["gcc", "-nostdlib", "-static", "-o", tmp_path / "k", tmp_path / "k.s"], check=True)
    kernel = (tmp_path / "k").read_bytes()
    taken = run_as_libxl(tmp_path, disk_with(tmp_path, {"boot/vmlinux": kernel}), [])
    assert (taken.status, taken.kernel, taken.ramdisk) == (0, kernel, None)
    assert "/boot/vmlinux: not annotated (built without previrt-as); handed over as it is" in taken.terminal


def test_a_bzimage_is_handed_over_with_a_word(tmp_path: Path) -> None:
    kernel = bytes(0x202) + b"HdrS" + bytes(1000)
    taken = run_as_libxl(tmp_path, disk_with(tmp_path, {"extlinux.conf": extlinux("/k"), "k": kernel}), [])
    assert (taken.status, taken.kernel) == (0, kernel)
    assert "a bzImage, whose kernel is compressed and cannot be bound: name its vmlinux (ELF)" in taken.terminal


def test_an_annotated_kernel_that_cannot_be_bound_is_refused(tmp_path: Path) -> None:
    damaged = bytearray(GUEST.read_bytes())
    at = damaged.index(b"\xfa" + b"\x90" * 7)
    damaged[at] = 0x06  # no instruction of the 64-bit mode
    refuse(tmp_path, disk_with(tmp_path, {"boot/vmlinux": bytes(damaged)}), "/boot/vmlinux: ")
