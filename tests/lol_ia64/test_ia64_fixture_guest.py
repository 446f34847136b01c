"""The ia64 fixture guest as a process prints what it prints on bare hardware."""

import re
import subprocess
import sys
from pathlib import Path

import previrt

ROOT = Path(__file__).resolve().parents[2]
GUEST = ROOT / "fixtures" / "ia64" / "guest.elf"
TRANSCRIPT = ROOT / "fixtures" / "ia64" / "transcript.txt"
MACHINE_MARK = "~"
TIMEOUT_S = 1800


def test_the_transcript_is_that_of_bare_hardware(tmp_path: Path) -> None:
    previrt.link(GUEST, "lol", output=tmp_path / "guest")
    command = [sys.executable, "-m", "simulator", "--monitor", "linux", "--stats", str(tmp_path / "guest")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    lines = [line for line in done.stdout.splitlines() if not line.startswith(MACHINE_MARK)]
    assert lines == TRANSCRIPT.read_text().splitlines(), done.stderr
    assert done.returncode == 0
    assert re.search(r"done: \d+ checks, 0 failed", lines[-1])
    # A signal for every trap, and no other way in: each returns from its handler but the one that exits.
    signals = sum(int(count) for count in re.findall(r"\d+ (\d+)", done.stderr.split("signals: ")[1]))
    returned = re.search(r"rt_sigreturn (\d+)", done.stderr)
    assert returned
    assert int(returned[1]) == signals - 1
