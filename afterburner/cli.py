"""`previrt-as`: where the stand-in and the reserve are, and the stand-in itself."""

from __future__ import annotations

import errno
import os
import signal
import sys

_HERE = os.path.dirname(os.path.realpath(__file__))

_DIRS = {"x86_64": "bin", "ia64": os.path.join("bin", "ia64-linux-gnu")}
_MACROS = ("x86_64", "ia64")

_HELP = """\
Usage: previrt-as [OPTION]... [ASM-FILE]...
Assemble with every virtualization-sensitive instruction padded and recorded in .afterburn.

  --print-dir [ARCH]      print the directory to give to gcc: gcc -B"$(previrt-as --print-dir)"
  --print-reserve [ARCH]  print the path of the reserve, an assembler source to link into the guest
  --macros [ARCH]         print the path of assembler macros that do the same without the stand-in:
                          as $(previrt-as --macros) FILE, gcc -Wa,$(previrt-as --macros) ...
                          ARCH is x86_64 (the default) or ia64
  --help                  print this
  --version               print the version

All other arguments are those of GNU as, which does the assembling.

Environment:
  PREVIRT_TARGET    what to assemble for, `ia64-linux-gnu' or `x86_64-linux-gnu' (default: by the assembler's name)
  PREVIRT_REAL_AS   the assembler to run (default: the first on PATH for the target that is no stand-in)
  PREVIRT_FIXED     ia64: registers that -mfixed-range keeps out of the compiler's hands
  PREVIRT_SKIP      patterns of files to leave alone, separated by `:' (a leading `!' takes back in)
  PREVIRT_PYTHON    the Python the stand-in runs on (default: that of the first run, or of --print-dir)
"""


def _answer(argv: list[str]) -> str | None:
    """What a question about the installation is answered; None for what an assembler is asked."""
    if argv[:1] == ["--print-dir"] and argv[1:] in ([], *([name] for name in _DIRS)):
        from afterburner.interpreter import remember

        remember()
        return os.path.join(_HERE, _DIRS[argv[1] if argv[1:] else "x86_64"])
    if argv[:1] == ["--print-reserve"] and argv[1:] in ([], *([name] for name in _DIRS)):
        return os.path.join(_HERE, "reserve", f"{argv[1] if argv[1:] else 'x86_64'}.S")
    if argv[:1] == ["--macros"] and argv[1:] in ([], *([name] for name in _MACROS)):
        return os.path.join(_HERE, "macros", f"{argv[1] if argv[1:] else 'x86_64'}.s")
    if argv == ["--help"]:
        return _HELP.rstrip("\n")
    if argv != ["--version"]:
        return None
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"previrt-as (previrt) {version('previrt')}"
    except PackageNotFoundError:
        return "previrt-as (previrt), not installed"


def _say(text: str) -> int:
    """Print it; the exit status."""
    try:
        if sys.stdout is None:  # closed
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        print(text, flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python tries again at its end, and complains
        if error.errno == errno.EPIPE:
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGPIPE)
        print(f"previrt-as: standard output: cannot write: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def main() -> int:
    """The command; the exit status, where the stand-in does not become the assembler."""
    argv = sys.argv[1:]
    try:
        answer = _answer(argv)
        if answer is not None:
            return _say(answer)
        from afterburner.standin import main as stand_in

        stand_in(argv)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
