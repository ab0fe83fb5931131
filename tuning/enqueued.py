"""Points that were not asked for: the user's own, tried before an oracle is asked again.

They wait in the log, as `enqueued` events, and are done once there is a trial of their
configuration.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kerascnn import registry
from kerascnn.spec import Value, settings, value_of
from tuning.contender import Contender
from tuning.study import Study

Point = dict[str, Value]


def point_of(study: Study, values: Mapping[str, Value]) -> Point:
    """Returns the point that `values` make, with the study's own value of what they do not name.

    They may lie outside the space, and name settings that are not searched.

    Args:
        study: A search.
        values: Value by name of the setting; of several families, "family" too.

    Raises:
        ValueError: If the study is no search, there is no such family or setting, or a value is
            out of range.
    """
    if not study.spec.oracle or study.imported is not None:
        raise ValueError(f"{study.folder} is no search: no oracle tries points in it.")
    contender = _contender(study, values)
    given = {name: value for name, value in values.items() if name != "family"}
    if not given:
        raise ValueError("A point needs a setting: NAME=VALUE, such as filters=32.")
    for name in given:
        if name not in settings(contender.base.family):
            known = settings(contender.base.family)
            raise ValueError(registry.unknown(f"the settings of {contender.name}", name, known))
    if "epochs" in given and "epochs" not in contender.space:
        raise ValueError(
            f"All configurations of {study.folder} are trained for {contender.base.epochs} "
            f"epochs. Received: epochs={given['epochs']}"
        )
    return _whole(study, contender, given)


def add(study: Study, points: Sequence[tuple[Point, Mapping[str, Any]]]) -> list[Point]:
    """Puts points in line, and returns those that were not tried and did not wait already.

    Args:
        study: A search that nobody is running.
        points: What `point_of` returned, each with where it is from, which is kept beside it.

    Raises:
        ValueError: If another process is writing the study.
    """
    added = []
    with study.log:
        known = {study.configured(point).config_id for point in _known(study)}
        for point, origin in points:
            if (config := study.configured(point).config_id) in known:
                continue
            known.add(config)
            event = {"name": "enqueued", "point": point}
            study.log.append("event", {**event, **({"origin": dict(origin)} if origin else {})})
            added.append(point)
    return added


def origins(study: Study) -> list[dict[str, Any]]:
    """Returns where points that were put in line are from, those that are not typed."""
    return [line["origin"] for line in _events(study) if "origin" in line]


def trial_of(study: Study, point: Point) -> int | None:
    """Returns the first trial of the configuration that a point makes; None: there is none."""
    wanted = study.configured(point).config_id
    asks = (line for line in study.log.lines() if line["kind"] == "ask")
    found = (a["trial"] for a in asks if study.configured(a["point"]).config_id == wanted)
    return next(found, None)


def _contender(study: Study, values: Mapping[str, Value]) -> Contender:
    contenders = {each.name: each for each in study.spec.contenders}
    family = values.get("family")
    if family is None and len(contenders) > 1:
        raise ValueError(f"{study.folder} searches several: family={'|'.join(contenders)}.")
    if family is None:
        return study.spec.contenders[0]
    if family not in contenders:
        kind = f"the families of {study.folder}"
        raise ValueError(registry.unknown(kind, str(family), contenders))
    return contenders[str(family)]


def _whole(study: Study, contender: Contender, given: Mapping[str, Value]) -> Point:
    """Returns the point with every setting of the space, each of the type that runs have."""
    config = contender.base.configure(given)
    beside = [
        name
        for name in given
        if name not in contender.space and value_of(config, name) != value_of(contender.base, name)
    ]
    values = {name: value_of(config, name) for name in (*contender.space, *beside)}
    return study.spec.point(contender, values)


def _known(study: Study) -> Iterator[Point]:
    """Yields the points that were tried, or wait."""
    for line in study.log.lines():
        if line["kind"] == "ask" or (line["kind"] == "event" and line["name"] == "enqueued"):
            yield line["point"]


def _events(study: Study) -> list[dict[str, Any]]:
    events = (line for line in study.log.lines() if line["kind"] == "event")
    return [line for line in events if line["name"] == "enqueued"]
