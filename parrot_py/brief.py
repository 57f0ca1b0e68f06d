"""``--help`` that fits a screen of 24 lines and 80 columns, and ``--help-all``, for the commands that use argparse."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Sequence
from typing import Any

SCREEN = (24, 80)


class _Help(argparse.Action):
    """Prints a text and leaves; *whole* says which of the two."""

    def __init__(self, option_strings: Sequence[str], dest: str, whole: bool, help: str) -> None:  # noqa: ARG002
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, default=argparse.SUPPRESS, help=help)
        self._whole = whole

    def __call__(self, parser: argparse.ArgumentParser, *_: Any, **__: Any) -> None:
        text = parser.format_help() if self._whole or not isinstance(parser, BriefParser) else parser.format_brief()
        sys.stdout.write(text)
        parser.exit()


class BriefParser(argparse.ArgumentParser):
    """A parser with two texts.  *first_screen* is the brief one; without it that is made of the parser's own groups.

    Groups whose title is in *common* belong to many parsers alike, and are left out of the brief text.
    """

    common: Collection[str] = ()

    def __init__(self, prog: str, first_screen: str = "", **more: Any) -> None:
        super().__init__(prog, **{**more, "add_help": False})
        self._first_screen = first_screen
        self.add_argument("-h", "--help", action=_Help, whole=False, help="print a help text and exit")
        self.add_argument("--help-all", action=_Help, whole=True, help="print all options and exit")

    def format_brief(self) -> str:
        """The text of ``--help``."""
        if self._first_screen:
            return self._first_screen
        groups = [group for group in self._action_groups if group.title not in self.common]
        formatter = self._get_formatter()
        formatter.add_usage(self.usage, [action for group in groups for action in group._group_actions], [])
        formatter.add_text((self.description or "").partition("\n\n")[0])
        for group in groups:
            formatter.start_section(group.title)
            formatter.add_arguments(group._group_actions)
            formatter.end_section()
        formatter.add_text(f"More: {self.prog} --help-all, man {self.prog.partition(' ')[0]}.")
        return formatter.format_help()
