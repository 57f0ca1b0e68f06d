"""The tables of docs/configuration.md and of the man page, made from the tables of the program.

::

    python -m parrot_py.config.docs docs/configuration.md docs/man/parrot_run.1.md

writes the parts between ``<!-- begin NAME -->`` and ``<!-- end NAME -->`` in these files anew.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from parrot_py.config import domains, options, parameters, repository_options, values
from parrot_py.config.options import Option
from parrot_py.config.parameters import Parameter

_PART = re.compile(r"(<!-- begin ([a-z-]+) -->\n)(.*?)(<!-- end \2 -->\n)", re.DOTALL)
_NONE = "–"


def renewed(text: str) -> str:
    """*text* with all its marked parts as they should be.  Raises KeyError for a mark of another name."""
    return _PART.sub(lambda match: f"{match[1]}\n{PARTS[match[2]]()}\n{match[4]}", text)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(_cell(cell) for cell in line) + " |\n" for line in lines)


def _cell(text: str) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", _no_tags(text)) or _NONE


def _no_tags(text: str) -> str:
    """*text* whose ``<words>`` outside of code are no HTML, which a browser would not show."""
    return re.sub(r"(`[^`]*`)|<([\w-]+)>", lambda found: found[1] or rf"<{found[2]}\>", text)


def _names(option: Option) -> str:
    return ", ".join(f"`{name}`" for name in option.names.split()) + (f" {option.argument}" if option.argument else "")


def _variable(option: Option) -> str:
    return f"`{option.variable}`" if option.variable else ""


def _honoured() -> str:
    rows = [(_names(each), _variable(each), each.default, each.help) for each in options.HONOURED]
    return _table(("option", "variable", "default", "meaning"), rows)


def _without(listed: Sequence[Option]) -> str:
    rows = [(_names(each), _variable(each), each.reason) for each in listed]
    return _table(("option", "variable", "reason"), rows)


def _entry_options() -> str:
    rows = [
        (f"`{name}`", each.meaning, f"`{each.parameter}`" if each.parameter else "")
        for name, each in repository_options.HONOURED.items()
    ]
    return _table(("option", "meaning", "parameter"), rows)


def _entry_ignored() -> str:
    return _table(("option", "reason"), [(f"`{name}`", why) for name, why in repository_options.IGNORED.items()])


def _known() -> str:
    return f"{_list(domains.DOMAINS)}\nand these single repositories:\n\n{_list(domains.REPOSITORIES)}"


def _flags() -> str:
    return _list(sorted(values.DEBUG_FLAGS), " ")


def _list(words: Iterable[str], separator: str = ", ") -> str:
    return textwrap.fill(separator.join(f"`{word}`" for word in words), 118, break_on_hyphens=False) + "\n"


def _parameters() -> str:
    parts = []
    for title, rows in parameters.table():
        head = ("parameter", "written as", "default", "meaning")
        parts.append(f"### {title}\n\n" + _table(head, map(_parameter, rows)))
    return "\n".join(parts)


def _parameter(row: Parameter) -> tuple[str, str, str, str]:
    default = row.default if row.has_effect else ""
    if row.real and row.has_effect:
        default += f" (real client: {row.real})"
    meaning = row.meaning + (f" – *no effect: {row.ignored}*" if row.ignored else "")
    return (f"`{row.name}`", row.kind.name, default, meaning)


def _man() -> str:
    return "\n".join(_paragraph(option) for option in options.HONOURED)


def _paragraph(option: Option) -> str:
    names = ", ".join(f"**{name}**" for name in option.names.split()) + (
        f" *{option.argument}*" if option.argument else ""
    )
    notes = [f"Default: {option.default}."] if option.default else []
    notes += [f"Variable: {option.variable}."] if option.variable else []
    return _no_tags(f"{names}\n:   {option.help[0].upper()}{option.help[1:]}. {' '.join(notes)}".rstrip() + "\n")


PARTS: dict[str, Callable[[], str]] = {
    "options": _honoured,
    "ignored-options": lambda: _without(options.IGNORED),
    "refused-options": lambda: _without(options.REFUSED),
    "entry-options": _entry_options,
    "ignored-entry-options": _entry_ignored,
    "domains": _known,
    "flags": _flags,
    "parameters": _parameters,
    "man-options": _man,
}
"""Name of a part → what makes its text."""


def main(paths: Sequence[str]) -> None:
    """Renew the parts of the files at *paths*."""
    for path in map(Path, paths):
        path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
