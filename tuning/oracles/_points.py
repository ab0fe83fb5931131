"""What oracles of any kind need of points: which are untried, and what a failed one counts."""

import hashlib
import random
from collections.abc import Iterable, Mapping

from kerascnn.spec import Value
from tuning import space as spaces
from tuning.space import Space

# Draws of an already tried point before an untried one is searched for.
COLLISIONS = 50


def worst_of(scores: Iterable[float | None], *, maximize: bool) -> float:
    """Returns the worst score seen, which a failed trial counts as; 0 before there is one."""
    known = [score for score in scores if score is not None]
    return (min if maximize else max)(known, default=0.0)


def is_exhausted(space: Space, tried: int) -> bool:
    """Returns whether a space has no point left once `tried` distinct ones were tried."""
    count = spaces.size(space)
    return not space or (count is not None and tried >= count)


def untried(
    space: Space, tried: Iterable[Mapping[str, Value]], rng: random.Random
) -> dict[str, Value] | None:
    """Returns a point never tried, or None: the space is exhausted, or without end."""
    count = spaces.size(space)
    if count is None:
        return None
    keys = {key(point, space) for point in tried}
    start = rng.randrange(count)
    for index in range(count):
        point = spaces.nth(space, (start + index) % count)
        if key(point, space) not in keys:
            return point
    return None


def derive(seed: int, trial: int) -> int:
    """Returns the random state of an ask: 1 to 2**31, from (seed, trial) alone."""
    digest = hashlib.sha256(f"{seed}/{trial}".encode()).digest()
    return (int.from_bytes(digest[:4], "big") >> 1) + 1


def key(values: Mapping[str, Value], space: Space) -> tuple[Value, ...]:
    """Returns the values of a point in the order of the space: what tells points apart."""
    return tuple(values[name] for name in space)
