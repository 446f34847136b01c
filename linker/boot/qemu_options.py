"""What a QEMU command line says about memory, kernel, pausing and resets, and which options do not go together with
patching a paused guest's memory. Tables first; QEMU 7.2's qemu-options.hx is the source.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from linker.errors import UsageError
from linker.quick.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Options without a value: all others take the next word.
FLAGS = frozenset(
    "-h -help -version -audio-help -S -s -nographic -no-reboot -no-shutdown -daemonize -preconfig -snapshot "
    "-enable-kvm -nodefaults -no-user-config -full-screen -no-fd-bootchk -no-acpi -no-hpet -only-migratable "
    "-mem-prealloc -singlestep -win2k-hack -usb -portrait -enable-sync-profile -semihosting -old-param -xen-attach "
    "-xen-domid-restrict".split()
)

REFUSED = {
    "-daemonize": "previrt-boot waits for QEMU and ends with its status",
    "-preconfig": "the guest is not loaded yet when QEMU waits like that",
    "-incoming": "a guest that migrates in is running already",
    "-loadvm": "a guest out of a snapshot is running already",
    "-readconfig": "previrt-boot cannot see what that file says about memory",
    "-mem-path": "previrt-boot provides the memory",
}
OURS_ID = "previrt"  # prefix of the ids of objects that previrt-boot makes in QEMU
SIZE_UNITS = {"b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
MEBIBYTE = 1 << 20
DEFAULT_MEMORY_LEN = 128 * MEBIBYTE  # of the machines pc, q35, microvm
MEMORY_ALIGN_LEN = 8192  # QEMU rounds up to it (vl.c, parse_memory_options)


class Actions(NamedTuple):
    """What QEMU was asked to do when the guest reboots, powers off, panics (`-action`)."""

    reboot: str = "reset"
    shutdown: str = "poweroff"
    panic: str = "shutdown"


class QemuOptions(NamedTuple):
    """What the command line says. `kernel`: None where it says nothing; `stays_paused`: `-S` was given."""

    memory_len: int
    kernel: str | None
    stays_paused: bool
    actions: Actions


def read_options(arguments: Sequence[str]) -> QemuOptions:
    """Read QEMU's arguments; UsageError for those that cannot work here."""
    memory_len, kernel, stays_paused, actions = DEFAULT_MEMORY_LEN, None, False, Actions()
    for option, value in _options(arguments):
        if option in REFUSED:
            raise UsageError(f"QEMU's option {option} does not go together with previrt-boot", found=REFUSED[option])
        if option == "-m":
            memory_len = _memory(value)
        elif option in ("-M", "-machine"):
            kernel = _machine(value, kernel)
        elif option == "-kernel":
            kernel = value
        elif option == "-S":
            stays_paused = True
        elif option == "-no-reboot":
            actions = actions._replace(reboot="shutdown")
        elif option == "-no-shutdown":
            actions = actions._replace(shutdown="pause")
        elif option == "-action":
            actions = _actions(value, actions)
        elif option == "-numa" and "memdev=" in value:
            raise UsageError("-numa with memdev does not go together with previrt-boot", found=REFUSED["-mem-path"])
    return QemuOptions(memory_len, kernel, stays_paused, actions)


def _options(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Options with one dash, and their values."""
    words = iter(arguments)
    for word in words:
        if not word.startswith("-") or word == "-":
            continue  # a disk image
        option = word[1:] if word.startswith("--") else word
        yield option, "" if option in FLAGS else next(words, "")


def _pairs(value: str, first: str) -> list[tuple[str, str]]:
    """QEMU's `a=b,c=d`; a first word without `=` belongs to the key `first`. A doubled comma stands for one."""
    pairs = []
    for number, part in enumerate(value.replace(",,", "\0").split(",")):
        key, equals, said = part.replace("\0", ",").partition("=")
        pairs.append((key, said) if equals or number else (first, key))
    return pairs


def _memory(value: str) -> int:
    size = ""
    for key, said in _pairs(value, "size"):
        if key in ("slots", "maxmem"):
            raise UsageError(
                f"-m {value}: memory that is plugged in later does not go together with previrt-boot",
                found=key,
                expected="-m SIZE",
            )
        if key == "size":
            size = said
    return memory_len(size) if size else DEFAULT_MEMORY_LEN


def memory_len(text: str) -> int:
    """Bytes of a memory size as QEMU writes it: mebibytes, or a number with B, K, M, G or T; fractions are allowed."""
    unit = text[-1:].lower()
    number = text[:-1] if unit in SIZE_UNITS else text
    try:
        length = Decimal(number) * SIZE_UNITS.get(unit, MEBIBYTE)
    except InvalidOperation:
        length = Decimal("NaN")
    if not (length.is_finite() and 0 < length < 1 << 48):
        raise UsageError(f"-m {text}: not a memory size", expected="a number of MiB, or one with K, M, G or T")
    return -(-int(length) // MEMORY_ALIGN_LEN) * MEMORY_ALIGN_LEN


def _machine(value: str, kernel: str | None) -> str | None:
    for key, said in _pairs(value, "type"):
        if key == "memory-backend" or key.split(".")[0] == "memory":
            raise UsageError(
                f"-machine {key} does not go together with previrt-boot", found=REFUSED["-mem-path"], advice="say -m"
            )
        if key == "kernel":
            kernel = said
    return kernel


def _actions(value: str, actions: Actions) -> Actions:
    said = {key: action for key, action in _pairs(value, "") if key in Actions._fields}
    return actions._replace(**said)
