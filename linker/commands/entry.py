"""How every command starts and ends: `run_command` and the console scripts of `pyproject.toml`.

This is imported before anything else, so it imports next to nothing. From its first line on, whatever stops a command
becomes one line on the standard error output and an exit status:

    0    done                                2    wrong usage
    1    an image, a file, the memory or     130  interrupted (SIGINT)
         the output is not as it must be     143  terminated (SIGTERM)

A reader that closes its pipe ends a command as it ends others: by SIGPIPE, without a word.
"""

from __future__ import annotations

import os
import signal
import sys
from _thread import start_new_thread
from contextlib import suppress
from time import sleep

TYPE_CHECKING = False  # type checkers take it for typing's; importing that costs a fifth of a start of Python
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType
    from typing import NoReturn

EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED, EXIT_TERMINATED = 1, 2, 130, 143
CALLBACK_S = 0.001  # a callback is over then
COMMANDS = {
    "previrt-link": "linker.commands.link",
    "previrt-run": "linker.commands.run",
    "previrt-inspect": "linker.commands.inspect",
    "previrt-xl": "linker.commands.xl",
    "previrt-install": "linker.commands.install",
    "previrt-verify": "linker.commands.verify",
    "previrt-boot": "linker.commands.boot",
}


class Terminated(BaseException):
    """SIGTERM."""


class NoReader(BaseException):
    """Nobody reads the standard output any more."""


def _interrupt(number: int, _frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)  # once is enough: what follows tidies up
    raise KeyboardInterrupt


def _terminate(number: int, _frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)
    raise Terminated


HANDLERS = ((signal.SIGINT, _interrupt, KeyboardInterrupt), (signal.SIGTERM, _terminate, Terminated))


def _send(number: int) -> None:
    sleep(CALLBACK_S)
    os.kill(os.getpid(), number)


class _Signals:
    """Signals raise while the block lasts, also where Python would only print what was raised.

    Python drops what is raised in callbacks (of weak references, of the import system); the signal is sent again then.
    One that whoever started the command ignores stays ignored. `for_good`: the process ends after the block.
    """

    def __init__(self, *, for_good: bool) -> None:
        self._for_good = for_good

    def __enter__(self) -> None:
        self._before = [(number, signal.getsignal(number)) for number, _, _ in HANDLERS]
        self._hook, sys.unraisablehook = sys.unraisablehook, self._send_again
        for number, handler, _ in HANDLERS:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, handler)

    def __exit__(self, *_: object) -> None:
        sys.unraisablehook = self._hook
        for number, before in self._before:
            signal.signal(number, signal.SIG_IGN if self._for_good else before)

    def _send_again(self, dropped: sys.UnraisableHookArgs) -> None:
        for number, handler, raised in HANDLERS:
            if issubclass(dropped.exc_type, raised):
                signal.signal(number, handler)
                start_new_thread(_send, (number,))  # not here: what the handler raises would be dropped once more
                return
        self._hook(dropped)


def run_command(
    program: str, command: str | Callable[[Sequence[str]], int], arguments: Sequence[str] | None = None
) -> int:
    """Run a command, a function or the `run` of a module; returns the exit status.

    `arguments` are those of the process by default; then it is about to end.
    """
    with _Signals(for_good=arguments is None):
        try:
            _open_standard_streams()
            return _run(program, command, sys.argv[1:] if arguments is None else arguments)
        except KeyboardInterrupt:
            return _complain(program, "interrupted", EXIT_INTERRUPTED)
        except Terminated:
            return _complain(program, "terminated", EXIT_TERMINATED)


def _run(program: str, command: str | Callable[[Sequence[str]], int], words: Sequence[str]) -> int:
    """The exit status of a command that ends without a signal, with a line for what went wrong."""
    try:
        try:
            run = __import__(command, fromlist=["run"]).run if isinstance(command, str) else command
            status = int(run(words))
        except SystemExit as error:  # argparse has said all
            status = error.code if isinstance(error.code, int) else EXIT_FAILED * (error.code is not None)
        flush()
    except NoReader:
        return _end_as_by_sigpipe()
    except MemoryError:
        return _complain(program, "out of memory", EXIT_FAILED)
    except RecursionError:
        return _complain(program, "an input is nested too deeply", EXIT_FAILED)
    except UnicodeError as error:
        return _complain(program, f"a name is not text: {_part(error)}", EXIT_USAGE)
    except OSError as error:
        name = "" if error.filename is None else f"{os.fspath(error.filename)!r}: "
        return _complain(program, f"{name}{error.strerror or error}", EXIT_FAILED)
    except Exception as error:
        from linker.errors import LinkError, UsageError

        if not isinstance(error, LinkError):
            raise
        return _complain(program, error, EXIT_USAGE if isinstance(error, UsageError) else EXIT_FAILED)
    return status


def _part(error: UnicodeError) -> str:
    """The characters or bytes that an encoding error is about."""
    if isinstance(error, UnicodeEncodeError | UnicodeDecodeError):
        return ascii(error.object[error.start : error.end][:40])
    return str(error)


def flush() -> None:
    """Bring out what was printed. LinkError when it cannot be written, NoReader when nobody reads it."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise NoReader from None
    except OSError as error:
        from linker.errors import LinkError

        _forget_output()
        raise LinkError(f"cannot write: {error.strerror}", where="standard output") from None


def _forget_output() -> None:
    """What is printed goes nowhere from now on; else Python tries it once more at its end, and complains."""
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - pathlib is not worth its time here
        os.dup2(nowhere.fileno(), 1)


def _end_as_by_sigpipe() -> int:
    """Not Python's way, but that of every other program whose reader has gone."""
    _forget_output()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGPIPE)
    return 128 + signal.SIGPIPE


def _open_standard_streams() -> None:
    """Give closed standard streams a descriptor, so that no image gets 0, 1 or 2; writing to such an output fails."""
    for number, flags in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, flags)  # the lowest number that is free
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - lasts as long as the process
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # names need not be text


def _complain(program: str, what: object, status: int) -> int:
    with suppress(OSError):  # where nobody listens, the status says it
        print(f"{program}: {what}", file=sys.stderr, flush=True)
    return status


def _leave(program: str) -> NoReturn:
    """Run the command and end the process, at once: taking Python apart object by object is a tenth of a link."""
    status = run_command(program, COMMANDS[program])
    with suppress(OSError):
        sys.stderr.flush()
    os._exit(status)


def link() -> NoReturn:
    """`previrt-link`."""
    _leave("previrt-link")


def run() -> NoReturn:
    """`previrt-run`."""
    _leave("previrt-run")


def inspect() -> NoReturn:
    """`previrt-inspect`."""
    _leave("previrt-inspect")


def xl() -> NoReturn:
    """`previrt-xl`."""
    _leave("previrt-xl")


def install() -> NoReturn:
    """`previrt-install`."""
    _leave("previrt-install")


def verify() -> NoReturn:
    """`previrt-verify`."""
    _leave("previrt-verify")


def boot() -> NoReturn:
    """`previrt-boot`."""
    _leave("previrt-boot")
