"""previrt-boot qemu: the guest unbound on disk runs bound, at the start and after each reset, and QEMU stays QEMU."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
from boot_qemu import GUEST, PC, ROOT, Monitor, bindings, children_of, is_running, run, segments_of, started, wait_for

import previrt
from linker.boot import qemu_options
from linker.boot.qemu_options import read_options
from linker.errors import UsageError

TRANSCRIPT = (ROOT / "fixtures" / "x86_64" / "transcript.txt").read_text().splitlines()
SITES = len(previrt.read_table(GUEST).annotations.starts_va)


@pytest.fixture(scope="module")
def bound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bound") / "guest.bare"
    previrt.link(GUEST, "bare", output=path)
    return path


def same_on_every_machine(lines: list[str]) -> list[str]:
    return [line for line in lines if not line.startswith("~ ")]


def test_the_fixture_guest_runs_bound_and_the_file_stays_as_it_is(tmp_path: Path) -> None:
    report, before = tmp_path / "report", GUEST.read_bytes()
    done = run(*PC, "-no-reboot", "-kernel", GUEST, options=("-v", "--report", report))
    assert done.returncode == 0, done.stderr
    console = done.stdout[done.stdout.index("previrt fixture guest") :].splitlines()
    assert same_on_every_machine(console) == same_on_every_machine(TRANSCRIPT)
    assert GUEST.read_bytes() == before
    (said,) = bindings(report)
    assert {**said, "patch_ms": 0, "paused_ms": 0} == {
        **{"resets": 0, "target": "bare", "sites": said["sites"], "bound": said["sites"]},
        **{"patch_ms": 0, "paused_ms": 0},
    }
    assert re.fullmatch(r"previrt-boot: at start: \d+ sites bound to bare in [\d.]+ ms\n", done.stderr)


def test_stdin_is_the_guests() -> None:
    with started(*PC, "-kernel", GUEST, "-append", "notests echo") as boot:
        assert boot.stdout is not None
        assert boot.stdin is not None
        while "echo: type lines" not in boot.stdout.readline():
            pass
        boot.stdin.write("hello\nquit\n")
        boot.stdin.flush()
        assert "echo: hello" in boot.stdout.read()
        assert boot.wait() == 0


def test_memory_is_the_bound_files_and_a_paused_machine_stays_paused(bound: Path, tmp_path: Path) -> None:
    """-S is the user's own; so is the reset of a machine that does not run."""
    report = tmp_path / "report"
    with (
        Monitor(tmp_path) as monitor,
        started(*PC, *monitor.arguments, "-S", "-kernel", GUEST, options=("--report", report)) as boot,
    ):
        expected = [data for _, data in segments_of(bound)]
        for patches in (1, 2, 3):
            wait_for(lambda patches=patches: len(bindings(report)) == patches, "not bound")  # type: ignore[misc]
            assert monitor.status() == "prelaunch"
            assert monitor.segments(GUEST, tmp_path) == expected
            assert expected != [data for _, data in segments_of(GUEST)]
            if patches == 2:
                monitor("set-action", reboot="reset")  # not what previrt-boot has told QEMU
            monitor("system_reset")
        monitor("quit")
        assert boot.wait() == 0
    assert [said["resets"] for said in bindings(report)[:3]] == [0, 1, 2]
    assert [said["paused_ms"] for said in bindings(report)[:3]] == [None] * 3


ANNOTATED_PADDING = re.compile(r"\s90\s+nop\b")  # a single no-operation, as QEMU logs it


def test_after_a_reset_no_instruction_runs_unbound(tmp_path: Path) -> None:
    """The guest triple-faults again and again. Every instruction QEMU translates, in all its lives, is in the log:
    padding of single no-operations, which every site of the unbound guest has, must not be among them."""
    report = tmp_path / "report"
    pas = [(pa, pa + len(data)) for pa, data in segments_of(GUEST)]
    trace = ["-d", "in_asm", "-dfilter", f"{min(pas)[0]:#x}..{max(pas)[1]:#x}", "-D"]
    arguments = ["-kernel", str(GUEST), "-append", "notests panic"]
    with started(*PC, *trace, tmp_path / "bound", *arguments, options=("--report", report)) as boot:
        wait_for(lambda: len(bindings(report)) >= 4, "not rebooted three times")
        boot.terminate()
        assert boot.wait() == 0
    assert [said["resets"] for said in bindings(report)[:4]] == [0, 1, 2, 3]
    translated = (tmp_path / "bound").read_text()
    assert translated.count("nopl") > 10, "bound padding runs"
    assert not ANNOTATED_PADDING.search(translated)
    qemu = ["qemu-system-x86_64", *PC, *trace, str(tmp_path / "unbound"), *arguments, "-no-reboot"]
    subprocess.run(qemu, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=60)
    assert ANNOTATED_PADDING.search((tmp_path / "unbound").read_text()), "the log would show it"


def test_a_reset_ends_what_was_started_with_no_reboot() -> None:
    done = run(*PC, "-no-reboot", "-kernel", GUEST, "-append", "notests panic", options=("-v",))
    assert done.returncode == 0
    assert done.stderr.count("sites bound") == 1


def test_a_machine_that_is_not_to_be_shut_down_stays(tmp_path: Path) -> None:
    """As with QEMU alone, a reset then leaves it paused; the user continues it."""
    report = tmp_path / "report"
    qemu = [*PC, "-no-shutdown", "-kernel", str(GUEST), "-append", "notests"]
    with Monitor(tmp_path) as monitor, started(*qemu, *monitor.arguments, options=("--report", report)) as boot:
        for _ in range(2):
            wait_for(monitor.powered_off, "not shut down")
            before = len(bindings(report))  # one a reset; the firmware, reset once, resets the machine again itself
            monitor("system_reset")
            wait_for(lambda before=before: len(bindings(report)) > before, "not bound again")  # type: ignore[misc]
            assert monitor.status() == "prelaunch"
            monitor("cont")
        assert boot.poll() is None
        monitor("quit")
        assert boot.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_reaches_qemu(number: signal.Signals) -> None:
    with started(*PC, "-kernel", GUEST, "-append", "notests idle=1000") as boot:
        assert boot.stdout is not None
        while "previrt fixture guest" not in boot.stdout.readline():
            pass
        (qemu,) = children_of(boot.pid)
        boot.send_signal(number)
        assert boot.wait() == 0
        assert not is_running(qemu)


def test_how_qemu_ended_is_how_it_ends() -> None:
    with started(*PC, "-kernel", GUEST, "-append", "notests idle=1000") as boot:
        wait_for(lambda: bool(children_of(boot.pid)), "no QEMU")
        os.kill(children_of(boot.pid)[0], signal.SIGKILL)
        assert boot.wait() == 128 + signal.SIGKILL
    done = run(*PC, "-kernel", GUEST, "-initrd", "/nowhere")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "error reading initrd /nowhere" in done.stderr


def test_killed_it_leaves_neither_qemu_nor_memory(tmp_path: Path) -> None:
    shared = set(Path("/dev/shm").iterdir())
    with started(*PC, "-kernel", GUEST, "-append", "notests idle=1000") as boot:
        assert boot.stdout is not None
        while "previrt fixture guest" not in boot.stdout.readline():
            pass
        (qemu,) = children_of(boot.pid)
        files = {str(path.readlink()) for path in Path(f"/proc/{qemu}/fd").iterdir()}
        assert "/memfd:previrt guest memory (deleted)" in files, "a file without a name"
        boot.kill()
        wait_for(lambda: not is_running(qemu), "QEMU lives on")
    assert set(Path("/dev/shm").iterdir()) <= shared


def test_another_kernel_in_memory_is_not_touched(tmp_path: Path) -> None:
    contents = bytearray(GUEST.read_bytes())
    (window, *_) = previrt.read_table(GUEST).image.windows
    contents[window.off + window.len - 1] ^= 1
    (tmp_path / "other").write_bytes(contents)
    done = run(*PC, "-kernel", tmp_path / "other", options=("--kernel", GUEST))
    assert (done.returncode, done.stdout) == (1, "")
    assert re.search(r"guest.elf: physical address 0x\w+: guest memory does not hold this image: found", done.stderr)


@pytest.mark.parametrize(
    ("arguments", "options", "status", "message"),
    [
        ([], (), 2, "no kernel: expected --kernel FILE, or -kernel FILE among QEMU's arguments"),
        (["-kernel", GUEST], ("--target", "xen"), 2, "a kernel bound to xen is not started by previrt-boot qemu"),
        (["-kernel", "nowhere"], (), 1, "nowhere: cannot open: No such file or directory"),
        (["-kernel", __file__], (), 1, "not an image that a machine of QEMU runs: found magic 22 22 22 70"),
        (["-kernel", GUEST], ("--qemu", "nowhere"), 2, "cannot run nowhere: No such file or directory"),
        (["-kernel", GUEST], ("--report", "/nowhere/x"), 2, "cannot write the report: No such file or directory"),
        (["-kernel", GUEST, "-m", "1"], (), 1, ""),
    ],
)
def test_what_cannot_be_started(
    arguments: list[str | Path], options: tuple[str, ...], status: int, message: str
) -> None:
    done = run(*arguments, options=options)
    assert done.returncode == status, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_report_that_cannot_be_written_ends_it() -> None:
    done = run(*PC, "-kernel", GUEST, "-append", "notests idle=1000", options=("--report", "/dev/full"))
    assert (done.returncode, done.stderr) == (1, "previrt-boot: cannot write the report: No space left on device\n")


def test_a_bound_image_is_refused(bound: Path) -> None:
    done = run(*PC, "-kernel", bound)
    assert (done.returncode, done.stdout) == (1, "")
    assert "guest.bare: already bound to bare: expected an image as annotated" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["-daemonize"],
        ["--preconfig"],
        ["-incoming", "defer"],
        ["-loadvm", "x"],
        ["-readconfig", "x"],
        ["-mem-path", "/dev/shm"],
        ["-m", "64,slots=2,maxmem=1G"],
        ["-m", "size=64M,maxmem=64M"],
        ["-m", "a lot"],
        ["-m", "-1"],
        ["-machine", "pc,memory-backend=ram"],
        ["-M", "memory.size=1G"],
        ["-numa", "node,memdev=ram"],
    ],
    ids=" ".join,
)
def test_qemu_options_that_do_not_go_together_with_it(arguments: list[str]) -> None:
    with pytest.raises(UsageError):
        read_options(["-S", *arguments])


def test_values_are_not_taken_for_options() -> None:
    said = read_options(["-append", "-m", "-name", "-S", "-kernel", "k,x", "disk.img", "-no-shutdown"])
    assert said.memory_len == 128 << 20
    assert (said.kernel, said.stays_paused, said.actions.shutdown) == ("k,x", False, "pause")
    assert read_options(["-M", "pc,kernel=a,,b"]).kernel == "a,b"
    assert read_options(["-action", "reboot=shutdown,panic=pause"]).actions == ("shutdown", "poweroff", "pause")


@pytest.mark.parametrize("size", ["", "100", "64M", "0.25G", "size=65536k", "3g", "1048577B"])
def test_memory_sizes_mean_what_they_mean_to_qemu(size: str) -> None:
    arguments = ["-m", size] if size else []
    qemu = ["qemu-system-x86_64", "-M", "pc", "-nodefaults", "-display", "none", "-S", "-qmp", "stdio", *arguments]
    asked = '{"execute": "qmp_capabilities"}{"execute": "query-memory-size-summary"}{"execute": "quit"}'
    done = subprocess.run(qemu, input=asked, capture_output=True, text=True, check=True, timeout=60)
    (memory_len,) = [
        answer["return"]["base-memory"]
        for answer in map(json.loads, done.stdout.splitlines())
        if "base-memory" in answer.get("return", {})
    ]
    assert read_options(arguments).memory_len == memory_len


def test_options_without_a_value_are_qemus() -> None:
    """`-help` lists them with their value, if they take one."""
    told = subprocess.run(["qemu-system-x86_64", "-help"], capture_output=True, text=True, check=True).stdout
    listed = re.findall(r"^--?([a-z][\w-]*)(?: or --?(\w+))?(.*)", told, re.MULTILINE | re.IGNORECASE)
    flags = set()
    for name, other, rest in listed:
        if name != "dtb" and re.match(r"\s{2,}|\s*$| display | use it | start in | set | disable ", rest):
            flags |= {f"-{word}" for word in (name, other) if word}
    assert {flag for flag in flags if flag not in qemu_options.FLAGS} == set()
