"""The benchmark of a worker's memory, run small."""

import itertools
import os

import pytest

from benchmarks import memory as benchmark


@pytest.mark.slow
def test_it_weighs_a_worker() -> None:
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    [(number, size)] = benchmark.resident(10, "compiled", backend)
    assert number == 10
    assert size > 50 * 2**20


def test_no_two_networks_in_a_row_are_alike() -> None:
    networks = [benchmark.spec_of(number).hyperparameters for number in range(300)]
    assert all(a != b for a, b in itertools.pairwise(networks))
    assert len({benchmark.spec_of(number).config_id for number in range(300)}) > 150
