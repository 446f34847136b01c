"""The stand-in for GNU `as`: takes its arguments, rewrites its input, becomes the real assembler.

Nothing is left behind and no process is added: the rewritten text lives in an anonymous file (memfd) that becomes the
assembler's standard input, and the assembler replaces this process. Environment:

PREVIRT_TARGET    what the assembler is for, `ia64-linux-gnu` or `x86_64-linux-gnu`; default: what its name says
PREVIRT_REAL_AS   the assembler to run; default: the first on PATH for the target that is no stand-in
PREVIRT_SKIP      more patterns of files to leave alone, separated by `:` (docs/afterburning.md)
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # `typing` is not worth its start-up time here
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import NoReturn, Protocol

    class Driver(Protocol):
        """What a folder of rewriting rules answers (`driver.py` in it)."""

        ASSEMBLER: str

        def annotates(self, options: list[str]) -> bool:
            """Whether code that can be annotated comes out."""

        def rewrite_text(self, text: bytes, name: bytes, options: list[str]) -> bytes:
            """The rewritten text, or `text` itself."""


# User code, and code that runs in 16-bit mode or is copied elsewhere before it runs. Matched against input and output
# paths as given; the last pattern that matches decides, `!` in front takes a path back in.
SKIPPED = (
    "*/vdso/*",
    "!*/vdso/vma.*",
    "!*/vdso/extable.*",
    "!*/vdso/vdso-image-*",
    "*/realmode/rm/*",
    "*/boot/compressed/*",
    "*/purgatory/*",
    "*/ia64/kernel/gate.*",
)

_STDIN = "{standard input}"  # as the assembler calls it in messages
_SEPARATE = frozenset(("-o", "-I", "-t", "-Q"))
_SEPARATE_LONG = (
    "defsym",
    "debug-prefix-map",
    "MD",
    "hash-size",
    "listing-lhs-width",
    "listing-lhs-width2",
    "listing-rhs-width",
    "listing-cont-lines",
)


class StandInUsageError(Exception):
    """Something the real assembler cannot report because it is never reached."""


class Arguments:
    """The command line of `as`, as far as the stand-in must understand it.

    options      all that is no input file, in order
    inputs       input files; empty: standard input
    output       object file
    include_dirs directories of -I
    """

    def __init__(self, argv: list[str]) -> None:
        self.options: list[str] = []
        self.inputs: list[str] = []
        self.output = "a.out"
        self.include_dirs: list[str] = []
        self.dependency_file: str | None = None
        words = iter(argv)
        only_files = False
        for word in words:
            if only_files or word == "-" or not word.startswith("-"):
                self.inputs.append(word)
            elif word == "--":
                only_files = True
            else:
                self._option(word, words)

    def _option(self, word: str, words: Iterator[str]) -> None:
        self.options.append(word)
        value = None
        if word in _SEPARATE or self._takes_next(word):
            value = next(words, None)
            if value is not None:
                self.options.append(value)
        name = word.lstrip("-")
        if word.startswith("-o"):
            self.output = value if word == "-o" and value is not None else word[2:]
        elif word.startswith("-I"):
            self.include_dirs.append(value if word == "-I" and value is not None else word[2:])
        elif name == "MD":
            self.dependency_file = value
        elif name.startswith("MD="):
            self.dependency_file = name[3:]

    @staticmethod
    def _takes_next(word: str) -> bool:
        # getopt_long_only: one dash or two, and any abbreviation that is no option by itself.
        name = word.lstrip("-")
        if "=" in name or len(name) < 2:
            return False
        return any(option == name or (len(name) > 3 and option.startswith(name)) for option in _SEPARATE_LONG)


def expand_response_files(argv: list[str]) -> list[str]:
    """Arguments with each readable `@file` replaced by the words in it, as libiberty does."""
    words: list[str] = []
    for word in argv:
        if word.startswith("@"):
            try:
                with open(word[1:], encoding="utf-8", errors="surrogateescape") as file:
                    import shlex

                    words.extend(expand_response_files(shlex.split(file.read())))
                continue
            except OSError:
                pass
        words.append(word)
    return words


def is_skipped(paths: list[str], extra: str) -> bool:
    """Whether a pattern says to leave these files alone; `extra` is PREVIRT_SKIP."""
    from fnmatch import fnmatchcase

    skipped = False
    for pattern in (*SKIPPED, *extra.split(":")):
        wanted = not pattern.startswith("!")
        if pattern and any(fnmatchcase(path, pattern.removeprefix("!")) for path in paths):
            skipped = wanted
    return skipped


def driver() -> Driver:
    """The rules of the architecture that is assembled for: PREVIRT_TARGET says it, or the real assembler's name."""
    target = os.environ.get("PREVIRT_TARGET") or os.path.basename(os.environ.get("PREVIRT_REAL_AS", ""))
    if target.startswith("ia64"):
        from afterburner.ia64 import driver as ia64

        return ia64
    from afterburner.x86_64 import driver as x86_64

    return x86_64


def real_assembler(name: str) -> str:
    """Path of the assembler behind the stand-in, by default called `name`; UsageError when there is none."""
    chosen = os.environ.get("PREVIRT_REAL_AS")
    if chosen:
        return chosen
    for directory in os.get_exec_path():
        candidate = os.path.join(directory, name)
        beside = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(candidate))), "standin.py")
        if os.access(candidate, os.X_OK) and not os.path.exists(beside):
            return candidate
    message = f"no assembler '{name}' found on PATH; install binutils for the target or set PREVIRT_REAL_AS"
    raise StandInUsageError(message)


def _read_inputs(inputs: list[str]) -> list[tuple[str, bytes]] | None:
    """Name and text of each input; None when one cannot be read, which the real assembler will say."""
    texts = []
    try:
        for name in inputs or ["-"]:
            if name == "-":
                texts.append((_STDIN, sys.stdin.buffer.read()))
            else:
                with open(name, "rb") as file:
                    texts.append((name, file.read()))
    except OSError:
        return None
    return texts


def _become(program: str, argv: list[str]) -> NoReturn:
    try:
        os.execv(program, ["as", *argv])
    except OSError as error:
        message = f"cannot run the assembler {program}: {error.strerror}; set PREVIRT_REAL_AS"
        raise StandInUsageError(message) from error


def _as_standard_input(text: bytes) -> None:
    fd = os.memfd_create("previrt-as", 0)
    view = memoryview(text)
    while view:
        view = view[os.write(fd, view) :]
    os.lseek(fd, 0, os.SEEK_SET)
    os.dup2(fd, 0)
    os.close(fd)


def _assemble_and_name_dependencies(program: str, argv: list[str], dependency_file: str, names: list[str]) -> NoReturn:
    """Run the assembler as a child, then put into the rule it wrote the files it did not see by name."""
    try:
        pid = os.posix_spawn(program, ["as", *argv], os.environ)
    except OSError as error:
        message = f"cannot run the assembler {program}: {error.strerror}; set PREVIRT_REAL_AS"
        raise StandInUsageError(message) from error
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status == 0:
        with open(dependency_file, "r+", encoding="utf-8", errors="surrogateescape") as file:
            target, colon, rest = file.read().partition(":")
            file.seek(0)
            file.write(target + colon + "".join(" " + name.replace(" ", "\\ ") for name in names) + rest)
    sys.exit(status if status >= 0 else 128 - status)


def run(argv: list[str]) -> NoReturn:
    """Rewrite what `argv` names and become the real assembler; UsageError when that cannot be run."""
    rules = driver()
    assembler = real_assembler(rules.ASSEMBLER)
    words = expand_response_files(argv)
    arguments = Arguments(words)
    paths = [*arguments.inputs, arguments.output]
    if not rules.annotates(arguments.options) or is_skipped(paths, os.environ.get("PREVIRT_SKIP", "")):
        _become(assembler, argv)
    if not arguments.inputs and any(word in {"--version", "--help", "--target-help"} for word in words):
        _become(assembler, argv)
    texts = _read_inputs(arguments.inputs)
    if texts is None:
        _become(assembler, argv)
    from afterburner.includes import in_place

    first = texts[0][0]
    read = [name for name, _ in texts if name != _STDIN]
    placed = [(name, in_place(text, os.fsencode(name), arguments.include_dirs, read)) for name, text in texts]
    if len(placed) > 1:
        joined = b"".join(b'# 1 "%s"\n%s\n' % (os.fsencode(name), text) for name, text in placed)
    else:
        joined = placed[0][1]
    rewritten = rules.rewrite_text(joined, os.fsencode(first), arguments.options)
    if rewritten is joined and not any(name == _STDIN for name, _ in texts):
        _become(assembler, argv)
    _as_standard_input(rewritten if rewritten is not joined else b"".join(text for _, text in texts))
    argv = [*arguments.options, "-"]
    if arguments.dependency_file is not None:
        _assemble_and_name_dependencies(assembler, argv, arguments.dependency_file, read)
    _become(assembler, argv)


def main(argv: list[str]) -> NoReturn:
    """The stand-in as a command; does not return."""
    try:
        run(argv)
    except StandInUsageError as error:
        sys.stderr.write(f"previrt-as: {error}\n")
        sys.exit(2)
