"""The line on a terminal that is not read any more."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from typing import Any, cast

import pytest

from parrot_py import progress


class _Wait:
    """Something that has been waited for since long ago."""

    over = False

    def since(self) -> float:
        return time.monotonic() - 100


def test_nobody_waits_for_a_terminal_that_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    writes, drained, wait = threading.Event(), threading.Event(), cast(Any, _Wait())

    def write(_: bytes) -> bool:
        writes.set()
        return drained.wait(120)

    monkeypatch.setattr(progress, "_write", write)
    monkeypatch.setattr(progress, "progress_text", lambda *_: "text")
    line = progress.Line(cast(Any, SimpleNamespace(wait=lambda _: {})), cast(Any, SimpleNamespace(now=lambda: [wait])))
    line.begins()
    assert writes.wait(60), "the line is being written"

    def end() -> None:
        for _ in range(3):
            line.ends(wait)
        line.close()

    ending = threading.Thread(target=end, daemon=True)
    ending.start()
    ending.join(60)
    stuck = ending.is_alive()
    drained.set()
    assert not stuck, "who waited goes on although the terminal takes nothing"
