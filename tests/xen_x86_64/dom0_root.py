"""A dom0 to create domains in: Debian's Xen 4.17, its tools and Linux, and previrt, in an initramfs."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import NamedTuple

from debian_packages import unpacked

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "dom0"
PACKAGES = """busybox-static libxencall1 libxendevicemodel1 libxenevtchn1 libxenforeignmemory1 libxengnttab1 \
libxenhypfs1 libxenmisc4.17 libxenstore4 libxentoolcore1 libxentoollog1 libyajl2 xen-hypervisor-4.17-amd64 \
xen-utils-4.17 xen-utils-common xenstore-utils""".split()
LINUX = "linux-image-amd64"  # names the current one
MODULES = "xen-evtchn xen-gntdev xen-gntalloc xen-privcmd xenfs loop xen-blkback".split()
XEN_BIN = Path("usr/lib/xen-4.17/bin")
XEN_TOOLS = "xl xenstored xenconsoled xenconsole xen-init-dom0 libxl-save-helper".split()
STORE_TOOLS = "xenstore-exists xenstore-list xenstore-ls xenstore-read xenstore-rm xenstore-write".split()
HOST_TOOLS = (
    "/bin/bash /usr/bin/flock /usr/bin/partx /usr/bin/python3 /usr/bin/stat /sbin/debugfs /sbin/losetup".split()
)
DIST_PACKAGES = Path("usr/lib/python3/dist-packages")

# In the tree's terms: what runs when Linux is up. @MODULES@ in the order of what they need.
INIT = """\
#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp /run /var/run /var/log/xen /var/lib/xen /usr/bin
/bin/busybox --install -s /bin
export PATH=/bin:/usr/bin:/sbin:/usr/sbin:/usr/lib/xen-4.17/bin PYTHONDONTWRITEBYTECODE=1
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
ln -s /proc/self/fd /dev/fd; ln -s /proc/self/fd/0 /dev/stdin
mkdir -p /dev/pts /run/xen /run/xenstored /run/lock; mount -t devpts pts /dev/pts
rmdir /var/run; ln -s /run /var/run; ln -s /run/lock /var/lock; mkdir -p /tmp/empty
for module in @MODULES@; do insmod /modules/$module || echo "cannot load $module"; done
mount -t xenfs xenfs /proc/xen
xenstored --pid-file /run/xenstored.pid
xen-init-dom0
mkdir -p /var/log/xen/console
xenconsoled --log=guest
echo "dom0: up"
. /script
echo "dom0: done"
poweroff -f
"""


class Dom0(NamedTuple):
    """What QEMU starts: Xen, dom0's Linux, its initramfs."""

    xen: Path
    linux: Path
    initramfs: Path


def make_dom0(folder: Path, script: str, files: dict[str, bytes | Path]) -> Dom0:
    """A dom0 that runs a shell script and goes off. `files`: what is put into its file system, by path."""
    root = unpacked("dom0", LINUX, *PACKAGES)
    (linux,) = (root / "boot").glob("vmlinuz-*")
    tree = folder / "dom0"
    tree.mkdir()
    put = _Putter(root, tree)
    put.file(root / "bin" / "busybox", "bin/busybox")
    for name in XEN_TOOLS:
        put.program(root / XEN_BIN / name, XEN_BIN / name)
    for name in STORE_TOOLS:
        put.program(root / "usr/bin" / name, Path("usr/bin", name))
    for name in HOST_TOOLS:
        put.program(Path(name), Path(name.lstrip("/")))
    shutil.copytree(root / "etc/xen", tree / "etc/xen")
    modules = _modules(root / "lib/modules" / linux.name.removeprefix("vmlinuz-"))
    for module in modules:
        put.file(module, f"modules/{module.name}")
    _put_previrt(put)
    for name, contents in {**files, "script": script.encode()}.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(contents.read_bytes() if isinstance(contents, Path) else contents)
    (tree / "init").write_text(INIT.replace("@MODULES@", " ".join(module.name for module in modules)))
    (tree / "init").chmod(0o755)
    initramfs = folder / "initramfs"
    with initramfs.open("wb") as archive:
        names = "\n".join(sorted(str(path.relative_to(tree)) for path in tree.rglob("*")))
        subprocess.run(
            ["cpio", "-o", "-H", "newc", "--quiet"], cwd=tree, input=names.encode(), stdout=archive, check=True
        )
    xen = folder / "xen"
    xen.write_bytes(gzip.decompress(next((root / "boot").glob("xen-*.gz")).read_bytes()))
    return Dom0(xen, linux, initramfs)


def _modules(folder: Path) -> list[Path]:
    """The modules wanted and those they need, which come first."""
    found = {path.stem.replace("-", "_"): path for path in folder.rglob("*.ko")}
    order: list[Path] = []

    def need(name: str) -> None:
        module = found[name.replace("-", "_")]
        depends = re.search(rb"\0depends=([^\0]*)", module.read_bytes())
        for other in depends[1].decode().split(",") if depends else ():
            if other:
                need(other)
        if module not in order:
            order.append(module)

    for name in MODULES:
        need(name)
    return order


class _Putter:
    """Copies files into a tree, programs with the libraries they need."""

    def __init__(self, root: Path, tree: Path) -> None:
        self._environment = {"LD_LIBRARY_PATH": str(root / "usr/lib/x86_64-linux-gnu"), "PATH": os.environ["PATH"]}
        self._tree = tree

    def file(self, source: Path, name: str | Path) -> None:
        """A copy with its time, which Python compares."""
        path = self._tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            shutil.copy2(source, path)

    def program(self, source: Path, name: Path) -> None:
        """A program or shared library and what it needs."""
        self.file(source, name)
        needed = subprocess.run(["ldd", source], capture_output=True, text=True, env=self._environment, check=False)
        for path in re.findall(r"(?:=> )?(/\S+) \(0x", needed.stdout):
            home = "lib64" if "ld-linux" in path else "usr/lib/x86_64-linux-gnu"
            self.file(Path(path).resolve(), Path(home, Path(path).name))


# Prints the file of every module that previrt-xl and its work import.
COLLECT = """\
import os, sys
import iced_x86, linker.commands.xl
from linker.xl import bootloader, restricted
restricted.load_all("xen")
for module in list(sys.modules.values()):
    for path in (getattr(module, "__file__", None), getattr(module, "__cached__", None)):
        if path and os.path.exists(path):
            print(path)
"""
LAUNCHER = "#!/usr/bin/python3\nimport sys\n\nfrom linker.commands.xl import main\n\nsys.exit(main())\n"


def _put_previrt(put: _Putter) -> None:
    """Python's modules and previrt's, those that are used; previrt-xl where libxl looks for bootloaders."""
    site = Path(sysconfig.get_paths()["purelib"])
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{site}"}
    command = ["/usr/bin/python3", "-c", COLLECT]
    listed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    for path in map(Path, listed.split()):
        home = next((base for base in (ROOT / "linker", site) if path.is_relative_to(base)), None)
        if home is None:
            put.program(path, Path(str(path).lstrip("/")))
        else:
            put.program(path, DIST_PACKAGES / path.relative_to(ROOT if home == ROOT / "linker" else site))
    for path in (ROOT / "linker").rglob("*"):  # targets and architectures are found by looking
        if path.suffix == ".so" or path.name == "__init__.py":
            put.file(path, DIST_PACKAGES / path.relative_to(ROOT))
    launcher = CACHE / "previrt-xl"
    launcher.write_text(LAUNCHER)
    launcher.chmod(0o755)
    put.file(launcher, XEN_BIN / "previrt-xl")
