"""Domains that `xl create` makes with bootloader="previrt-xl" in a Debian dom0, of kernels unbound on their disks."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from threading import Timer
from typing import NamedTuple

import pytest
from dom0_root import make_dom0
from xen_machine import CPU, GUEST, MACHINE_MARK, TRANSCRIPT, XEN_OPTIONS

pytestmark = pytest.mark.xdist_group("domu")  # one boot of dom0 for all
TIMEOUT_S = 900
MIB = 1 << 20
USER = "xenguest"
INITRD = b"initrd" * 100
EXTLINUX = """\
default guest
label guest
  kernel /boot/vmlinux
  initrd /boot/initrd
  append {args}
"""
CONFIGURATION = """\
name = "{name}"
type = "pv"
memory = 64
bootloader = "previrt-xl"
disk = ["file:/disks/{name},xvda,r"]
on_poweroff = "preserve"
on_crash = "preserve"
"""
RESTRICTED = f'bootloader_restrict = 1\nbootloader_user = "{USER}"\n'
# What a domain's disk says, what its configuration says beside the above, what is typed.
DOMAINS = {
    "transcript": ("", "", ""),
    "echo": ("notests", RESTRICTED + 'extra = "echo previrt-statistics"\n', r"first line\nquit\n"),
    "crash": ("notests panic", "", ""),
}
LISTENS = "type lines"
# Under load xl create -c is too slow for its own console client, which waits 5 seconds; so a domain starts when the
# client is there, and ends when it has read all.
SCRIPT = f"""\
dmesg -n 1
mkdir -p /home
steer() {{
    until pidof xenconsole; do sleep 1; done >/dev/null
    sleep 2
    xl unpause $1
    if [ "$2" ]; then # not before the guest listens; the client hands on what is typed only where it has a terminal
        until grep -q "{LISTENS}" /var/log/xen/console/guest-$1.log; do sleep 1; done
        printf "$2" >$(cat /tty)
    fi
    until xl list $1 | awk 'END {{ exit $5 !~ /s/ }}'; do sleep 1; done
    sleep 2
    xl destroy $1
}}
create() {{
    echo "dom0: create $1"
    xl create -p /domains/$1 2>&1
    echo "dom0: status $?"
    id=$(xl domid $1) || return
    until xenstore-read /local/domain/$id/console/tty >/tty 2>/dev/null; do sleep 1; done
    steer $1 "$2" &
    xl console $1
    echo; echo "dom0: after"
    cat /var/log/xen/xl-$1.log /var/log/xen/bootloader.*.log; rm /var/log/xen/bootloader.*.log
    ls /var/lib/xen
    wait
}}
"""


class Created(NamedTuple):
    """What dom0 saw of a domain.

    `created`: what `xl create` said. `console`: exit status in its first line, then what `xl console` showed. `after`:
    what xl and the bootloader logged, what is left of the bootloader's files.
    """

    created: list[str]
    console: list[str]
    after: list[str]

    def from_banner(self) -> list[str]:
        """The guest's lines."""
        first = next(number for number, line in enumerate(self.console) if "previrt fixture guest" in line)
        return self.console[first:]


def make_disk(folder: Path, name: str, args: str) -> Path:
    tree, disk = folder / f"tree-{name}", folder / f"disk-{name}"
    (tree / "boot").mkdir(parents=True)
    (tree / "boot/vmlinux").write_bytes(GUEST.read_bytes())
    (tree / "boot/initrd").write_bytes(INITRD)
    (tree / "extlinux.conf").write_text(EXTLINUX.format(args=args))
    with disk.open("wb") as file:
        file.truncate(4 * MIB)
    subprocess.run(["/sbin/mke2fs", "-q", "-t", "ext4", "-d", tree, disk], check=True)
    return disk


@pytest.fixture(scope="module")
def domains(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Created]:
    """One boot of dom0, and every domain."""
    folder = tmp_path_factory.mktemp("domu")
    script = SCRIPT
    files: dict[str, bytes | Path] = {
        "etc/passwd": f"root:x:0:0::/:/bin/sh\n{USER}:x:5000:5000::/:/bin/sh\n".encode(),
        "etc/group": f"root:x:0:\n{USER}:x:5000:\n".encode(),
    }
    for name, (args, more, typed) in DOMAINS.items():
        files[f"disks/{name}"] = make_disk(folder, name, args)
        files[f"domains/{name}"] = (CONFIGURATION.format(name=name) + more).encode()
        script += f"create {name} '{typed}'\n"
    lines = [line for line in run_dom0(folder, script, files) if not line.startswith("(XEN)")]
    assert "dom0: done" in lines, "\n".join(lines[-60:])
    assert not [line for line in lines if line.startswith("cannot load")]
    found: dict[str, Created] = {}
    for part in "\n".join(lines).split("dom0: create ")[1:]:
        name, _, rest = part.partition("\n")
        created, _, rest = rest.partition("dom0: status ")
        console, _, after = rest.partition("dom0: after\n")
        found[name] = Created(created.splitlines(), console.splitlines(), after.splitlines())
    return found


def run_dom0(folder: Path, script: str, files: dict[str, bytes | Path]) -> list[str]:
    """The lines on the serial line, those that are empty left out."""
    dom0 = make_dom0(folder, script, files)
    command: list[str | Path] = ["qemu-system-x86_64", "-M", "pc", "-accel", "tcg", "-cpu", CPU, "-m", "1024"]
    command += ["-nic", "none", "-display", "none", "-monitor", "none", "-serial", "stdio", "-no-reboot"]
    command += ["-kernel", dom0.xen, "-initrd", f"{dom0.linux} console=hvc0 quiet,{dom0.initramfs}"]
    command += ["-append", f"{XEN_OPTIONS} dom0_mem=512M dom0_max_vcpus=1"]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as qemu:
        watchdog = Timer(TIMEOUT_S, qemu.kill)
        watchdog.start()
        assert qemu.stdout
        with (folder / "console").open("w", buffering=1) as kept:
            lines = []
            for line in qemu.stdout:
                kept.write(line)
                lines.append(line.strip("\r\n"))
        watchdog.cancel()
    return [line for line in lines if line]


def test_the_transcript_is_that_of_bare_hardware(domains: dict[str, Created]) -> None:
    lines = domains["transcript"].from_banner()
    found = [line for line in lines if not line.startswith(MACHINE_MARK)]
    assert found == [line for line in TRANSCRIPT.read_text().splitlines() if not line.startswith(MACHINE_MARK)]
    assert re.search(r"done: \d+ checks, 0 failed", lines[-1])
    assert f"{MACHINE_MARK}initrd: {len(INITRD)} bytes" in "\n".join(lines)


def test_power_off_ends_the_domain(domains: dict[str, Created]) -> None:
    assert "Domain 1 has shut down, reason code 0 0x0" in domains["transcript"].after
    assert domains["transcript"].console[0] == "0"


def test_the_console_takes_what_is_typed(domains: dict[str, Created]) -> None:
    lines = domains["echo"].from_banner()
    assert [line for line in lines if line.startswith("echo: ")][1:] == ["echo: first line", "echo: quit"]
    assert f"{MACHINE_MARK}command line: notests echo previrt-statistics" in lines


def test_output_sends_an_event_a_line_not_a_character(domains: dict[str, Created]) -> None:
    text = "\n".join(domains["echo"].from_banner())
    sent = re.search(r"previrt-xen: event_channel_op: (\d+)", text)
    assert sent
    assert int(sent[1]) < len(text) / 4


def test_a_triple_fault_crashes_the_domain_with_a_report(domains: dict[str, Created]) -> None:
    report = "\n".join(domains["crash"].console)
    assert "previrt-xen: guest stopped: triple fault" in report
    assert "instruction: ud2" in report
    assert re.search(r"at: 0x[0-9a-f]+ <(panic|modes_run)\+0x[0-9a-f]+>", report)
    assert "Domain 3 has shut down, reason code 3 0x3" in domains["crash"].after


def test_the_bootloader_leaves_nothing(domains: dict[str, Created]) -> None:
    for name, created in domains.items():
        assert not [line for line in created.after if "boot_kernel" in line or line.startswith("bootloader.")], name
        assert not [line for line in created.after + created.created if "previrt-xl: " in line], name
