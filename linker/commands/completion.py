"""Shell completion, generated from the command's own parser so that it cannot fall behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linker.registry import targets

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable


def completion(parser: argparse.ArgumentParser, shell: str) -> str:
    """A completion script for bash, zsh or fish."""
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](parser)


def _options(parser: argparse.ArgumentParser) -> Iterable[tuple[argparse.Action, list[str]]]:
    """Each option with the words that may follow it: empty for a file name or nothing."""
    for action in parser._actions:
        if action.option_strings:
            words = list(targets()) if action.dest == "target" else [str(choice) for choice in action.choices or ()]
            yield action, words


def _bash(parser: argparse.ArgumentParser) -> str:
    options = list(_options(parser))
    cases = [
        f"        {'|'.join(action.option_strings)})\n"
        f'            COMPREPLY=($(compgen -W "{" ".join(words)}" -- "$word")); return;;'
        for action, words in options
        if words
    ]
    names = " ".join(name for action, _ in options for name in action.option_strings)
    function = f"_{parser.prog.replace('-', '_')}"
    return "\n".join(
        (
            f"{function}() {{",
            '    local word="${COMP_WORDS[COMP_CWORD]}"',
            '    case "${COMP_WORDS[COMP_CWORD-1]}" in',
            *cases,
            "    esac",
            '    case "$word" in',
            f'        -*) COMPREPLY=($(compgen -W "{names}" -- "$word"));;',
            '        *) COMPREPLY=($(compgen -f -- "$word"));;',
            "    esac",
            "}",
            f"complete -o filenames -F {function} {parser.prog}",
        )
    )


def _zsh(parser: argparse.ArgumentParser) -> str:
    lines = [f"#compdef {parser.prog}", "_arguments \\"]
    for action, words in _options(parser):
        value = f":{action.metavar or action.dest}:" if action.nargs != 0 else ""
        if value:
            value += f"({' '.join(words)})" if words else "_files" if action.metavar == "FILE" else ""
        help_text = (action.help or "").replace("'", "").replace("[", "(").replace("]", ")").replace(":", " -")
        repeat = "\\*" if action.default == [] else ""
        lines += [f"  {repeat}'{name}[{help_text}]{value}' \\" for name in action.option_strings]
    return "\n".join((*lines, "  '*:image:_files'"))


def _fish(parser: argparse.ArgumentParser) -> str:
    lines = []
    for action, words in _options(parser):
        names = [f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in action.option_strings]
        help_text = (action.help or "").replace("'", "")
        argument = f" -x -a '{' '.join(words)}'" if words else " -r" if action.nargs != 0 else ""
        lines.append(f"complete -c {parser.prog} {' '.join(names)}{argument} -d '{help_text}'")
    return "\n".join(lines)
