"""Debian's Linux in QEMU with an initramfs in which previrt-boot kexec runs: what the real command opens, copied."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from debian_packages import unpacked

PACKAGE = "linux-image-cloud-amd64"  # names the current one; has kexec, and is small
LOADER = "/lib64/ld-linux-x86-64.so.2"
NOT_FILES = ("/proc/", "/sys/", "/dev/")

INIT = r"""
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

static int run(char **argv)
{
    int status;

    if (!fork()) {
        execvp(argv[0], argv);
        perror(argv[0]);
        _exit(127);
    }
    wait(&status);
    return WEXITSTATUS(status);
}

int main(void)
{
    char *load[] = {LOAD, NULL}, *go[] = {"kexec", "-e", NULL}, loaded = '?';

    mount("none", "/proc", "proc", 0, NULL);
    mount("none", "/sys", "sysfs", 0, NULL);
    mount("none", "/dev", "devtmpfs", 0, NULL);
    setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
    setenv("PYTHONDONTWRITEBYTECODE", "1", 1);
    printf("load: status %d\n", run(load));
    read(open("/sys/kernel/kexec_loaded", O_RDONLY), &loaded, 1);
    printf("kexec_loaded: %c\n", loaded);
    fflush(stdout);
    printf("exec: status %d\n", run(go));
    fflush(stdout);
    for (;;)
        pause();
}
"""


def debian_linux() -> Path:
    """Debian's bzImage."""
    (kernel,) = (unpacked("debian-linux", PACKAGE) / "boot").glob("vmlinuz-*")
    return kernel


def make_initramfs(command: list[str], folder: Path) -> Path:
    """An initramfs whose init runs `command` and then kexec -e. Its files are those strace sees it open here."""
    trace, tree = folder / "trace", folder / "tree"
    strace = ["strace", "-f", "-s", "4096", "-o", str(trace), "-e", "trace=openat,open,execve"]
    subprocess.run([*strace, *command], cwd="/", env=_environment(), capture_output=True, check=False)
    opened = {Path(name) for name in re.findall(r'"(/[^"]+)"', trace.read_text()) if not name.startswith(NOT_FILES)}
    compiled = {path for path in opened if path.parent.name == "__pycache__"}
    sources = {path.parents[1] / f"{path.name.partition('.')[0]}.py" for path in compiled}
    for path in sorted(opened | sources | {Path(LOADER), Path(os.__file__)}):
        to = tree / path.relative_to("/")
        if path.is_file():
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, to)
    for name in ("proc", "sys", "dev", "tmp"):
        (tree / name).mkdir(exist_ok=True)
    (folder / "init.c").write_text(INIT)
    words = ", ".join(f'"{word}"' for word in command)
    subprocess.run(["gcc", "-static", "-O1", f"-DLOAD={words}", "-o", tree / "init", folder / "init.c"], check=True)
    initramfs = folder / "initramfs"
    with initramfs.open("wb") as archive:
        names = b"\0".join(os.fsencode(path.relative_to(tree)) for path in [tree, *tree.rglob("*")])
        subprocess.run(["cpio", "-0", "-o", "-H", "newc", "--quiet"], cwd=tree, input=names, stdout=archive, check=True)
    shutil.rmtree(tree)
    return initramfs


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}


def previrt_boot() -> list[str]:
    """The command, by its interpreter's full path; this tree is found through it (an editable installation)."""
    return [sys.executable, "-m", "linker.commands.boot"]
