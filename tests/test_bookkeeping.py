"""The bookkeeping benchmark, run small, and its simulated workers."""

import dataclasses
from concurrent.futures import Future

import pytest

from benchmarks import bookkeeping
from kerascnn.record import RunRecord
from kerascnn.spec import RunSpec

SPEC = RunSpec(family="cnn", dataset="digits", fingerprint="0" * 64)


class Clock:
    """Real time that stands still, or goes on a second with every look."""

    def __init__(self, step: float = 0.0) -> None:
        self._now, self._step = 0.0, step

    def __call__(self) -> float:
        self._now += self._step
        return self._now

    def pass_by(self, seconds: float) -> None:
        self._now += seconds


def two_seconds() -> list[RunRecord]:
    return [RunRecord(spec=SPEC, seconds=2.0)]


def test_workers_work_side_by_side_and_one_call_after_another() -> None:
    workers = bookkeeping.Workers(2, Clock())
    futures = [workers.submit(two_seconds) for _ in range(3)]
    done = []
    while not all(future.done() for future in futures):
        workers.wait([each for each in futures if not each.done()], timeout=0.5)
        done.append((workers.time(), sum(future.done() for future in futures)))
    assert done[-1] == (4.0, 3)
    assert (1.5, 0) in done
    assert (2.0, 2) in done


def test_what_really_passes_is_counted() -> None:
    workers = bookkeeping.Workers(1, Clock(step=10.0))
    future: Future[list[RunRecord]] = workers.submit(two_seconds)
    workers.wait([future], timeout=0.25)
    assert future.done()  # It ended long ago: nothing is skipped.
    assert workers.skipped == 0


def test_what_making_records_takes_is_the_workers_own() -> None:
    """Theirs are the seconds that the records say."""
    clock = Clock()
    workers = bookkeeping.Workers(1, clock)

    def slowly() -> list[RunRecord]:
        clock.pass_by(100.0)
        return two_seconds()

    future: Future[list[RunRecord]] = workers.submit(slowly)
    workers.wait([future], timeout=5.0)
    assert workers.time() == 2.0
    assert future.done()


def test_costs_are_of_the_last_trials() -> None:
    ends = [0.0, *(1.0 + 0.01 * number for number in range(1, 400))]
    costs = bookkeeping.Costs(ends, [each / 2 for each in ends], [each / 4 for each in ends])
    assert costs.around(400) == pytest.approx((10, 5, 2.5))
    assert costs.around(50)[0] == pytest.approx((1000 * 1.49) / 49)


@pytest.mark.parametrize("oracle", ["random_search", "hyperband", "race"])
def test_a_search_is_measured(oracle: str) -> None:
    costs = bookkeeping.measure(oracle, 12, bookkeeping.CLOCKS["wall"])
    assert len(costs.all) == len(costs.asking) == len(costs.writing) == 12
    for values in dataclasses.asdict(costs).values():
        assert values == sorted(values)
    whole, asking, writing = costs.around(12)
    assert 0 < writing < whole
    assert 0 < asking < whole


def test_busy_workers_take_the_ideal_where_nothing_else_does() -> None:
    """20 runs on 4 workers, and a real clock that stands still."""
    seconds = bookkeeping.busy("random_search", 20, 1, 4, Clock())
    assert seconds == pytest.approx(5.0)
