"""Who gets a transfer: demands at once, background work from what is left."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

import pytest

from parrot_py.drivers.cvmfs.ahead.prefetch import Prefetcher
from parrot_py.drivers.cvmfs.flights import Flights
from parrot_py.drivers.cvmfs.net.slots import SPARED, Slots
from parrot_py.drivers.cvmfs.trouble import Failure
from parrot_py.drivers.cvmfs.urgency import Background, Ended, current, inherited
from tests.support.processes import eventually

LIMIT = 6


class Stage:
    """Background jobs that stay where they are until they are told to go on."""

    def __init__(self) -> None:
        self.slots = Slots(LIMIT)
        self.prefetcher = Prefetcher("stage.test", self.slots, lambda: True)
        self.go = threading.Event()
        self._lock = threading.Lock()
        self.running = self.done = 0
        self.changed = threading.Condition(self._lock)

    def job(self) -> None:
        """What all of them do."""
        with self.changed:
            self.running += 1
            self.changed.notify_all()
        self.go.wait(60)
        with self.changed:
            self.running -= 1
            self.done += 1
            self.changed.notify_all()

    def wait(self, what: Callable[[], bool]) -> bool:
        """Wait for *what* to become true."""
        with self.changed:
            return self.changed.wait_for(what, 20)


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_background_work_leaves_slots_for_demands(stage: Stage) -> None:
    stage.prefetcher.ask([stage.job] * 20)
    assert stage.wait(lambda: stage.running == LIMIT - SPARED)
    for _ in range(SPARED):
        assert stage.slots.acquire(0)
    assert not stage.slots.acquire(0.01), "no more than the limit"
    stage.go.set()
    assert stage.slots.acquire(20)
    for _ in range(SPARED + 1):
        stage.slots.release()
    assert stage.wait(lambda: stage.done == 20)


def test_a_demand_that_waits_goes_before_background_work(stage: Stage) -> None:
    for _ in range(LIMIT):
        assert stage.slots.acquire(0)
    got: list[bool] = []
    demand = threading.Thread(target=lambda: got.append(stage.slots.acquire(20)))
    demand.start()
    stage.prefetcher.ask([stage.job] * 5)
    for _ in range(3):
        stage.slots.release()
    demand.join(60)
    assert got == [True]
    assert stage.running == 0, "all that is free is spared"
    stage.go.set()
    for _ in range(4):
        stage.slots.release()
    assert stage.wait(lambda: stage.done == 5)


def test_work_that_a_demand_waits_for_need_not_stand_back(stage: Stage) -> None:
    for _ in range(LIMIT - SPARED):
        assert stage.slots.acquire(0)
    work, began = Background(stage.slots), threading.Event()

    def do() -> None:
        with work.turn():
            began.set()

    threading.Thread(target=do, daemon=True).start()
    assert not began.wait(0.02)
    work.hurry()
    assert began.wait(60)


def test_a_thread_of_background_work_takes_one_slot_for_all_its_transfers(stage: Stage) -> None:
    counts = []

    def job() -> None:
        for _ in range(2 * LIMIT):
            assert stage.slots.acquire(0)
        counts.append(sum(stage.slots.acquire(0) for _ in range(3)))

    stage.prefetcher.ask([job, stage.job])
    assert stage.wait(lambda: stage.running == 1)
    stage.go.set()
    assert stage.wait(lambda: stage.done == 1)
    assert counts == [3]
    assert all(stage.slots.acquire(0.2) for _ in range(LIMIT))


def test_a_helper_inherits_the_urgency(stage: Stage) -> None:
    seen: list[object] = []
    work = Background(stage.slots)
    with work.turn():
        helper = threading.Thread(target=inherited(lambda: seen.append(current())))
    helper.start()
    helper.join(60)
    inherited(lambda: seen.append(current()))()
    assert seen == [work, None]


def test_nothing_begins_after_the_end(stage: Stage) -> None:
    stage.prefetcher.ask([stage.job] * 20)
    assert stage.wait(lambda: stage.running == LIMIT - SPARED)
    stage.prefetcher.close()
    stage.prefetcher.ask([stage.job])
    stage.go.set()
    assert stage.wait(lambda: stage.running == 0)
    assert stage.done == LIMIT - SPARED
    with pytest.raises(Ended), Background(stage.slots).turn():
        pass


def test_a_job_that_fails_ends_nothing(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    def fails() -> None:
        raise Failure("as expected")

    def breaks() -> None:
        raise ZeroDivisionError

    stage.go.set()
    stage.prefetcher.ask([fails, breaks, *[stage.job] * 3])
    assert stage.wait(lambda: stage.done == 3)
    assert "as expected" not in [r.message for r in caplog.records if r.levelname != "DEBUG"]
    eventually(lambda: "defect in fetching ahead" in caplog.text, what="the line in the log")


def _wait_for(event: threading.Event) -> None:
    event.wait(60)


def test_the_first_in_the_queue_are_those_that_are_wanted_first() -> None:
    slots = Slots(SPARED + 1)
    prefetcher = Prefetcher("order.test", slots, lambda: True)
    order: list[str] = []
    blocked, ended = threading.Event(), threading.Event()
    prefetcher.ask([partial(_wait_for, blocked)])
    prefetcher.ask([lambda: order.append("c"), ended.set])
    prefetcher.ask([lambda: order.append("a"), lambda: order.append("b")], first=True)
    blocked.set()
    assert ended.wait(60)
    assert sorted(order) == ["a", "b", "c"]
    assert order.index("a") < order.index("c")


def test_a_full_cache_ends_it(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "parrot_py.cvmfs")
    room = [True, True, False, False]
    prefetcher = Prefetcher("full.test", Slots(SPARED + 1), lambda: room.pop(0))
    stage.go.set()
    prefetcher.ask([stage.job] * 20)
    eventually(lambda: "nearly full" in caplog.text, what="the line in the log")
    assert stage.done == 2


def test_a_failure_that_nobody_waited_for_is_not_refused_to_who_asks(caplog: pytest.LogCaptureFixture) -> None:
    flights: Flights[str] = Flights("flights.test", 60.0, 60.0)

    def fail() -> str:
        raise Failure("not there")

    with Background(Slots(LIMIT)).turn(), pytest.raises(Failure):
        flights.run("key", fail)
    assert not [record for record in caplog.records if record.levelname != "DEBUG"]
    assert flights.run("key", lambda: "there") == "there"
    with pytest.raises(Failure):
        flights.run("key", fail)
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == ["flights.test: not there"]
