"""Identity: what makes two runs one, and what does not."""

import dataclasses
import inspect
import pickle
import subprocess
import sys

import numpy as np
import pytest

from kerascnn import datasets
from kerascnn.checks import subset_parts
from kerascnn.spec import CONFIGURABLE, RunSpec, default_of, value_of

BASE = RunSpec(family="cnn", dataset="digits", fingerprint="f" * 64)


def test_ids_are_pinned() -> None:
    """A released identity never changes: studies on disk are found by it."""
    assert BASE.config_id == "8f2fd592e5d0"
    assert BASE.repeated(0, "search", 0).seed == 1712019052
    assert BASE.repeated(0, "search", 0).run_id == "c5d2d736b3df"


def test_a_named_default_is_the_same_configuration() -> None:
    default = default_of("cnn", "filters")
    assert BASE.configure({"filters": default}).config_id == BASE.config_id
    assert BASE.configure({"learning_rate": 0.001}).config_id == BASE.config_id


def test_later_settings_rename_nothing_and_count_where_they_are_set() -> None:
    later = {"schedule": "cosine", "label_smoothing": 0.1, "patience": 3, "balance": "weights"}
    later |= {"precision": "bfloat16"}
    defaults = {name: default_of("cnn", name) for name in later}
    assert BASE.configure(defaults).config_id == BASE.config_id
    ids = {BASE.configure({name: value}).config_id for name, value in later.items()}
    assert len({BASE.config_id, *ids}) == 6
    assert set(later) <= set(CONFIGURABLE)


def test_augmentations_have_one_order() -> None:
    both = BASE.configure({"augmentation": "flip+shift"})
    assert both.augmentation == "shift+flip"
    assert both == BASE.configure({"augmentation": "shift+flip"})
    assert both.config_id == "bc24b9c7ee4d"
    every = BASE.configure({"augmentation": "cutout+crop+rotation+flip+shift"})
    assert every.augmentation == "shift+flip+rotation+crop+cutout"


def test_numpy_scalars_and_whole_floats_are_one_value() -> None:
    ids = {BASE.configure({"filters": value}).config_id for value in (24, np.int64(24), 24.0)}
    assert len(ids) == 1
    assert BASE.configure({"dropout": 0}).config_id == BASE.configure({"dropout": 0.0}).config_id
    assert BASE.configure({"weight_decay": 0}).config_id == BASE.config_id


def test_the_fingerprint_stands_for_the_path() -> None:
    moved = dataclasses.replace(BASE, dataset="/elsewhere/digits", skip_bad=True, group_by="x")
    assert moved.config_id == BASE.config_id
    other = dataclasses.replace(BASE, fingerprint="0" * 64)
    assert other.config_id != BASE.config_id
    unread = dataclasses.replace(BASE, fingerprint="")
    assert unread.config_id != dataclasses.replace(unread, dataset="mnist").config_id


def test_data_options_are_those_of_load() -> None:
    taken = inspect.signature(datasets.load).parameters
    assert set(BASE.data_options) == set(taken) - {"dataset", "divide"}
    spec = dataclasses.replace(BASE, image_size=8, split_seed=3, skip_bad=True, group_by="x")
    told = {"image_size": 8, "split_seed": 3, "skip_bad": True, "group_by": "x"}
    assert spec.data_options == told


def test_reach_is_in_no_id() -> None:
    stopped = dataclasses.replace(BASE, stop_epoch=3)
    assert (stopped.config_id, stopped.run_id) == (BASE.config_id, BASE.run_id)
    assert (stopped.last_epoch, BASE.last_epoch) == (3, 9)


def test_planned_epochs_are_in_the_id() -> None:
    assert BASE.configure({"epochs": 10}).config_id != BASE.config_id


def test_seeds_differ_by_study_phase_repeat_and_configuration_but_not_by_subset() -> None:
    seeds = {
        spec.repeated(study, phase, repeat).seed
        for spec in (BASE, BASE.configure({"filters": 24}))
        for study in (0, 1)
        for phase in ("search", "confirm", "final")
        for repeat in range(3)
    }
    assert len(seeds) == 2 * 2 * 3 * 3
    assert all(0 <= seed < 2**31 for seed in seeds)
    crossed = BASE.repeated(0, "search", 0, "disjoint:4/1")
    assert crossed.seed == BASE.repeated(0, "search", 0).seed
    assert crossed.run_id != BASE.repeated(0, "search", 0).run_id


def test_ids_are_the_same_in_another_process() -> None:
    code = (
        "from kerascnn.spec import RunSpec;"
        "print(RunSpec(family='cnn', dataset='digits', fingerprint='f' * 64).run_id)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == BASE.run_id


def test_round_trips() -> None:
    spec = BASE.configure({"filters": 24, "optimizer": "sgd"}).repeated(3, "search", 1)
    assert RunSpec.from_json(spec.to_json()) == spec
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert len({spec, RunSpec.from_json(spec.to_json())}) == 1


def test_run_names_are_file_names() -> None:
    assert BASE.run_name == "search0"
    crossed = BASE.repeated(0, "decompose", 1, "disjoint:4/0")
    assert crossed.run_name == "decompose1-disjoint-4-0"


def test_values_include_defaults() -> None:
    spec = BASE.configure({"filters": 24})
    assert value_of(spec, "filters") == 24
    assert value_of(spec, "batch_size") == 64
    assert value_of(spec, "depth") == default_of("cnn", "depth")


def test_another_family_drops_the_old_settings() -> None:
    spec = BASE.configure({"filters": 24}).configure({"family": "linear"})
    assert (spec.family, dict(spec.hyperparameters)) == ("linear", {})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"filter": 3}, r"No 'filter' in the settings of cnn\. .*Did you mean 'filters'\?"),
        ({"filters": "many"}, "`filters` must be of type int. Received: 'many'"),
        ({"filters": 2.5}, "`filters` must be of type int. Received: 2.5"),
        ({"learning_rate": 0}, "`learning_rate > 0` must hold. Received: 0.0"),
        ({"learning_rate": float("nan")}, "`learning_rate` must be finite"),
        ({"epochs": 0}, "`epochs >= 1` must hold. Received: 0"),
        ({"batch_size": -1}, "`batch_size >= 1` must hold"),
        ({"weight_decay": -1}, "`weight_decay >= 0` must hold"),
        ({"optimizer": "adm"}, r"No 'adm' in optimizer\. .*Did you mean 'adam'\?"),
        ({"augmentation": "spin"}, "Expected one of: none, shift, flip"),
        ({"augmentation": "shift+flp"}, r"No 'flp' in augmentation\. .*Did you mean 'flip'\?"),
        ({"augmentation": "flip+flip"}, "`augmentation` names 'flip' twice"),
        ({"augmentation": "none+flip"}, "`augmentation` is 'none' or other names, not both"),
        ({"augmentation": ""}, "No '' in augmentation"),
        ({"schedule": "cosin"}, r"No 'cosin' in schedule\. .*Did you mean 'cosine'\?"),
        ({"label_smoothing": 1}, "`label_smoothing < 1` must hold. Received: 1.0"),
        ({"label_smoothing": -0.1}, "`label_smoothing >= 0` must hold. Received: -0.1"),
        ({"patience": -1}, "`patience >= 0` must hold. Received: -1"),
        ({"patience": 2.5}, "`patience` must be of type int. Received: 2.5"),
        ({"balance": "weight"}, r"No 'weight' in balance\. .*Did you mean 'weights'\?"),
        ({"precision": "float16"}, r"No 'float16' in precision\. .*Did you mean 'bfloat16'\?"),
        ({"seed": 1}, "No 'seed' in the settings"),
    ],
)
def test_bad_settings_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BASE.configure(values)  # type: ignore[arg-type]


def test_values_are_plain() -> None:
    with pytest.raises(TypeError, match="`filters` must be an int, a float"):
        BASE.configure({"filters": (1, 2)})  # type: ignore[dict-item]


def test_stop_epoch_is_at_most_epochs() -> None:
    with pytest.raises(ValueError, match=r"`stop_epoch <= epochs`.*stop_epoch=10, epochs=9"):
        dataclasses.replace(BASE, stop_epoch=10)


@pytest.mark.parametrize(
    "subset",
    ["half", "disjoint:4", "disjoint:4/4", "disjoint:a/b", "", "bootstrap:2/2", "jackknife:4/0"],
)
def test_bad_subsets_are_refused(subset: str) -> None:
    with pytest.raises(ValueError, match=r"`subset` must be 'all' or disjoint\|bootstrap"):
        subset_parts(subset)


def test_a_subset_says_how_many_there_are_and_which_it_is() -> None:
    assert subset_parts("all") == (1, 0, "disjoint")
    assert subset_parts("disjoint:4/3") == (4, 3, "disjoint")
    assert subset_parts("bootstrap:10/0") == (10, 0, "bootstrap")
    assert subset_parts("subsample:2/1") == (2, 1, "subsample")


def test_no_name_is_a_field_and_a_keyword() -> None:
    from kerascnn import registry

    for family in registry.names("kerascnn.models"):
        keywords = registry.keywords("kerascnn.models", family, "build")
        assert not {field.name for field in dataclasses.fields(RunSpec)} & set(keywords)
    assert set(CONFIGURABLE) <= {field.name for field in dataclasses.fields(RunSpec)}
