"""Images that belong together by a pattern in their paths."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from kerascnn import datasets
from kerascnn.datasets import _cache, _groups, _split
from kerascnn.datasets._arrays import Dataset
from kerascnn.datasets._groups import Groups

MODULE = """
import numpy as np
from kerascnn.datasets._arrays import Images

def read(source, *, image_size, skip_bad, scratch):
    images = np.random.default_rng(0).integers(0, 256, (40, 4, 4, 1), np.uint8)
    names = tuple(f"p{index // 4}/{index}.dcm" for index in range(40))
    return Images(images=images, labels=np.arange(40) % 2, names=names)
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KERASCNN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def _find(names: Sequence[str], pattern: str, copies: Any = None) -> Groups:
    copies = np.arange(len(names)) if copies is None else np.asarray(copies)
    return _groups.find(names, copies, _groups.compiled(pattern), "mine")


@pytest.mark.parametrize(
    ("pattern", "firsts"),
    [
        (r"IMG_(\d+)_\d+", [0, 0, 2, 3, 4]),
        (r"IMG_(\d+)_(\d+)", [0, 1, 2, 3, 4]),
        (r"\d+_", [0, 0, 2, 3, 4]),  # Without groups, the whole match.
        (r"^(\w+)/", [0, 0, 2, 0, 2]),  # With `/` and the class folder.
        (r"IMG_0*(\d)_|pic(\d)", [0, 0, 2, 0, 4]),  # What took no part does not count.
        (r"G_(0?)(0?1?)", [0, 0, 2, 3, 4]),
    ],
)
def test_the_key_is_what_is_captured(pattern: str, firsts: list[int]) -> None:
    names = ["a/IMG_01_1.png", "a/IMG_01_2.png", "b/IMG_12_1.png", "a/pic1.png", "b/other.png"]
    np.testing.assert_array_equal(_find(names, pattern).firsts, firsts)


def test_captures_do_not_run_into_each_other() -> None:
    names = ["p1_23", "p12_3", "p1_23"]
    np.testing.assert_array_equal(_find(names, r"p(\d+)_(\d+)").firsts, [0, 1, 0])


def test_copies_and_keys_join_in_chains() -> None:
    # 3 is a copy of 1, which has the key of 0; 4 has that of 3; 5 matches nothing, 6 is its copy.
    names = ["a1", "a2", "b1", "c1", "c2", "-", "-"]
    found = _find(names, "[abc]", copies=[0, 1, 2, 1, 4, 5, 5])
    np.testing.assert_array_equal(found.firsts, [0, 0, 2, 0, 0, 5, 5])
    assert found.notes == (
        "Groups made by --group-by '[abc]': 3, the largest of 4 images.",
        "Images that --group-by '[abc]' does not match: 2; each is a group of its own.",
    )


def test_a_pattern_that_joins_nothing_is_said() -> None:
    (note,) = _find(["a/1.png", "a/2.png", "a/3.png"], r"(\d)").notes
    assert note == r"--group-by '(\d)' joins nothing: every image it matches has a key of its own."


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("a(b", r"^--group-by 'a\(b' must be a regular expression. Received: missing \)"),
        ("a\n(", r"^--group-by 'a\\n\(' must be a"),
        ("IMG", r"'IMG' is found in 0 of 300 paths. It is not found in: 'cat/0.png'$"),
        ("cat/[012].png", r"is found in 3 of 300 paths. It is not found in: 'cat/3.png'$"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_one_line(pattern: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        _find([f"cat/{index}.png" for index in range(300)], pattern)
    assert "\n" not in str(caught.value)


def test_a_single_match_is_none() -> None:
    with pytest.raises(ValueError, match="is found in 1 of 5 paths"):
        _find(list("abcde"), "a")


def _divide(
    labels: Any, firsts: Any, is_test: Any = None, copies: Any = None, seed: int = 0
) -> _split.Division:
    labels = np.asarray(labels, np.int32)
    return _split.divide(
        labels,
        np.arange(len(labels)) if copies is None else np.asarray(copies),
        None if is_test is None else np.asarray(is_test, bool),
        class_names=tuple("abcdefgh"[: labels.max() + 1]),
        seed=seed,
        groups=Groups(firsts=np.asarray(firsts), made_by="--group-by 'x'", notes=("Hi.",)),
    )


def _firsts(keys: Any) -> Any:
    _, firsts, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return firsts[inverse]


def _random(rng: np.random.Generator) -> tuple[Any, Any]:
    """Returns labels and groups of 2 to 5 classes, 16 to 40 groups a class; some groups mixed."""
    classes = int(rng.integers(2, 6))
    count = classes * int(rng.integers(16, 41))
    sizes = rng.integers(1, rng.choice([3, 9, 30]), count)
    keys = np.repeat(np.arange(count), sizes)
    mixed = rng.random(len(keys)) < rng.choice([0, 0.2, 0.8])
    labels = np.where(mixed, rng.integers(0, classes, len(keys)), keys % classes)
    order = rng.permutation(len(keys))
    return labels[order], _firsts(keys[order])


@pytest.mark.parametrize("seed", range(60))
def test_no_group_is_split_and_shares_are_kept(seed: int) -> None:
    labels, firsts = _random(np.random.default_rng(seed))
    parts = _divide(labels, firsts, seed=seed).parts
    part_of = np.empty(len(labels), "<U12")
    for name, part in parts.items():
        part_of[part] = name
    np.testing.assert_array_equal(part_of, part_of[firsts])
    assert sum(map(len, parts.values())) == len(labels)
    for label in np.unique(labels):
        members = np.bincount(firsts[labels == label])
        for name, share in _split._SHARES.items():
            held = int((labels[parts[name]] == label).sum())
            assert held > 0
            # Within the largest group, which must go somewhere.
            assert abs(held - share * members.sum()) <= members.max()


def test_groups_of_one_image_reach_the_shares() -> None:
    parts = _divide([0] * 200 + [1] * 300, np.arange(500)).parts
    sizes = {name: len(part) for name, part in parts.items()}
    assert sizes == {"train": 280, "validation": 60, "confirmation": 60, "test": 100}


def _can_be_dealt(classes: list[int], parts: int, all_classes: int) -> bool:
    """Tries everything; the classes of a group, and of what a part holds, are bits."""
    reached = {(0,) * parts}
    for group in classes:
        reached |= {
            tuple(sorted((*state[:part], state[part] | group, *state[part + 1 :])))
            for state in reached
            for part in range(parts)
        }
    return (all_classes,) * parts in reached


def test_whatever_can_be_dealt_is_dealt() -> None:
    rng = np.random.default_rng(0)
    outcomes = []
    while len(outcomes) < 150:
        has = rng.random((rng.integers(4, 9), 3)) < 0.6
        if not set(has.sum(axis=0)) <= {4, 5}:
            continue
        group, label = np.nonzero(has)
        bits = [int(mask) for mask in has @ [1, 2, 4]]
        outcomes.append(_can_be_dealt(bits, 4, 7))
        if outcomes[-1]:
            for part in _divide(label, _firsts(group)).parts.values():
                assert set(label[part].tolist()) == {0, 1, 2}
        else:
            with pytest.raises(ValueError, match="cannot be divided so that every part has"):
                _divide(label, _firsts(group))
    assert 10 < sum(outcomes) < 140


def test_the_division_depends_on_its_seed_alone() -> None:
    labels, firsts = _random(np.random.default_rng(1))
    np.random.seed(1)
    first = _divide(labels, firsts)
    np.random.seed(2)
    again, other = _divide(labels, firsts), _divide(labels, firsts, seed=1)
    for name, part in first.parts.items():
        np.testing.assert_array_equal(part, again.parts[name])
    assert not np.array_equal(first.parts["test"], other.parts["test"])


def test_large_groups_are_not_always_trained_on() -> None:
    sizes = np.tile(np.arange(1, 11), 8)
    keys = np.repeat(np.arange(80), sizes)
    labels = keys // 10 % 2
    trained_on = []
    for seed in range(20):
        train = _divide(labels, _firsts(keys), seed=seed).parts["train"]
        trained_on += sizes[np.unique(keys[train])].tolist()
    # 56 % of 20 x 24 groups; 1 in 1e5 to be off so far by chance, if all were alike: sd is 0.023.
    assert np.mean(np.array(trained_on) > 7) * len(trained_on) / 480 == pytest.approx(0.56, abs=0.1)


@pytest.mark.parametrize(
    ("firsts", "message"),
    [
        ([*range(20), *[20] * 10, *[30] * 10], "class 'b' that are to be divided in 2 groups."),
        ([*range(20), *[20] * 20], "class 'b' that are to be divided in 1 group."),
        ([0] * 40, "class 'a' that are to be divided in 1 group."),
    ],
)
def test_a_class_in_too_few_groups_is_refused(firsts: list[int], message: str) -> None:
    needed = "At least 4 are needed: one each for test, validation, confirmation, train."
    sentence = f"--group-by 'x' puts the 20 images of {message} {needed}"
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        _divide([0] * 20 + [1] * 20, firsts)


def test_a_class_almost_wholly_in_few_groups_is_refused() -> None:
    firsts = _firsts(np.repeat(np.arange(30), [400, 400, 400, 2, 2, *[1] * 25]))
    labels = np.repeat([0, 1], [1204, 25])
    with pytest.raises(ValueError, match=r"1,204 images of class 'a' .* 5 groups, 1,200 of"):
        _divide(labels, firsts)


def test_uneven_parts_are_said() -> None:
    # One group holds 90 of the 110 images of class a.
    firsts = _firsts(np.concatenate([[0] * 90, np.arange(1, 21), np.arange(21, 101)]))
    division = _divide([0] * 110 + [1] * 80, firsts)
    assert division.notes[0] == "Hi."
    found = re.fullmatch(
        r"Groups are kept whole, so parts are uneven: (\w+) has (\d) of the 110 images of class "
        r"'a', where its share would be (\d+)\.",
        division.notes[1],
    )
    assert found
    assert sum(division.parts[found[1]] < 110) == int(found[2])
    assert int(found[3]) == round(110 * _split._SHARES[found[1]])


def test_groups_of_test_images_are_left_out_of_training() -> None:
    labels = np.arange(80) % 2
    keys = np.arange(80)
    keys[[3, 4, 5]] = 71  # Three are of the group of a test image, one is a copy of another.
    copies = np.arange(80)
    keys[74] = copies[74] = 6
    is_test = np.arange(80) >= 60
    division = _divide(labels, _firsts(keys), is_test, copies)
    np.testing.assert_array_equal(division.parts["test"], np.arange(60, 80))
    used = np.concatenate(list(division.parts.values()))
    assert sorted(set(range(80)) - set(used.tolist())) == [3, 4, 5, 6]
    assert division.notes == (
        "Hi.",
        "Training images left out, as the test set holds exact copies of them: 1.",
        "Training images left out, as the test set holds others of their groups: 3.",
    )


def test_a_test_set_of_the_same_groups_leaves_nothing_to_train_on() -> None:
    is_test = np.arange(40) >= 20
    message = (
        "puts the 0 images of class 'a' .* in 0 groups. At least 3 are needed: one each for "
        "validation, confirmation, train. 20 are left out, as test images are of their groups."
    )
    with pytest.raises(ValueError, match=message):
        _divide(np.arange(40) % 2, _firsts(np.arange(40) % 10), is_test)


def _bursts(root: Path, bursts: int = 6, shots: int = 3, seed: int = 0) -> str:
    """Makes bursts of noisy shots of one image, numbered through both classes."""
    rng = np.random.default_rng(seed)
    for number, name in enumerate(("cat", "dog")):
        (root / name).mkdir(parents=True)
        for burst in range(number, 2 * bursts, 2):
            image = rng.integers(0, 200, (6, 6, 3), dtype=np.uint8)
            for shot in range(shots):
                noisy = image + rng.integers(0, 9, image.shape, dtype=np.uint8)
                Image.fromarray(noisy).save(root / name / f"IMG_{burst:03d}_{shot}.png")
    return str(root)


def _numbers(data: Dataset, folder: str, pattern: str) -> dict[str, set[str]]:
    """Returns for each part which keys its images have."""
    paths = sorted(path.relative_to(folder).as_posix() for path in Path(folder).glob("*/*"))
    keys = np.array([match[1] if (match := re.search(pattern, path)) else "" for path in paths])
    return {name: set(keys[part].tolist()) for name, part in data.parts.items()}


def test_bursts_stay_on_one_side(tmp_path: Path) -> None:
    folder, pattern = _bursts(tmp_path / "photos"), r"IMG_(\d+)_\d+"
    apart = _numbers(datasets.load(folder), folder, pattern)
    assert apart["train"] & apart["test"]  # Else this shows nothing.
    data = datasets.load(folder, group_by=pattern)
    together = _numbers(data, folder, pattern)
    assert sum(map(len, together.values())) == len(set.union(*together.values())) == 12
    assert rf"Groups made by --group-by '{pattern}': 12, the largest of 3 images." in data.notes


def test_a_patient_with_both_findings_stays_on_one_side(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("healthy", "ill"):
        (tmp_path / "scans" / name).mkdir(parents=True)
        for patient in range(10):
            for scan in range(rng.integers(1, 4)):
                pixels = rng.integers(0, 256, (6, 6), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / "scans" / name / f"p{patient}-{scan}.png")
    folder = str(tmp_path / "scans")
    data = datasets.load(folder, group_by=r"p(\d+)-")
    patients = _numbers(data, folder, r"p(\d+)-")
    assert sum(map(len, patients.values())) == 10
    for part in data.parts.values():
        assert set(data.labels[part].tolist()) == {0, 1}


def test_the_side_of_an_official_test_set_is_in_the_path(tmp_path: Path) -> None:
    _bursts(tmp_path / "photos" / "train")
    _bursts(tmp_path / "photos" / "test", bursts=3, seed=1)
    folder = str(tmp_path / "photos")
    for pattern, left_out in ((r"IMG_(\d+)_", 18), (r"(\w+)/\w+/IMG_(\d+)_", 0)):
        data = datasets.load(folder, group_by=pattern)
        assert len(data.parts["test"]) == 18
        assert sum(map(len, data.parts.values())) == 54 - left_out
        said = any(f"holds others of their groups: {left_out}" in note for note in data.notes)
        assert said == bool(left_out)


def test_another_pattern_divides_again_and_decodes_nothing(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _bursts(tmp_path / "photos")
    first = datasets.load(folder)
    monkeypatch.setattr(_cache, "_build", None)
    by_burst, by_pair = (datasets.load(folder, group_by=p) for p in (r"IMG_(\d+)", r"_0\d(\d)"))
    assert len({first.fingerprint, by_burst.fingerprint, by_pair.fingerprint}) == 3
    monkeypatch.setattr(_cache._split, "divide", None)
    again = datasets.load(folder, group_by=r"IMG_(\d+)")
    assert (again.fingerprint, again.notes) == (by_burst.fingerprint, by_burst.notes)
    assert datasets.load(folder).fingerprint == first.fingerprint
    assert len(list(cache.glob("*/parts-0*.npz"))) == 3


def test_images_left_out_take_their_names_along(tmp_path: Path) -> None:
    folder, pattern = _bursts(tmp_path / "photos"), r"IMG_(\d+)_"
    damaged = Path(folder, "cat", "IMG_000_1.png")
    damaged.write_bytes(b"")
    data = datasets.load(folder, group_by=pattern, skip_bad=True)
    damaged.unlink()
    together = _numbers(data, folder, pattern)
    assert sum(map(len, together.values())) == 12


def test_a_module_that_names_its_images_can_be_grouped(tmp_path: Path) -> None:
    path = tmp_path / "scans.py"
    path.write_text(MODULE)
    data = datasets.load(str(path), group_by=r"^p(\d+)/")
    patients = [set((part // 4).tolist()) for part in data.parts.values()]
    assert sum(map(len, patients)) == len(set.union(*patients)) == 10


def test_a_broken_pattern_is_refused_before_anything_is_read(cache: Path) -> None:
    with pytest.raises(ValueError, match="must be a regular expression"):
        datasets.load("synthetic", group_by="(")
    assert not cache.exists()
