"""What a wheel installs beside the package: manual pages and completion, made from their sources while it is built."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import ClassVar

from setuptools import Command

from helpers.roff import page

CHECKOUT = Path(__file__).resolve().parents[2]
PAGES = CHECKOUT / "docs" / "man"


def texts() -> dict[str, str]:
    """Place below the prefix → text."""
    made = {f"share/man/man1/{source.name[:-3]}": page(source.read_text("utf-8")) for source in PAGES.glob("*.1.md")}
    sys.path.insert(0, str(CHECKOUT))
    try:
        from parrot_py import completion
    finally:
        sys.path.remove(str(CHECKOUT))
    return {**made, **dict(completion.files())}


class InstallData(Command):
    """Stands in for distutils' command of this name, which copies files that are there already."""

    description = "install manual pages and completion"
    user_options: ClassVar[list[tuple[str, str, str]]] = [("install-dir=", "d", "the prefix")]

    def initialize_options(self) -> None:
        """Called first."""
        self.install_dir: str | None = None
        self.outfiles: list[str] = []

    def finalize_options(self) -> None:
        """Called before the command runs: the prefix is that of the whole installation."""
        self.set_undefined_options("install", ("install_data", "install_dir"))

    def run(self) -> None:
        """Write the files."""
        assert self.install_dir is not None
        for name, text in sorted(texts().items()):
            file = Path(self.install_dir, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")
            self.outfiles.append(str(file))

    def get_inputs(self) -> list[str]:
        """The sources that are files."""
        return [str(source) for source in PAGES.glob("*.1.md")]

    def get_outputs(self) -> list[str]:
        """What was written."""
        return self.outfiles
