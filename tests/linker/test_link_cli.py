"""The command: arguments, exit status, tables and JSON, completion."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from elfwriter import TEXT_VA, Site, make_image

COMMAND = [sys.executable, "-m", "linker.commands.link"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], check=False, capture_output=True, text=True, env=ENVIRONMENT)


@pytest.fixture
def guest(tmp_path: Path) -> Path:
    path = tmp_path / "guest"
    path.write_bytes(make_image([Site("fa", line=12), Site("0f20d8")]))
    return path


def test_default_output_and_table(guest: Path) -> None:
    done = run(guest, "--target", "bare")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == f"{guest}: bound to bare, x86_64, 2 sites -> {guest}.bare"
    assert "cli          native      1" in done.stdout
    assert "room: 4 of 16 bytes used, 12 left as no-operations" in done.stdout


def test_json_report(guest: Path) -> None:
    report = json.loads(run(guest, "-t", "bare", "--json").stdout)
    assert report["forms"] == {"cli": {"native": 1}, "mov_from_cr": {"native": 1}}
    assert (report["target"], report["sites"], report["bound"]) == ("bare", 2, 2)
    assert "details" not in report
    detailed = json.loads(run(guest, "-t", "bare", "--json", "-v").stdout)
    assert detailed["details"][0]["old"] == "fa 90 90 90 90 90 90 90"


def test_verbose_shows_old_new_and_final(guest: Path) -> None:
    out = run(guest, "-t", "bare", "-v").stdout
    assert f"{TEXT_VA:016x} start 'cli' native\n    old    fa 90" in out
    assert "    final  fa 0f 1f 80 00 00 00 00" in out


def test_list_with_and_without_target(guest: Path) -> None:
    plain = run(guest, "--list").stdout.splitlines()
    assert plain[0].split() == ["address", "symbol", "instruction", "class", "room", "form", "source", "reason"]
    assert plain[1].split() == [f"{TEXT_VA:016x}", "start", "cli", "cli", "8", "guest.c:12"]
    rows = json.loads(run(guest, "--list", "-t", "bare", "--json", "--skip", "cli").stdout)
    assert [(row["class_name"], row["form"]) for row in rows] == [("cli", "skipped"), ("mov_from_cr", "native")]
    assert not Path(f"{guest}.bare").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "nothing to do: expected --target TARGET, --restore, --list or --profile"),
        (("--restore", "--target", "bare"), "--restore and --target contradict each other"),
        (("-t", "bare", "-i", "-o", "x"), "--in-place and --output contradict each other"),
        (("-t", "nowhere"), "unknown target 'nowhere': expected bare"),
        (("-t", "bare", "--only", "nothing"), "'nothing' is no address, no class of a site and no symbol"),
    ],
)
def test_usage_errors(guest: Path, arguments: tuple[str, ...], message: str) -> None:
    done = run(guest, *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(f"previrt-link: {message}")
    assert list(guest.parent.iterdir()) == [guest]


def test_unknown_option_is_a_usage_error(guest: Path) -> None:
    assert run(guest, "--frobnicate").returncode == 2
    assert run().returncode == 2


def test_bad_image_is_status_1_and_json_says_why(tmp_path: Path) -> None:
    path = tmp_path / "guest"
    path.write_bytes(make_image([Site("90")]))
    done = run(path, "-t", "bare", "--json")
    assert done.returncode == 1
    error = json.loads(done.stdout)["error"]
    assert error["what"] == "instruction is not sensitive"
    assert error["where"] == ".afterburn record 0 at 0x401000"
    assert error["file"] == str(path)
    assert done.stderr.startswith(f"previrt-link: {path}: .afterburn record 0")


def test_help_names_every_option() -> None:
    out = run("--help").stdout
    for option in (
        "--target",
        "--output",
        "--in-place",
        "--dry-run",
        "--list",
        "--json",
        "--only",
        "--skip",
        "--restore",
    ):
        assert option in out
    assert out.startswith("usage: previrt-link [option(s)] IMAGE")


def test_list_targets() -> None:
    assert "bare: i386 ia64 x86_64\n" in run("--list-targets").stdout


def test_debug_logs_phases_to_stderr(guest: Path) -> None:
    done = run(guest, "-t", "bare", "--debug", "-q")
    assert done.stdout == ""
    events = [line.split("event=")[1].split(" ")[0].strip('"') for line in done.stderr.splitlines()]
    assert events == ["read", "decoded", "planned", "applied", "can", "written"]


def test_quiet_reader_ends_the_list(guest: Path) -> None:
    command = f"{sys.executable} -m linker.commands.link {guest} --list | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], check=True, capture_output=True, text=True, env=ENVIRONMENT)
    assert "Traceback" not in done.stderr


def test_bash_completion_completes() -> None:
    script = run("--print-completion", "bash").stdout
    check = script + "\nCOMP_WORDS=(previrt-link --target ''); COMP_CWORD=2; _previrt_link; echo ${COMPREPLY[@]}"
    done = subprocess.run(["bash", "-c", check], check=True, capture_output=True, text=True)
    assert "bare" in done.stdout.split()
    check = script + "\nCOMP_WORDS=(previrt-link --re); COMP_CWORD=1; _previrt_link; echo ${COMPREPLY[@]}"
    done = subprocess.run(["bash", "-c", check], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["--restore"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_completions_name_every_option_and_parse(shell: str, tmp_path: Path) -> None:
    script = run("--print-completion", shell).stdout
    for option in ("target", "restore", "dry-run", "print-completion"):
        assert option in script
    if shutil.which(shell):  # the shells are no dependency of the project; where one is there it must accept the script
        path = tmp_path / "script"
        path.write_text(script)
        subprocess.run([shell, "-n", path], check=True)
