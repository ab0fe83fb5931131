"""The memory of a process: its peak begins anew where the system lets it."""

import sys

import numpy as np
import pytest

from kerascnn import memory

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="Linux tells its peak")


@LINUX
def test_a_peak_is_of_what_came_since_it_was_forgotten() -> None:
    size = 200_000_000
    memory.forget_peak()
    before = memory.peak()
    big = np.ones(size, np.uint8)
    assert memory.peak() - before > size / 2
    del big
    memory.forget_peak()
    assert memory.peak() < before + size / 2
