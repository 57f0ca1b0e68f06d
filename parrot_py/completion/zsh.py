"""Completion for zsh: a function for each command, found by compinit in a directory of fpath."""

from __future__ import annotations

from collections.abc import Sequence

from parrot_py.completion.commands import COMMAND, SUBCOMMAND, Command, Option


def script(command: Command) -> str:
    """The file for *command*."""
    lines = [f"#compdef {command.name}", "", "local curcontext=$curcontext state line", "typeset -A opt_args"]
    lines += _arguments(command, "")
    if command.words == SUBCOMMAND:
        lines += ["", "case $state in", "below)", "    case $words[1] in"]
        for sub in command.subcommands:
            lines += [f"    {sub.name})", *_arguments(sub, " " * 8), "        ;;"]
        lines += ["    esac", "    ;;", "esac"]
    return "\n".join(lines) + "\n"


def _arguments(command: Command, indent: str) -> list[str]:
    specs = [spec for option in command.options for spec in _option(option)]
    if command.words == COMMAND:
        specs += ["'(-):command: _command_names -e'", "'*::arguments: _normal'"]
    elif command.words == SUBCOMMAND:
        names = " ".join(f"{sub.name}\\:{_quoted(sub.about)}" for sub in command.subcommands)
        specs += [f"'(-):subcommand:(({names}))'", "'*::arguments:->below'"]
    else:
        specs.append("'*:file:_files'")
    flags = "-s -S -C" + (" -A '-*'" if command.words == COMMAND else "")
    return [
        f"{indent}_arguments {flags} \\",
        *(f"{indent}    {spec} \\" for spec in specs[:-1]),
        f"{indent}    {specs[-1]}",
    ]


def _option(option: Option) -> Sequence[str]:
    about = _plain(option.about).replace("[", "\\[").replace("]", "\\]").replace("'", "'\\''")
    if not option.argument:
        return [f"'*{name}[{about}]'" for name in option.names]
    behind = f"[{about}]:{_plain(option.argument)}:{_action(option)}"
    return [f"'*{name}{'=' if name.startswith('--') else '+'}{behind}'" for name in option.names]


def _action(option: Option) -> str:
    if option.values:
        return "(" + " ".join(value.replace(":", "\\:") for value in option.values) + ")"
    return "_files -/" if option.takes_directory else "_files" if option.takes_file else " "


def _plain(text: str) -> str:
    return text.replace("\\", "").replace(":", "\\:")


def _quoted(text: str) -> str:
    return '"' + text.replace('"', "").replace("'", "'\\''").replace(":", "\\:") + '"'
