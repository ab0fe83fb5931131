"""`search --like`: a colleague's study from its study.json."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import fake
from tests.studies import OF_MACHINE
from tests.tuning.test_cli import Main, main  # noqa: F401  A fixture.
from tests.tuning.test_search import essence, in_one
from tuning import enqueued, plan, repeating, study
from tuning.study import Study

OWN = '''"""Mine."""
SPACE = {"width": "8:32:8"}

def build(input_shape, num_classes, *, width=16):
    ...
'''


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def begun(**options: Any) -> Study:
    return plan.new_search("cnn", "synthetic", **{"name": "theirs", "trials": 5, **options})


def alone(original: Study) -> str:
    """Returns a copy of nothing but its study.json, by another name."""
    Path("mail").mkdir()
    shutil.copy(original.folder / "study.json", "mail/theirs.json")
    return "mail/theirs.json"


@pytest.mark.parametrize("oracle", ["random_search", "bayesian", "hyperband", "race"])
def test_a_repetition_has_the_same_ids_and_numbers(oracle: str) -> None:
    theirs = begun(
        oracle=oracle,
        seed=3,
        seeds=2,
        epochs=4,
        workers=5,
        fixed={"dense": 32},
        vary={"depth": "1:3"},
        rules={"margin": 0.01},
        max_params=50_000,
        objective="val_loss",
        threads=2,
    )
    in_one(theirs, run=fake.run)
    ours = repeating.repeat(repeating.read(alone(theirs)))
    assert ours.folder != theirs.folder
    assert ours.spec == theirs.spec
    assert ours.spec.lookahead == 10
    in_one(ours, run=fake.run)
    assert essence(ours) == essence(theirs)


def test_the_folder_or_its_name_is_as_good() -> None:
    theirs = begun()
    for text in ("theirs", "runs/theirs", "runs/theirs/study.json"):
        assert repeating.read(text).spec == theirs.spec


def test_points_put_in_line_before_it_began_are_repeated_and_later_ones_counted() -> None:
    theirs = begun(seeds=1)
    for filters in (40, 48):
        point = enqueued.point_of(theirs, {"filters": filters})
        assert enqueued.add(theirs, [(point, {"after": "older"})])
        if filters == 40:
            in_one(theirs, run=fake.run)
    original = repeating.read(str(theirs.folder))
    assert original.later == 1
    for _ in range(2):  # Opened again, it has them already.
        ours = repeating.repeat(original, name="ours")
    in_one(ours, run=fake.run)
    asks = essence(ours)[0]
    assert asks == essence(theirs)[0]
    assert [ask["point"]["filters"] for ask in asks if ask.get("given")] == [40]


def test_how_far_it_goes_is_the_users() -> None:
    ours = repeating.repeat(repeating.read(str(begun().folder)), trials=9)
    assert (ours.spec.trials, ours.spec.seeds) == (9, 3)


def test_a_form_that_was_settled_stays() -> None:
    theirs = begun(backend="tensorflow")
    theirs.settle({"form": "separate", "together": 2})
    ours = repeating.repeat(repeating.read(str(theirs.folder)))
    assert (ours.trainer, ours.together) == ("compiled:separate", 2)


def test_a_family_of_ones_own_comes_along() -> None:
    Path("own.py").write_text(OWN)
    theirs = plan.new_search("own.py", "synthetic", name="theirs")
    Path("own.py").write_text(OWN + "# changed since")
    original = repeating.read(str(theirs.folder))
    ours = repeating.repeat(original)
    assert Path(ours.spec.base.family).read_text() == OWN
    assert Path(ours.spec.base.family).is_relative_to(ours.folder.resolve())
    mailed = alone(theirs)
    with pytest.raises(ValueError, match=r"The code of own\.py \(.{12}\) is neither at mail/code"):
        repeating.read(mailed)
    shutil.copytree(theirs.folder / "code", "mail/code")
    assert repeating.read(mailed).spec.base.code == theirs.spec.base.code


def images(folder: str, classes: int = 2, side: int = 8) -> str:
    Path(folder).mkdir()
    count = 60
    np.savez(
        f"{folder}/x.npz",
        x_train=(np.arange(count * side**2) % 251).reshape(count, side, side).astype(np.uint8),
        y_train=np.arange(count) % classes,
        x_test=np.zeros((8, side, side), np.uint8),
        y_test=np.arange(8) % classes,
    )
    return f"{folder}/x.npz"


def test_the_data_may_lie_elsewhere_and_must_be_the_same() -> None:
    theirs = plan.new_search("linear", images("there"), name="theirs")
    original = repeating.read(str(theirs.folder))
    Path("there").rename("here")
    with pytest.raises(ValueError, match=r"lay at .*there/x\.npz: say where they lie here\."):
        repeating.repeat(original)
    ours = repeating.repeat(original, "here/x.npz")
    assert ours.spec.base.dataset == str(Path("here/x.npz").resolve())
    assert ours.spec.base.fingerprint == theirs.spec.base.fingerprint
    with pytest.raises(ValueError, match=r"classes are .* there, .* here; parts are .*fingerprint"):
        repeating.repeat(original, images("other", classes=3), name="other")
    with pytest.raises(ValueError, match=r"images are \[8, 8, 1\] there, \[.*\] here"):
        repeating.repeat(original, images("large", side=9), name="other")
    assert not (study.RUNS / "other").exists()


def test_pixels_that_differ_are_said() -> None:
    theirs = plan.new_search("linear", images("there"), name="theirs")
    with np.load("there/x.npz") as arrays:
        changed = {name: arrays[name] for name in arrays.files}
    changed["x_train"][0, 0, 0] += 1
    np.savez("there/y.npz", **changed)
    with pytest.raises(ValueError, match=r"pixels, labels or their division differ; fingerprint"):
        repeating.repeat(repeating.read(str(theirs.folder)), "there/y.npz")


def test_a_study_is_not_repeated_onto_itself() -> None:
    theirs = plan.new_search("cnn", "synthetic")
    with pytest.raises(ValueError, match="is that study itself: --study NAME says where"):
        repeating.repeat(repeating.read(theirs.name))
    assert repeating.repeat(repeating.read(theirs.name), name="again").spec == theirs.spec


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is no study.json"),
        ("[]", "is no study.json"),
        ('{"spec": {}}', "is no study.json"),
        ('{"spec": {"base": 3}}', "is no study.json"),
    ],
)
def test_what_is_no_study_is_refused(content: str, message: str) -> None:
    Path("x.json").write_text(content)
    with pytest.raises(ValueError, match=message):
        repeating.read("x.json")


def test_only_searches_are_repeated() -> None:
    trained, _ = plan.new_training("linear", "synthetic", name="trained")
    with pytest.raises(ValueError, match="is of no search: --like repeats searches"):
        repeating.read(str(trained.folder))
    with pytest.raises(ValueError, match=r"No study at gone: it has no study\.json"):
        repeating.read("gone")


def test_what_the_study_says_is_not_said_again(main: Main) -> None:  # noqa: F811
    begun()
    for arguments, named in (
        (("--oracle", "random_search"), "--oracle"),
        (("--epochs", "3"), "--epochs"),
        (("--set", "filters=8"), "--set"),
        (("--seed", "0"), "--seed"),
        (("--threads", "1"), "--threads"),
        (("--margin", "0.1"), "--margin"),
        (("--max-params", "9"), "--max-params"),
        (("--balance",), "--balance"),
    ):
        code, out, err = main("search", "--like", "theirs", *arguments)
        assert (code, out) == (2, "")
        assert err == f"Error: --like takes {named} from the study: leave it out.\n"
    code, _, err = main("search", "cnn", "synthetic", "--like", "theirs")
    assert code == 2
    assert "--like takes the family from the study. Received also: cnn" in err


def test_other_versions_are_said_and_the_table_is_the_same(main: Main) -> None:  # noqa: F811
    small = ("--executor", "serial", "--epochs", "1", "--set", "train_size=100")
    arguments = ("search", "mlp", "synthetic", "--trials=2", "--seeds=2", "--seed=5", "--json")
    theirs = json.loads(main(*arguments, "--study", "theirs", *small)[1])
    path = Path("runs/theirs/study.json")
    about = json.loads(path.read_text())
    about["versions"]["numpy"] = "0.1"
    path.write_text(json.dumps(about))
    code, out, err = main("search", "--like", alone(study.find("theirs")), "--json", *small[:2])
    assert code == 0, err
    assert "was begun with numpy 0.1, this is" in err
    ours = json.loads(out)
    for each in (ours, theirs):
        each["study"] = ""
        for row in each["configurations"]:
            row |= dict.fromkeys(OF_MACHINE)
    assert ours == theirs
