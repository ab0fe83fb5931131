"""Times as people write them."""

import pytest

from kerascnn import durations


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("20m", 1200),
        ("2h", 7200),
        ("1h30m", 5400),
        ("1d2h3m4s", 93_784),
        ("0.5h", 1800),
        ("45", 45),
        ("1.5", 1.5),
        (" 20M ", 1200),
    ],
)
def test_times_are_read(text: str, seconds: float) -> None:
    assert durations.seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "20x", "m", "1m2h", "-5m", "1h 30m", "1e3", "nan", "5.m"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="Expected a time such as 90s, 20m, 2h or 1h30m"):
        durations.seconds(text)


@pytest.mark.parametrize("text", ["0", "0m", "0h0s"])
def test_no_time_at_all_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"Expected a time above 0. Received: '{text}'"):
        durations.seconds(text)


@pytest.mark.parametrize("seconds", [0.5, 1, 59, 60, 90, 1200, 5400, 86_400, 93_784])
def test_what_is_written_is_read(seconds: float) -> None:
    assert durations.seconds(durations.text(seconds)) == seconds


def test_times_are_short() -> None:
    assert [durations.text(each) for each in (0.25, 300, 5400)] == ["0.25s", "5m", "1h30m"]
