"""Metrics against cases worked out by hand."""

import math

import numpy as np
import pytest
from sklearn import metrics as reference

from kerascnn import metrics


def test_names_and_directions() -> None:
    assert metrics.split_name("val_accuracy") == ("validation", "accuracy")
    assert metrics.split_name("test_loss") == ("test", "loss")
    assert metrics.maximize("val_f1_macro")
    assert not metrics.maximize("val_brier")
    assert all(metrics.split_name(name) for name in metrics.names())


@pytest.mark.parametrize("name", ["accuracy", "val_acc", "val_", ""])
def test_unknown_metrics_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="Expected one of: train_accuracy"):
        metrics.split_name(name)


def test_two_images_by_hand() -> None:
    logits = np.array([[math.log(3), 0.0], [0.0, 0.0]], np.float32)
    found = metrics.measure(logits, np.array([0, 1]), "validation")
    assert found["val_accuracy"] == 0.5  # A tie goes to the first class.
    assert found["val_loss"] == pytest.approx((math.log(4 / 3) + math.log(2)) / 2, abs=1e-7)
    assert found["val_brier"] == pytest.approx((2 / 16 + 2 / 4) / 2, abs=1e-7)
    assert found["val_top5"] == 1.0
    assert found["val_balanced_accuracy"] == 0.5
    assert found["val_f1_macro"] == pytest.approx((2 / 3 + 0) / 2)


def test_against_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(200, 7)), rng.integers(0, 7, 200)
    predicted = logits.argmax(axis=1)
    found = metrics.measure(logits, labels, "test")
    assert found["test_accuracy"] == pytest.approx(reference.accuracy_score(labels, predicted))
    assert found["test_balanced_accuracy"] == pytest.approx(
        reference.balanced_accuracy_score(labels, predicted)
    )
    assert found["test_f1_macro"] == pytest.approx(
        reference.f1_score(labels, predicted, average="macro")
    )
    assert found["test_top5"] == pytest.approx(reference.top_k_accuracy_score(labels, logits, k=5))


def test_certain_logits_stay_finite() -> None:
    found = metrics.measure(np.array([[200.0, -200.0]]), np.array([1]), "test")
    assert found["test_loss"] == pytest.approx(400)
