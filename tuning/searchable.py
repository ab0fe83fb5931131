"""What can be searched of a family: its space, less what is fixed; its published variants."""

from collections.abc import Mapping

from kerascnn import registry
from kerascnn.spec import RunSpec, Value, default_of, settings, value_of
from tuning import space as spaces
from tuning.space import Space
from tuning.spaces import _training


def space_of(
    family: str, fixed: Mapping[str, Value], vary: Mapping[str, spaces.Domain | str]
) -> Space:
    """Returns the family's space, less what is fixed, with the domains of `vary` in place.

    A family without a file in `tuning/spaces` has the training settings, and what a `SPACE` of
    its own names, as text: `SPACE = {"filters": "8:64:8"}`.

    Raises:
        ValueError: If a name is no setting of the family, or a domain has a value it cannot take.
    """
    if both := [name for name in vary if name in fixed]:
        raise ValueError(f"A setting is fixed or varied, not both. Received both for: {both[0]}")
    space: dict[str, spaces.Domain] = {}
    own: Mapping[str, str] = {}
    if family in registry.names("tuning.spaces"):
        space |= registry.load("tuning.spaces", family).SPACE
    else:
        space |= _training.TRAINING
        own = registry.constant("kerascnn.models", family, "SPACE", {})
    for name, domain in {**own, **vary}.items():
        if name not in settings(family):
            raise ValueError(registry.unknown(f"the settings of {family}", name, settings(family)))
        if isinstance(domain, str):
            domain = spaces.parse(domain, default_of(family, name))
        space[name] = domain
    base, kept = RunSpec(family=family, dataset=""), [name for name in space if name not in fixed]
    return {name: _checked(base, name, space[name]) for name in kept}


def preset_of(family: str, preset: str | None) -> dict[str, Value]:
    """Returns the hyperparameters of a published variant; none for None.

    Raises:
        ValueError: If the family has no such preset.
    """
    if preset is None:
        return {}
    known = registry.constant("kerascnn.models", family, "PRESETS", {})
    if preset not in known:
        raise ValueError(registry.unknown(f"the presets of {family}", preset, known))
    return dict(known[preset])


def _checked(base: RunSpec, name: str, domain: spaces.Domain) -> spaces.Domain:
    """Refuses a domain with an end that the setting cannot take, and writes choices as runs do."""
    ends = [value_of(base.configure({name: value}), name) for value in spaces.ends(domain)]
    return spaces.Choice(*ends) if isinstance(domain, spaces.Choice) else domain
