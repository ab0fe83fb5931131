"""Studies whose runs start from weights: what a file is to them, and when they do not go on."""

import json
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerascnn import building, weights
from kerascnn.spec import RunSpec
from tests import fake
from tests.tuning.test_cli import SMALL, Main, main  # noqa: F401  A fixture.
from tests.tuning.test_search import in_one
from tuning import begin, comparison, plan, repeating
from tuning.search_spec import SearchSpec

VARY = {"weights": "none,there/model.keras", "freeze": "none,block1_pool"}


@pytest.fixture(autouse=True)
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    data: Any = types.SimpleNamespace(input_shape=(8, 8, 1), num_classes=10)
    path = tmp_path / "there/model.keras"
    path.parent.mkdir()
    building.Builder(RunSpec(family="cnn", dataset="digits"), data)(0).save(path)
    return path


def searched(**options: Any) -> Any:
    fixed = {"filters": 16}
    return plan.new_search("cnn", "synthetic", fixed=fixed, **{"vary": VARY, **options})


def test_a_search_varies_them_and_a_file_counts_by_its_content(network: Path) -> None:
    study = searched(name="one")
    value = weights.named(str(network))
    assert study.spec.space["weights"].values == ("none", value)
    network.parent.rename("elsewhere")
    moved = searched(vary={**VARY, "weights": "none,elsewhere"})
    assert moved.spec.space["weights"].values != study.spec.space["weights"].values
    assert moved.spec.identity() == study.spec.identity()
    with pytest.raises(
        ValueError, match=r"there/model.keras \(hash .{12}\) are not there any more"
    ):
        searched(name="one", vary={**VARY, "weights": "none,elsewhere"})  # The study's is gone.
    usual = SearchSpec(base=RunSpec(family="", dataset=""))
    assert not {"weights", "freeze"} & set(usual.distinctions())


def test_a_study_goes_on_only_with_the_file_as_it_was_and_is_read_without(network: Path) -> None:
    study = searched(name="one", trials=3)
    in_one(study, run=fake.run)
    content = network.read_bytes()
    network.write_bytes(content + b" ")
    with pytest.raises(
        ValueError, match=r"runs/one holds another study: space of weights is .*\.$"
    ):
        searched(name="one")
    with pytest.raises(ValueError, match=r"there/model.keras changed: hash .{12}, the study's"):
        begin.data_of(study)
    network.unlink()
    with pytest.raises(ValueError, match=r"There is no file of weights 'there/model.keras'"):
        searched(name="one")
    with pytest.raises(ValueError, match=r"model.keras \(hash .{12}\) are not there any more"):
        begin.data_of(study)
    assert len(comparison.compare(study).rows) == 3
    Path("beside").mkdir()
    Path("beside/study.json").write_bytes((study.folder / "study.json").read_bytes())
    with pytest.raises(ValueError, match=r"model.keras \(hash .{12}\) are not there any more"):
        repeating.read("beside")
    Path("beside/model.keras").write_bytes(content)
    again = repeating.read("beside").spec
    assert again.identity() == study.spec.identity()
    assert again.starts()[0][0].startswith(str(Path("beside/model.keras").resolve()))


def test_other_families_of_an_older_search_keep_its_name() -> None:
    found = plan.new_search("linear,mlp", "synthetic", name="two").spec.distinctions()
    assert not [name for name in found if name.startswith(("weights", "freeze"))]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--weights", "gone.h5"], "There is no file of weights 'gone.h5'"),
        (["--weights", "."], "The folder '.' holds no model.keras"),
        (["--weights", "bad.h5"], "bad.h5 cannot be read as a file of weights"),
        (["--weights", "gone:1a"], "No study 'gone'"),
        (["--weights", "there", "--set", "weights=bad.h5"], "--weights is short for"),
        (["--weights", "there", "--set", "filters=3"], "conv1 is 3x3x1x3 + 3 here, 3x3x1x16 + 16"),
        (["--freeze", "block1_pol"], "Did you mean 'block1_pool'?"),
        (["--freeze", "logits"], "`freeze='logits'` leaves nothing to train"),
    ],
)
def test_what_fits_not_is_refused_in_a_line(
    arguments: list[str],
    message: str,
    main: Main,  # noqa: F811
) -> None:
    Path("bad.h5").write_bytes(b"what is this")
    code, _, err = main("train", "cnn", *SMALL, *arguments)
    assert code == 2
    assert message in err.splitlines()[-1]
    assert not list(Path().glob("runs/*/study.json"))


@pytest.mark.slow
def test_a_run_of_a_study_is_a_start(main: Main) -> None:  # noqa: F811
    assert main("train", "cnn", *SMALL, "--study", "first")[0] == 0
    (config,) = (path.name for path in Path("runs/first").iterdir() if len(path.name) == 12)
    start = ("--weights", f"first:{config[:4]}/0", "--freeze", "block2_pool")
    code, out, err = main("train", "cnn", *SMALL, "--study", "next", "--json", *start)
    assert code == 0, err
    (row,) = json.loads(out)["configurations"]
    path = Path(f"runs/first/{config}/search0/model.keras")
    assert row["hyperparameters"]["weights"] == weights.named(str(path))
    (record,) = Path("runs/next").glob("*/search0/record.json")
    assert json.loads(record.read_bytes())["host"]["start"]["anew"] == []
    code, _, err = main("train", "cnn", *SMALL, "--weights", f"first:{config}/1")
    assert (code, "No '1' in the runs of" in err) == (2, True)
    other = ("--image-size", "12", "--weights", str(path.parent))
    code, _, err = main("train", "cnn", *SMALL, *other)
    assert code == 0, err
    assert "started 2 layers; anew, as nothing there fits: dense1." in err
    assert np.isfinite(row["mean"])
