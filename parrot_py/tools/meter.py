"""A progress bar; imports ``rich``."""

from __future__ import annotations

import threading

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn


class Bar:
    """Bytes and number of files, on standard error; disappears at the end.  Any thread may count."""

    def __init__(self, what: str) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(binary_units=True),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[items]}/{task.fields[of]} files"),
            console=Console(stderr=True),
            transient=True,
        )
        self._lock = threading.Lock()
        self._items = self._of = self._total = 0
        self._task = self._progress.add_task(what, total=0, items=0, of=0)

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def expect(self, items: int, amount: int) -> None:
        """So much more is to be done."""
        self._of += items
        self._total += amount
        self._progress.update(self._task, total=self._total, of=self._of)

    def done(self, items: int, amount: int) -> None:
        """So much is done now."""
        with self._lock:
            self._items += items
            self._progress.update(self._task, advance=amount, items=self._items)
