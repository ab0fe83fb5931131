"""How often each image is right over runs, and on which images runs disagree.

A run is a vote. Configurations weigh the same, however many runs they have: a share is the mean
over configurations of the share of their runs, and two votes are compared with that weight. Else
a configuration that a race gave many seeds would say what is hard for all.
"""

import collections
import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kerascnn.record import RunRecord
from tuning import gathered, scores
from tuning.measures import Array, Votes
from tuning.study import Study

# Votes, or counts, that are held at once in counting.
_BLOCK = 2**21
# Digits to which images are told apart: equal votes give sums that differ in the last bits.
_DIGITS = 12
# Configuration -> its runs.
Voters = Mapping[str, Sequence[RunRecord]]


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Answers:
    """What runs answered, image by image of a part.

    Attributes:
        runs: How many voted.
        configurations: Of how many configurations they are.
        labels: int (images,).
        right: int (images,), in how many runs it was right.
        share: float (images,), the share of runs that were right, configurations alike.
        wrong: int (images,), the most frequent wrong answer, of several the first class; -1: none.
        disagreement: float (images,), the variance of the votes; 0 for one run.
        left_out: What is wrong with which run's file, a phrase each.
    """

    runs: int
    configurations: int
    labels: npt.NDArray[np.integer[Any]]
    right: npt.NDArray[np.int64]
    share: Array
    wrong: npt.NDArray[np.int64]
    disagreement: Array
    left_out: tuple[str, ...] = ()

    def contested(self) -> npt.NDArray[np.int64]:
        """Returns the images on which runs disagree, the most contested first, else by place."""
        order = np.argsort(-self.disagreement, kind="stable")
        return order[self.disagreement[order] > 0]

    def often_wrong(self) -> npt.NDArray[np.int64]:
        """Returns the images on which any run was wrong, most of them first.

        Of equals those come first on whose wrong answer runs agree, as on a wrong label; else they
        go by place.
        """
        order = np.lexsort((self.disagreement, self.share))
        return order[self.right[order] < self.runs]


def of_votes(
    votes: Votes, groups: Sequence[str], labels: npt.NDArray[np.integer[Any]], classes: int
) -> Answers:
    """Counts votes.

    Args:
        votes: Class numbers (runs, images), at least one run.
        groups: The configuration of each run.
        labels: (images,).
        classes: How many there are.

    The variance is half the weighted share of pairs of runs that disagree. Where configurations
    have one number of runs it is Kohavi and Wolpert's, unbiased: `bias_variance.kohavi_wolpert`.
    """
    runs, images = votes.shape
    sizes = collections.Counter(groups)
    weights = np.array([1 / (len(sizes) * sizes[group]) for group in groups])
    right, wrong = np.zeros(images, np.int64), np.full(images, -1)
    share, disagreement = np.zeros(images), np.zeros(images)
    pairs = 1 - (weights**2).sum()
    step = max(1, _BLOCK // max(runs, classes))
    for start in range(0, images, step):
        block = slice(start, start + step)
        truth, rows = labels[block], np.arange(len(labels[block]))
        counts = _counts(votes[:, block], classes, None)
        weighed = _counts(votes[:, block], classes, weights)
        right[block], share[block] = counts[rows, truth], weighed[rows, truth]
        if runs > 1:
            disagreement[block] = (1 - (weighed**2).sum(axis=1)) / 2 / pairs
        counts[rows, truth] = 0
        wrong[block] = np.where(counts.any(axis=1), counts.argmax(axis=1), -1)
    return Answers(
        runs=runs,
        configurations=len(sizes),
        labels=labels,
        right=right,
        share=np.round(share, _DIGITS),
        wrong=wrong,
        disagreement=np.round(disagreement, _DIGITS) + 0.0,
    )


def _counts(votes: Votes, classes: int, weights: Array | None) -> npt.NDArray[Any]:
    """Returns (images, classes): how many runs, or what weight of them, gave an image a class."""
    images = votes.shape[1]
    cells = (np.arange(images) * classes + votes).ravel()
    each = None if weights is None else np.repeat(weights, images)
    return np.bincount(cells, each, images * classes).reshape(images, classes)


def voters(study: Study, part: str, configs: Sequence[str]) -> Voters:
    """Returns configuration -> its finished runs that went furthest, of those that have any.

    Args:
        study: The study.
        part: The part that is asked about; it says of which phase the runs are.
        configs: The configurations that vote.
    """
    phase = gathered.phase_of(study, part)
    found: dict[str, list[RunRecord]] = {config: [] for config in configs}
    for config, record in study.identified():
        if config in found and record.status == "finished" and record.spec.phase == phase:
            found[config].append(record)
    reach = {c: max(r.spec.last_epoch for r in runs) for c, runs in found.items() if runs}
    return {
        config: [record for record in found[config] if record.spec.last_epoch == last]
        for config, last in reach.items()
    }


def mark(runs: Voters) -> str:
    """Returns what tells these runs from others."""
    told = sorted(
        f"{config}/{record.spec.run_name}@{record.spec.last_epoch}"
        for config, records in runs.items()
        for record in records
    )
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]


def read(study: Study, part: str, runs: Voters) -> Answers:
    """Returns what runs answered, from their logits: a run whose file is damaged has no vote.

    Args:
        study: The study.
        part: A part of the data.
        runs: Of `voters`.

    Raises:
        ValueError: If no run has any, or the labels are missing.
    """
    labels = scores.read_labels(scores.labels_file(study.folder, part))
    if labels is None or not len(labels) or labels.min() < 0:
        raise ValueError(f"{study.name} does not keep the labels of {part}.")
    votes, groups, left_out, classes = [], [], [], 0
    for config, records in runs.items():
        for file in scores.logits_files([(study.folder, r.spec) for r in records], part):
            try:
                answered, known = scores.votes(labels, file)
            except ValueError as error:
                left_out.append(str(error))
                continue
            votes.append(answered)
            groups.append(config)
            classes = max(classes, known)
    if not votes:
        why = f": {left_out[0]}" if left_out else ""
        raise ValueError(f"No run has left its answers on {part}{why}.")
    found = of_votes(np.stack(votes), groups, labels, classes)
    return dataclasses.replace(found, left_out=tuple(left_out))
