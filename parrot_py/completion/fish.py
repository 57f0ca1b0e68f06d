"""Completion for fish: a file for each command, found in vendor_completions.d."""

from __future__ import annotations

from parrot_py.completion.commands import COMMAND, SUBCOMMAND, Command, Option


def script(command: Command) -> str:
    """The file for *command*."""
    lines = [f"# Completion of {command.name} for fish; made by parrot_py.completion."]
    name = command.name
    if command.words == COMMAND:
        taking = " ".join(each for option in command.options if option.argument for each in option.names)
        lines.append(f"complete -c {name} -x -a '(__fish_complete_subcommand -- {taking})' -d command")
    if command.words == SUBCOMMAND:
        for sub in command.subcommands:
            lines.append(f"complete -c {name} -n __fish_use_subcommand -f -a {sub.name} -d {_quoted(sub.about)}")
    before = "__fish_use_subcommand" if command.words == SUBCOMMAND else ""
    lines += [_option(name, option, before) for option in command.options]
    for sub in command.subcommands:
        lines += [_option(name, option, f"'__fish_seen_subcommand_from {sub.name}'") for option in sub.options]
    return "\n".join(lines) + "\n"


def _option(command: str, option: Option, condition: str) -> str:
    words = ["complete", "-c", command, *(["-n", condition] if condition else [])]
    for name in option.names:
        words += ["-l", name[2:]] if name.startswith("--") else ["-s", name[1:]]
    if option.values:
        words += ["-x", "-a", _quoted(" ".join(option.values))]
    elif option.takes_directory:
        words += ["-x", "-a", "'(__fish_complete_directories)'"]
    elif option.takes_file:
        words += ["-r", "-F"]
    elif option.argument:
        words.append("-x")
    return " ".join([*words, "-d", _quoted(option.about)])


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
