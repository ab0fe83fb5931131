"""How far maps agree: by hand, at its ends, and how often the interval holds the truth."""

import numpy as np
import pytest
from scipy import stats

from tuning import map_agreement
from tuning.map_agreement import Agreement

Array = np.ndarray


def _maps(seeds: int, images: int, share: float, seed: int = 0) -> Array:
    """Maps of which seeds have `share` in common, each image its own."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(1, images, 7, 7))
    own = rng.normal(size=(seeds, images, 7, 7))
    return np.sqrt(share) * common + np.sqrt(1 - share) * own


def test_identical_maps_agree_wholly() -> None:
    found = map_agreement.of(np.repeat(_maps(1, 5, 1), 4, axis=0))
    assert found.mean == pytest.approx(1)
    assert found.by_image == pytest.approx((1,) * 5)
    assert found.interval is None  # No width would be false certainty.
    assert found.null == pytest.approx(0, abs=0.1)


def test_independent_maps_do_not_agree() -> None:
    """49 pixels, 30 images, 10 pairs: a standard error near 0.01."""
    found = map_agreement.of(_maps(5, 30, 0))
    assert found.mean == pytest.approx(0, abs=0.04)
    assert found.null == pytest.approx(0, abs=0.04)
    assert len(found.pairs) == 10


def test_it_is_spearmans_correlation_with_ties() -> None:
    rng = np.random.default_rng(1)
    maps = rng.integers(0, 4, (2, 3, 4, 4))
    found = map_agreement.of(maps)
    expected = [stats.spearmanr(maps[0, i].ravel(), maps[1, i].ravel())[0] for i in range(3)]
    assert found.by_image == pytest.approx(expected)
    assert found.mean == found.pairs[0] == pytest.approx(np.mean(expected))
    others = [
        stats.spearmanr(maps[a, i].ravel(), maps[1 - a, j].ravel())[0]
        for a in (0, 1)
        for i in range(3)
        for j in range(3)
        if i != j
    ]
    assert found.null == pytest.approx(np.mean(others))
    assert found.interval is None


def test_what_all_images_share_is_in_the_null_too() -> None:
    middle = 5 * np.exp(-(np.linspace(-2, 2, 7)[:, None] ** 2) - np.linspace(-2, 2, 7) ** 2)
    found = map_agreement.of(_maps(4, 10, 0) + middle)
    assert found.mean is not None
    assert found.null is not None
    assert found.mean > 0.4
    assert found.null == pytest.approx(found.mean, abs=0.1)
    assert map_agreement.in_words(found).startswith("not told from")
    shared = map_agreement.of(_maps(4, 10, 0.8))
    assert map_agreement.in_words(shared) == "seeds agree, beyond what maps of other images share"


def test_maps_that_do_not_vary_are_in_no_mean() -> None:
    maps = _maps(3, 4, 0.5)
    maps[1, 2] = 0
    found = map_agreement.of(maps)
    assert found.constant == 1
    assert found.mean is not None
    nothing = map_agreement.of(np.zeros((3, 4, 5, 5)))
    assert nothing == Agreement(
        mean=None,
        interval=None,
        null=None,
        beyond=None,
        pairs=(None,) * 3,
        by_image=(None,) * 4,
        constant=12,
    )
    assert map_agreement.in_words(nothing) == "cannot be said: the maps do not vary"


def test_two_seeds_and_one_image_are_said() -> None:
    assert "it takes three seeds" in map_agreement.in_words(map_agreement.of(_maps(2, 4, 0.5)))
    alone = map_agreement.of(_maps(3, 1, 0.5))
    assert alone.null is None
    assert "nothing to hold it against" in map_agreement.in_words(alone)


@pytest.mark.parametrize(("seeds", "least"), [(3, 0.90), (5, 0.91)])
def test_the_interval_holds_the_mean_of_all_seeds(seeds: int, least: float) -> None:
    """300 studies whose seeds differ: below `least` by chance once in 500, if 94.5 % hold it."""
    rng = np.random.default_rng(2)
    weight = rng.uniform(0.2, 0.9, (4000, 1, 1))
    common = rng.normal(size=(1, 6, 36))

    def drawn(count: int) -> Array:
        chosen = rng.choice(weight, count)
        own = rng.normal(size=(count, 6, 36))
        return (chosen * common + np.sqrt(1 - chosen**2) * own).reshape(count, 6, 6, 6)

    truth = map_agreement.of(drawn(150)).mean
    held = 0
    for _ in range(300):
        interval = map_agreement.of(drawn(seeds)).interval
        assert interval is not None
        held += interval[0] <= truth <= interval[1]
    assert held / 300 >= least
