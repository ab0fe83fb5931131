"""Importance of settings: of how many configurations it is computed."""

from types import SimpleNamespace
from typing import Any

import pytest

from tuning.figures import _importance


def test_of_many_configurations_some_are_taken_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mean follows the first setting; the second is noise."""
    pytest.importorskip("optuna")
    monkeypatch.setattr(_importance, "_MOST", 20)
    rows: list[Any] = [
        SimpleNamespace(hyperparameters={"filters": n, "seedlings": n * 7 % 5}, mean=n / 100)
        for n in range(100, 0, -1)
    ]
    found, told = _importance.of(rows, ["filters", "seedlings"])
    assert "of 20 of 100 configurations." in told
    assert found["filters"] > 0.8
    assert "configurations" not in _importance.of(rows[:20], ["filters", "seedlings"])[1]
