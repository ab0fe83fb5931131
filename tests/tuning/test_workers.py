"""One, two and eight workers give the same table, whoever ends first."""

import dataclasses
import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerascnn import registry
from kerascnn.record import RunRecord
from kerascnn.spec import RunSpec
from tests import fake, killing
from tests.studies import board, essence
from tuning.search import Search
from tuning.study import Study, create, save_labels


@pytest.mark.parametrize("oracle", registry.names("tuning.oracles"))
def test_the_number_of_workers_changes_nothing(tmp_path: Path, oracle: str) -> None:
    spec = dataclasses.replace(killing.SPEC, oracle=oracle, trials=12)
    found = []
    for workers in (1, 2, 8):
        study = create(tmp_path / f"with{workers}", spec, {"versions": {}})
        for part in ("train", "validation"):
            save_labels(study.folder, part, np.zeros(3, np.int32))
        order = searched(study, workers)
        found.append((essence(study), board(study), order))
    assert found[0][:2] == found[1][:2] == found[2][:2]
    # On a busy machine two numbers of workers may end in one order.
    assert len({tuple(order) for *_, order in found}) > 1, "They ended in one order by chance."


def searched(study: Study, workers: int) -> list[str]:
    """Runs the study and returns its runs in the order in which they ended."""
    draw = random.Random(workers)
    order: list[str] = []

    def run(specs: Sequence[RunSpec], **options: Any) -> list[RunRecord]:
        time.sleep(0.03 * draw.random())
        order.extend(spec.run_id for spec in specs)
        return fake.run(specs, **options)

    with ThreadPoolExecutor(workers) as executor:
        Search(study, executor, workers=workers, run=run)()
    return order
