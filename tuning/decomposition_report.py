"""What a decomposition found, read from its log and logits: bias and variance of every loss."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kerascnn import attempt, training
from kerascnn.checks import subset_parts
from kerascnn.spec import Value
from tuning import begin, bias_variance, crossed, scores, summary, variance_sources
from tuning.bias_variance import Domingos
from tuning.crossed import Estimate
from tuning.decomposition import Crossing, crossings, shown, varied
from tuning.study import Study

# Scheme -> what `variance_sources.shown_share` calls it.
_DRAWS = {"disjoint": "disjoint", "bootstrap": "bootstrap", "subsample": "overlapping"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One configuration taken apart.

    Attributes:
        config_id: The configuration.
        family: Its family.
        hyperparameters: The settings that vary in the study.
        trained_on: Images in the smallest and in the largest training set that is used.
        distinct: The same, counting an image once that was drawn twice.
        shown_share: The share of the data's variance that such training sets show of a learner
            that acts like a mean; 1 for disjoint ones.
        subsets: The training sets that are used: those whose runs all finished.
        repeats: The seeds that are used, likewise.
        left_out: The other subsets, and seeds.
        failed: Runs that failed.
        reason: Why the first of them did; "" if none did.
        losses: "zero_one", "brier", "cross_entropy" -> part -> estimate; empty if fewer than 2 x 2
            runs are left.
        top_share: How much of the cross-entropy's variance the top 1 % of images hold; None where
            there is none.
        domingos_plug_in: The 0-1 loss around the majority vote, of all runs alike: a plug-in.
    """

    config_id: str
    family: str
    hyperparameters: dict[str, Value]
    trained_on: tuple[int, int]
    distinct: tuple[int, int]
    shown_share: float
    subsets: tuple[str, ...]
    repeats: tuple[int, ...]
    left_out: tuple[tuple[str, ...], tuple[int, ...]]
    failed: int
    reason: str
    losses: dict[str, dict[str, Estimate]]
    top_share: float | None
    domingos_plug_in: Domingos | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
    """A decomposition.

    Attributes:
        study: The study's name.
        split: The part of the data that the losses are of.
        images: How many images that is.
        scheme: How the training sets were drawn.
        rows: The configurations, in the order they were asked for.
    """

    study: str
    split: str
    images: int
    scheme: str
    rows: tuple[Row, ...]

    def to_json(self) -> dict[str, Any]:
        """Returns what `decompose --json` prints."""
        fields = dataclasses.asdict(self)
        return {("configurations" if n == "rows" else n): value for n, value in fields.items()}


def report(study: Study) -> Report:
    """Returns what a decomposition found so far.

    Raises:
        ValueError: If the study is none, or its data changed.
        RuntimeError: If of no configuration 2 x 2 runs finished.
    """
    if study.spec.made_by != "decompose":
        raise ValueError(f"{study.folder} was made by `{study.spec.made_by}`, not by `decompose`.")
    part = training.SCORED_PARTS[study.spec.phase][0]
    labels = np.load(study.folder / f"labels-{part}.npy")
    data = begin.data_of(study)
    found = crossings(study)
    names = varied(found)
    rows = tuple(_row(study, each, names, data, part, labels) for each in found)
    if rows and not any(row.losses for row in rows):
        reason = next((f" The first: {row.reason}" for row in rows if row.reason), "")
        raise RuntimeError(
            f"{study.folder}: no configuration has finished runs of 2 training sets with the same "
            f"2 seeds. {sum(row.failed for row in rows)} runs failed.{reason}"
        )
    return Report(
        study=study.name,
        split=part,
        images=len(labels),
        scheme=subset_parts(study.spec.training_sets[0])[2],
        rows=rows,
    )


def show_in_tensorboard(study: Study, found: Report) -> None:
    """Writes a scalar for every part of every loss, one summary a configuration.

    Raises:
        OSError: If the folder cannot be written or the disk is full.
    """
    several = len({row.family for row in found.rows}) > 1
    for each, row in zip(crossings(study), found.rows, strict=True):
        scalars = {
            f"summary/bias_variance/{loss}/{part}": estimate.value
            for loss, parts in row.losses.items()
            for part, estimate in parts.items()
        }
        if scalars:
            label = {**({"family": each.config.family} if several else {}), **row.hyperparameters}
            runs = len(row.subsets) * len(row.repeats)
            summary.write_scalars(study.folder, each.config, runs, scalars, label)


def complete(finished: npt.NDArray[np.bool_]) -> tuple[list[int], list[int]] | None:
    """Returns the rows and columns to keep of a table of runs with holes, so that none is left.

    As few rows and columns go as can; of equally few those that cost the fewest runs. None where
    less than 2 x 2 would be left.
    """
    rows, columns = (np.flatnonzero(~finished.all(axis=axis)) for axis in (1, 0))
    if len(rows) > len(columns):  # The shorter list is quicker to go through.
        found = complete(finished.T)
        return None if found is None else (found[1], found[0])
    best: tuple[tuple[int, int], list[int], list[int]] | None = None
    for count in range(len(rows) + 1):
        for dropped in itertools.combinations(rows, count):
            kept = [row for row in range(len(finished)) if row not in dropped]
            whole = np.flatnonzero(finished[kept].all(axis=0)).tolist()
            cost = count + finished.shape[1] - len(whole), -len(kept) * len(whole)
            if min(len(kept), len(whole)) >= 2 and (best is None or cost < best[0]):
                best = cost, kept, whole
    return None if best is None else best[1:]


def _row(
    study: Study,
    each: Crossing,
    names: Sequence[str],
    data: Any,
    part: str,
    labels: npt.NDArray[np.integer[Any]],
) -> Row:
    subsets = study.spec.training_sets
    repeats = _repeats(each)
    used, seeds = in_full(study, each)
    size, others = each.config.train_size, [subset for subset in subsets if subset not in used]
    drawn = [data.training(size, *subset_parts(subset)) for subset in used or subsets]
    sizes = [len(indices) for indices in drawn]
    distinct = [len(np.unique(indices)) for indices in drawn]
    return Row(
        config_id=each.config.config_id,
        family=each.config.family,
        hyperparameters=shown(each, names),
        trained_on=(min(sizes), max(sizes)),
        distinct=(min(distinct), max(distinct)),
        shown_share=variance_sources.shown_share(
            _DRAWS[subset_parts(subsets[0])[2]], max(sizes), len(data.training(size))
        ),
        subsets=used,
        repeats=seeds,
        left_out=(tuple(others), tuple(r for r in repeats if r not in seeds)),
        failed=sum(run.status == "failed" for run in each.runs.values()),
        reason=each.reason,
        **_parts(study, each, used, seeds, part, labels),
    )


def losses(study: Study) -> dict[str, dict[str, dict[str, Estimate]]]:
    """Returns configuration -> loss -> part -> estimate: what `report` says, without the data.

    Those of which fewer than 2 x 2 runs are left, or whose logits are unreadable, have no losses.
    """
    part = training.SCORED_PARTS[study.spec.phase][0]
    labels = scores.read_labels(scores.labels_file(study.folder, part))
    found: dict[str, dict[str, dict[str, Estimate]]] = {}
    for each in crossings(study):
        subsets, repeats = in_full(study, each)
        runs = [(study.folder, each.runs[s, r].spec) for s in subsets for r in repeats]
        files = scores.logits_files(runs, part) if runs else []
        taken: dict[str, dict[str, Estimate]] = {}
        if labels is not None and files and not scores.problems(labels, files):
            taken = _parts(study, each, subsets, repeats, part, labels)["losses"]
        found[each.config.config_id] = taken
    return found


def _repeats(each: Crossing) -> list[int]:
    return sorted({repeat for _, repeat in each.runs})


def in_full(study: Study, each: Crossing) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Returns the training sets and the seeds whose runs all finished; none if not 2 x 2 did."""
    subsets, repeats = study.spec.training_sets, _repeats(each)
    done = {cell for cell, run in each.runs.items() if run.status == "finished"}
    table = np.array([[(subset, repeat) in done for repeat in repeats] for subset in subsets])
    rows, columns = (complete(table) if repeats else None) or ([], [])
    return tuple(subsets[row] for row in rows), tuple(repeats[column] for column in columns)


def _parts(
    study: Study,
    each: Crossing,
    subsets: Sequence[str],
    repeats: Sequence[int],
    part: str,
    labels: npt.NDArray[np.integer[Any]],
) -> dict[str, Any]:
    """Returns the fields of a `Row` that its logits give."""
    if not subsets:
        return {"losses": {}, "top_share": None, "domingos_plug_in": None}
    runs = [[each.runs[subset, repeat].spec for repeat in repeats] for subset in subsets]
    logits = np.stack([np.stack([_logits(study, spec, part) for spec in row]) for row in runs])
    losses: Mapping[str, dict[str, Estimate] | None] = {
        name: crossed.estimates(decompose, logits, labels)
        for name, decompose in crossed.LOSSES.items()
    }
    entropy = crossed.by_image(crossed.cross_entropy, logits, labels)
    votes = logits.argmax(axis=-1).reshape(-1, len(labels))
    return {
        "losses": losses,
        "top_share": entropy and bias_variance.top_share(entropy.variance),
        "domingos_plug_in": bias_variance.domingos(votes, labels),
    }


def _logits(study: Study, spec: Any, part: str) -> Any:
    return np.load(attempt.run_dir(study.folder, spec) / f"logits-{part}.npy")
