"""How long answers take: how it is measured, not how long that is."""

import numpy as np
import pytest

from kerascnn import latency


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that stands until it is moved."""
    now = [0.0]
    monkeypatch.setattr(latency.time, "perf_counter", lambda: now[0])
    return now


def test_a_median_and_where_most_calls_lie(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERASCNN_THREADS", "3")
    shapes = []

    def predict(images: np.ndarray) -> None:
        """The first calls are slow; then a call takes 10, 11, ..., 59 ms."""
        before = sum(shape == images.shape for shape in shapes)
        shapes.append(images.shape)
        clock[0] += 1.0 if before < 3 else 0.007 + before / 1000

    found = latency.measure(predict, (4, 5, 3))
    assert set(shapes) == {(1, 4, 5, 3), (64, 4, 5, 3)}
    assert found["threads"] == 3
    for batch, each in zip((1, 64), found["batches"], strict=True):
        assert (each["batch"], each["calls"]) == (batch, 50)
        assert each["median"] == pytest.approx(0.0345)
        assert (each["low"], each["high"]) == pytest.approx((0.01245, 0.05655))


def test_latency_in_words() -> None:
    one = {"batch": 1, "calls": 50, "median": 0.0012, "low": 0.00105, "high": 0.0031}
    many = {"batch": 64, "calls": 5, "median": 1.5, "low": 1.25, "high": 2.0}
    assert latency.text({"threads": 1, "batches": [one, many]}) == (
        "1.2 ms (1.05 ms to 3.1 ms) for 1 image, 1.5 s (1.25 s to 2 s) for 64, on 1 thread"
    )


def test_slow_networks_are_called_less_often(clock: list[float]) -> None:
    def predict(images: np.ndarray) -> None:
        clock[0] += 0.1 if len(images) == 1 else 3.0

    few = [each["calls"] for each in latency.measure(predict, (1, 1, 1))["batches"]]
    assert few[0] < 50
    assert few[1] == 5


def test_seconds_and_warm_up_can_be_less(clock: list[float]) -> None:
    calls: list[int] = []

    def predict(images: np.ndarray) -> None:
        calls.append(len(images))
        clock[0] += 1 / 64

    found = latency.measure(predict, (1, 1, 1), seconds=10 / 64, warm_up=1)
    assert [each["calls"] for each in found["batches"]] == [10, 10]
    assert calls == [1] * 11 + [64] * 11


def test_what_a_record_says(clock: list[float]) -> None:
    found = latency.measure(lambda images: None, (1, 1, 1))
    assert latency.of({"latency": found}, 64) == found["batches"][1]
    assert latency.of({"latency": found}, 7) is None
    assert latency.of({}, 1) is None
