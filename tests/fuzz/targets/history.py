"""History databases."""

from __future__ import annotations

from contextlib import suppress

from parrot_py.drivers.cvmfs.catalogs.history import History
from parrot_py.drivers.cvmfs.trouble import Failure
from tests.fuzz import edits, scratch
from tests.fuzz.target import CORPUS, Target


def check(data: bytes) -> None:
    """Every question is answered with tags that say what they can, or by a Failure."""
    file = scratch.directory("history") / "history"
    edits.write(data, CORPUS / "history" / "plain.sqlite", file)
    history = History(str(file))
    with suppress(Failure):
        for tag in history.tags():
            assert isinstance(tag.revision, int)
            with suppress(Failure):
                assert not tag.hash.is_null
    for name in ("trunk", "", "no such tag", "\udcff"):
        with suppress(Failure):
            tag_ = history.named(name)
            assert tag_ is None or tag_.name == name
    for moment in (0, 250, 2**62):
        with suppress(Failure):
            tag_ = history.at(moment)
            assert tag_ is None or (tag_.timestamp <= moment and tag_.branch == "")


TARGET = Target(check, 8192, (b"SQLite format 3\0", b"trunk", b"1.0"))
