r"""A manual page in Markdown (docs/man/*.1.md) as one for man(1).

The pages keep to what pandoc makes of Markdown: ``% NAME(1) SOURCE``, headings, paragraphs, definitions (a term, and
below it ``:   text``), lists with ``*``, indented examples, ``**bold**``, ``*italic*``, ``code``, and ``\-`` for a
character that would mean something.  Anything else is refused rather than shown wrongly.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

_INLINE = re.compile(r"\\(.)|\*\*((?:\\.|[^*\\])+)\*\*|\*((?:\\.|[^*\\])+)\*|`([^`]+)`|\[([^]]+)\]\(([^)]+)\)")
_WIDTH = 78
_TITLE = re.compile(r"^% ([A-Z0-9_]+)\((\d)\) (.+)$")


class RoffError(ValueError):
    """A page that is not written as pages are."""


def page(markdown: str) -> str:
    """The text for man(1).  Raises RoffError."""
    text = re.sub(r"<!--.*?-->\n*", "", markdown, flags=re.DOTALL)
    first, _, body = text.partition("\n")
    title = _TITLE.match(first)
    if title is None:
        raise RoffError(f"the first line is not '% NAME(1) SOURCE': {first!r}")
    lines = [f'.TH {title[1]} {title[2]} "" "{title[3]}" ""']
    for block in _blocks(body):
        made = _block(block)
        headed = lines[-1].startswith((".SH", ".SS"))
        lines += made[1:] if headed and made[0] == ".PP" else made  # a heading begins a paragraph by itself
    return "\n".join(lines) + "\n"


def _blocks(body: str) -> Iterator[list[str]]:
    """What blank lines separate; indented lines stay with the example or the definition that they continue."""
    block: list[str] = []
    for line in body.split("\n"):
        if line.strip():
            block.append(line)
        elif block:
            yield block
            block = []
    if block:
        yield block


def _block(block: list[str]) -> list[str]:
    first = block[0]
    if first.startswith("# "):
        return [f".SH {_quoted(first[2:])}", *_rest(block)]
    if first.startswith("## "):
        return [f".SS {_quoted(first[3:])}", *_rest(block)]
    if first.startswith("    "):
        return [".PP", ".RS 4", ".nf", *(_safe(_escaped(line[4:])) for line in block), ".fi", ".RE"]
    if any(line.startswith(":   ") for line in block):
        return _definition(block)
    if first.startswith("* "):
        return _items(block)
    if first[0] in "|>#%~" or first.startswith(("- ", "+ ", "```")):
        raise RoffError(f"not understood: {first!r}")
    return [".PP", *_text(block)]


def _rest(block: list[str]) -> list[str]:
    return _block(block[1:]) if len(block) > 1 else []


def _definition(block: list[str]) -> list[str]:
    at = next(number for number, line in enumerate(block) if line.startswith(":   "))
    described = [line[4:] for line in block[at:]]
    return [".TP", _safe(_inline(" ".join(block[:at]))), *_text(described)]


def _items(block: list[str]) -> list[str]:
    lines: list[str] = []
    for line in block:
        if line.startswith("* "):
            lines.append(".IP \\(bu 2")
        lines += _text([line[2:]])
    return lines


def _text(lines: list[str]) -> list[str]:
    text = _inline(" ".join(line.strip() for line in lines))
    return [_safe(line) for line in textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)]


def _inline(text: str) -> str:
    parts, end = [], 0
    for found in _INLINE.finditer(text):
        parts.append(_escaped(text[end : found.start()]))
        end = found.end()
        plain, bold, italic, code, label, _ = found.groups()
        if plain:
            parts.append(_escaped(plain))
        elif label:
            parts.append(_inline(label))
        elif italic:
            parts.append(f"\\fI{_inline(italic)}\\fR")
        else:
            parts.append(f"\\fB{_inline(bold) if bold else _escaped(code)}\\fR")
    return "".join([*parts, _escaped(text[end:])])


def _escaped(text: str) -> str:
    """*text* as characters: a minus stays one (it is copied from the page to a shell), and so do ' ^ ` and ~."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return text.replace("^", "\\(ha").replace("`", "\\(ga").replace("~", "\\(ti").replace("…", "...")


def _safe(line: str) -> str:
    """A line of text that begins with a dot is no request."""
    return f"\\&{line}" if line.startswith((".", "'")) else line


def _quoted(text: str) -> str:
    return _inline(text) if " " not in text else f'"{_inline(text)}"'
