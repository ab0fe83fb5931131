"""A family in stock Keras Tuner: every tuner takes it, unchanged."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np
import pytest

import tuning
from kerascnn.spec import default_of

SHAPE = (8, 8, 1)
TUNERS: Mapping[str, tuple[Any, dict[str, Any]]] = {
    "random": (keras_tuner.RandomSearch, {"max_trials": 2, "executions_per_trial": 2}),
    "grid": (keras_tuner.GridSearch, {"max_trials": 2}),
    "bayesian": (keras_tuner.BayesianOptimization, {"max_trials": 3, "num_initial_points": 2}),
    "hyperband": (keras_tuner.Hyperband, {"max_epochs": 3}),
}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    """Twelve images whose class is where they are bright."""
    labels = np.arange(12) % 3
    images = np.random.default_rng(0).random((12, *SHAPE), np.float32) / 5
    images[np.arange(12), labels * 2] = 1
    return images, labels


@pytest.mark.slow
@pytest.mark.parametrize("name", TUNERS)
def test_every_tuner_searches_it(
    name: str, data: tuple[np.ndarray, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    kind, options = TUNERS[name]
    made = tuning.hypermodel("linear", SHAPE, 3, vary={"batch_size": "4,8"})
    tuner = kind(made, objective="val_accuracy", seed=1, **options)
    epochs = {} if name == "hyperband" else {"epochs": 1}
    tuner.search(*data, validation_data=data, verbose=0, **epochs)
    trials = list(tuner.oracle.trials.values())
    assert {trial.status for trial in trials} == {"COMPLETED"}
    assert len(trials) >= 2
    best = tuner.oracle.get_best_trials()[0]
    (model,) = tuner.get_best_models()
    found = model.evaluate(*data, verbose=0, return_dict=True)
    if name != "random":  # Its score is the mean of two executions; one is kept.
        assert found["accuracy"] == pytest.approx(best.score)
    tuner.results_summary()
    assert f"Trial {best.trial_id} summary" in capsys.readouterr().out


class Recording(keras.callbacks.Callback):  # type: ignore[misc]
    """Notes the steps of every epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[int] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.steps.append(self.params["steps"])


@pytest.mark.parametrize(
    ("arguments", "options", "steps"),
    [((), {}, 3), ((), {"batch_size": 6}, 2), ((12,), {}, 1)],
)
def test_the_batch_size_is_the_drawn_one_unless_the_caller_gives_one(
    arguments: tuple[int, ...],
    options: dict[str, int],
    steps: int,
    data: tuple[np.ndarray, np.ndarray],
) -> None:
    made = tuning.hypermodel("linear", SHAPE, 3, vary={"batch_size": "2,4"})
    hp = keras_tuner.HyperParameters()
    hp.values["batch_size"] = 4
    seen = Recording()
    made.fit(hp, made.build(hp), *data, *arguments, verbose=0, callbacks=[seen], **options)
    assert seen.steps == [steps]


def test_what_is_drawn_is_built() -> None:
    made = tuning.hypermodel("cnn", SHAPE, 3, fixed={"dense": 5, "optimizer": "sgd"})
    hp = keras_tuner.HyperParameters()
    drawn = {"filters": 8, "depth": 3, "learning_rate": 0.005, "weight_decay": 0.01}
    hp.values.update(drawn)
    model = made.build(hp)
    assert model.get_layer("block1_conv1").filters == 8
    assert model.get_layer("block3_conv1")
    assert model.get_layer("dense1").units == 5
    assert isinstance(model.optimizer, keras.optimizers.SGD)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.005)
    assert model.optimizer.weight_decay == 0.01
    assert not {"dense", "optimizer"} & {each.name for each in hp.space}
    assert {name: hp.values[name] for name in drawn} == drawn


def test_a_domain_without_the_default_begins_with_its_first_value() -> None:
    hp = keras_tuner.HyperParameters()
    tuning.hypermodel("cnn", SHAPE, 3, vary={"filters": "64:128:32"}).build(hp)
    assert hp.values["filters"] == 64
    assert default_of("cnn", "filters") not in (64, 96, 128)


def test_numbers_of_numpy_do_for_the_shape_and_the_classes() -> None:
    made = tuning.hypermodel("mlp", np.zeros((1, *SHAPE)).shape[1:], np.int64(3))
    assert made.build(keras_tuner.HyperParameters()).output_shape == (None, 3)


def test_it_joins_a_space_of_the_users_own() -> None:
    hp = keras_tuner.HyperParameters()
    made = tuning.hypermodel("mlp", SHAPE, 3)
    hp.Choice("family", ["cnn", "mlp"])
    with hp.conditional_scope("family", ["mlp"]), hp.name_scope("mlp"):
        model = made.build(hp)
    assert model.output_shape == (None, 3)
    assert "mlp/depth" in {each.name for each in hp.space}


OWN = '''"""Mine."""
import keras
SPACE = {"width": "4:16:4"}

def build(input_shape, num_classes, *, width: int = 8) -> keras.Model:
    if width > 12:
        raise ValueError("Too wide.")
    x = inputs = keras.Input(input_shape)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(width)(x)
    x = keras.layers.Dense(num_classes, name="logits")(x)
    return keras.Model(inputs, keras.layers.Softmax(name="NAME")(x))
'''


def test_the_users_own_family_is_found_from_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("mine.py").write_text(OWN.replace("NAME", "probabilities"))
    made = tuning.hypermodel("mine.py", SHAPE, 3)
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    hp = keras_tuner.HyperParameters()
    assert made.build(hp).output_shape == (None, 3)
    assert hp.values["width"] == 8
    assert "learning_rate" in hp.values


def test_a_family_that_ends_otherwise_is_refused() -> None:
    Path("ended.py").write_text(OWN.replace("NAME", "out"))
    made = tuning.hypermodel("ended.py", SHAPE, 3)
    with pytest.raises(TypeError, match="must end in the layers 'logits' and 'probabilities'"):
        made.build(keras_tuner.HyperParameters())


@pytest.mark.slow
def test_a_point_that_cannot_be_built_fails_its_trial_alone(
    data: tuple[np.ndarray, np.ndarray],
) -> None:
    Path("narrow.py").write_text(OWN.replace("NAME", "probabilities"))
    fixed = {name: default_of("narrow.py", name) for name in ("learning_rate", "batch_size")}
    fixed |= {name: default_of("narrow.py", name) for name in ("optimizer", "weight_decay")}
    made = tuning.hypermodel("narrow.py", SHAPE, 3, fixed=fixed)
    tuner = keras_tuner.GridSearch(made, objective="val_loss", max_retries_per_trial=2)
    tuner.search(*data, validation_data=data, epochs=1, verbose=0)
    ended = {
        trial.hyperparameters.values["width"]: (trial.status, trial.message)
        for trial in tuner.oracle.trials.values()
    }
    assert sorted(ended) == [4, 8, 12, 16]
    assert [ended[width][0] for width in (4, 8, 12, 16)] == ["COMPLETED"] * 3 + ["FAILED"]
    assert str(ended[16][1]).strip().endswith("FailedTrialError: Too wide.")
    assert not tuner.oracle._retry_queue
    assert tuner.oracle._run_times[tuner.oracle.end_order[-1]] == 1


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("cn", SHAPE, 3), {}, r"No 'cn' in models\. .*Did you mean 'cnn'\?"),
        (("gone.py", SHAPE, 3), {}, "There is no file 'gone.py'"),
        (("cnn", (8, 8), 3), {}, r"`input_shape` must be \(height, width, channels\)"),
        (("cnn", (8, 0, 1), 3), {}, r"`input_shape` must be .* Received: \(8, 0, 1\)"),
        (("cnn", SHAPE, 1), {}, "`num_classes >= 2` must hold. Received: 1"),
        (("cnn", SHAPE, 3), {"fixed": {"filter": 3}}, "No 'filter' in the settings of cnn"),
        (("cnn", SHAPE, 3), {"fixed": {"filters": "x"}}, "`filters` must be of type int"),
        (("cnn", SHAPE, 3), {"vary": {"filter": "1:3"}}, "No 'filter' in the settings of cnn"),
        (("cnn", SHAPE, 3), {"vary": {"filters": "3:1"}}, "`low <= high`"),
        (("cnn", SHAPE, 3), {"fixed": {"epochs": 3}}, "Keras Tuner cannot honour 'epochs'"),
        (
            ("cnn", SHAPE, 3),
            {"vary": {"augmentation": "none,shift"}},
            "cannot honour 'augmentation', .*: batch_size, optimizer, learning_rate, weight_decay",
        ),
        (
            ("cnn", SHAPE, 3),
            {"fixed": {"depth": 1}, "vary": {"depth": "1:3"}},
            "A setting is fixed or varied, not both",
        ),
    ],
)
def test_bad_input_is_said_at_once(
    arguments: tuple[Any, ...], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message) as e:
        tuning.hypermodel(*arguments, **options)
    assert "\n" not in str(e.value)
