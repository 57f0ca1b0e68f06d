"""Completion for bash: a file for each command, found by bash-completion or sourced as it is."""

from __future__ import annotations

from collections.abc import Iterable

from parrot_py.completion.commands import COMMAND, SUBCOMMAND, Command, Option

_HEAD = """\
# Completion of {name} for bash; made by parrot_py.completion.

"""

_FUNCTION = """\
{function}() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} i=1 first=0
    # bash makes words of its own of "--option=value"
    [[ $cur == = ]] && cur=
    [[ $prev == = ]] && prev=${{COMP_WORDS[COMP_CWORD-2]}}
    COMPREPLY=()
    while ((i < COMP_CWORD)); do
        case ${{COMP_WORDS[i]}} in
        --) first=$((i + 1)); break ;;
{skip}        -*) ;;
        *) first=$i; break ;;
        esac
        i=$((i + 1))
    done
{rest}    case $prev in
{values}    esac
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W '{names}' -- "$cur"))
    else
        {words}
    fi
}}

"""
_SKIP = """\
        {names})
            i=$((i + 1))
            [[ ${{COMP_WORDS[i]}} == = ]] && i=$((i + 1))
            ;;
"""
_DELEGATE = """\
    if ((first > 0 && first < COMP_CWORD)); then
        if declare -F _command_offset >/dev/null; then
            _command_offset "$first"
        else
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        fi
        return
    fi
    if ((first > 0)); then
        mapfile -t COMPREPLY < <(compgen -c -- "$cur")
        return
    fi
"""
_FILES = 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -{kind} -- "$cur")'


def script(command: Command) -> str:
    """The file for *command*."""
    text = _HEAD.format(name=command.name)
    for sub in command.subcommands:
        text += _function(f"_{command.name}__{sub.name}", sub)
    return f"{text}{_function(f'_{command.name}', command)}complete -F _{command.name} {command.name}\n"


def _function(function: str, command: Command) -> str:
    taking = [option for option in command.options if option.argument]
    words = _FILES.format(kind="f")
    rest = ""
    if command.words == COMMAND:
        words, rest = 'mapfile -t COMPREPLY < <(compgen -c -- "$cur")', _DELEGATE
    elif command.words == SUBCOMMAND:
        names = " ".join(sub.name for sub in command.subcommands)
        words, rest = f"COMPREPLY=($(compgen -W '{names}' -- \"$cur\"))", _subcommands(function, command)
    return _FUNCTION.format(
        function=function,
        skip=_SKIP.format(names=_pattern(taking)) if taking else "",
        rest=rest,
        values="".join(map(_value, taking)) or "    *) ;;\n",
        names=" ".join(name for option in command.options for name in option.names),
        words=words,
    )


def _subcommands(function: str, command: Command) -> str:
    cases = "".join(f"        {sub.name}) {function}__{sub.name} ;;\n" for sub in command.subcommands)
    head = "    if ((first > 0 && first < COMP_CWORD)); then\n        case ${COMP_WORDS[first]} in\n"
    return f"{head}{cases}        esac\n        return\n    fi\n"


def _pattern(options: Iterable[Option]) -> str:
    return " | ".join(name for option in options for name in option.names)


def _value(option: Option) -> str:
    if option.values:
        act = f"COMPREPLY=($(compgen -W '{' '.join(option.values)}' -- \"$cur\"))"
    elif option.takes_file or option.takes_directory:
        act = _FILES.format(kind="d" if option.takes_directory else "f")
    else:
        act = ":"
    return f"    {_pattern([option])}) {act}; return ;;\n"
