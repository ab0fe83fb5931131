"""What to run: one frozen, JSON-able value that determines a training run."""

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

from kerascnn import registry

Value = int | float | str | bool

PHASES = ("search", "confirm", "final", "decompose")
OPTIMIZERS = ("adam", "adamw", "rmsprop", "sgd")
AUGMENTATIONS = ("none", "flip", "shift", "shift+flip")

# The data's fingerprint stands for all of these in an identity.
_DATA_FIELDS = ("dataset", "image_size", "split_seed", "skip_bad", "group_by")
# Which run of a configuration, and how far it went.
_RUN_FIELDS = ("phase", "subset", "repeat", "seed", "stop_epoch")


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunSpec:
    """One training run.

    Three groups of fields: the *configuration* (all up to `weight_decay`), *which run* of it
    (`phase` to `seed`), and its *reach* (`stop_epoch`).

    Attributes:
        family: A file of `kerascnn/models`, or the user's own (a path or a dotted module).
        code: The content hash of the user's own family; "" for one of ours.
        hyperparameters: Keyword arguments of the family's `build` that are not at their default.
        dataset: A file of `kerascnn/datasets`, an `.npz` file or a folder of class folders.
        fingerprint: SHA-256 of the data: pixels, labels and parts. It replaces the dataset's
            name and options in the identity; "" until the data were read.
        image_size: Side in pixels that images are resized to; 0: the dataset's own rule.
        split_seed: Seed of the division into train, validation, confirmation and test.
        skip_bad: Whether unreadable images are left out rather than refused.
        group_by: Regular expression that keeps images of one key in one part; "": none.
        train_size: Images to train on, a stratified sample; 0: all there are.
        epochs: Planned passes over the training images, at least 1.
        batch_size: Images per step, at least 1.
        optimizer: One of `OPTIMIZERS`, with Keras' defaults (sgd: momentum 0.9).
        learning_rate: Step size, above 0.
        weight_decay: Decoupled weight decay per step, times the learning rate; at least 0.
        augmentation: One of `AUGMENTATIONS`: shifts by up to an eighth of the side, zero filled,
            and left-right flips.
        phase: One of `PHASES`.
        subset: "all", or "disjoint:K/I": part I of K disjoint, stratified training parts.
        repeat: Which of the configuration's runs: 0, 1, ...
        seed: Of initial weights, order, augmentation and dropout: 31 bits.
        stop_epoch: Epochs to train, at most `epochs`; 0: all of them.
    """

    family: str
    dataset: str
    code: str = ""
    hyperparameters: Mapping[str, Value] = dataclasses.field(default_factory=dict)
    fingerprint: str = ""
    image_size: int = 0
    split_seed: int = 0
    skip_bad: bool = False
    group_by: str = ""
    train_size: int = 0
    epochs: int = 9
    batch_size: int = 64
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    augmentation: str = "none"
    phase: str = "search"
    subset: str = "all"
    repeat: int = 0
    seed: int = 0
    stop_epoch: int = 0

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name == "hyperparameters":
                plain: Any = {name: _plain(name, value[name]) for name in sorted(value)}
            else:
                plain = _typed(field.name, field.type, _plain(field.name, value))
            object.__setattr__(self, field.name, plain)
        self._check_ranges()

    def _check_ranges(self) -> None:
        for name, low in {
            "image_size": 0,
            "split_seed": 0,
            "train_size": 0,
            "epochs": 1,
            "batch_size": 1,
            "weight_decay": 0,
            "repeat": 0,
            "seed": 0,
            "stop_epoch": 0,
        }.items():
            if getattr(self, name) < low:
                raise ValueError(f"`{name} >= {low}` must hold. Received: {getattr(self, name)!r}")
        if not self.learning_rate > 0:
            raise ValueError(f"`learning_rate > 0` must hold. Received: {self.learning_rate!r}")
        if self.stop_epoch > self.epochs:
            raise ValueError(
                "`stop_epoch <= epochs` must hold. "
                f"Received: {self.stop_epoch=}, {self.epochs=}".replace("self.", "")
            )
        for name, known in {
            "optimizer": OPTIMIZERS,
            "augmentation": AUGMENTATIONS,
            "phase": PHASES,
        }.items():
            if getattr(self, name) not in known:
                raise ValueError(registry.unknown(name, str(getattr(self, name)), known))
        subset_parts(self.subset)

    def configure(self, values: Mapping[str, Value]) -> "RunSpec":
        """Returns a copy with `values` set: fields of ours first, the rest are the builder's.

        A hyperparameter at the builder's default is left out, so that naming a default does not
        make another configuration.

        Raises:
            ValueError: If a name is neither a field nor a keyword of the family's `build`, or a
                value is out of range.
        """
        family = str(values.get("family", self.family))
        defaults = registry.keywords("kerascnn.models", family, "build")
        kept = self.hyperparameters if family == self.family else {}
        hyperparameters = {**kept}
        fields: dict[str, Any] = {}
        for name, value in values.items():
            if name in CONFIGURABLE or name in ("family", "code"):
                fields[name] = value
            elif name in defaults:
                hyperparameters[name] = _like(name, defaults[name], value)
            else:
                raise ValueError(
                    registry.unknown(f"the settings of {family}", name, settings(family))
                )
        shown = {k: v for k, v in hyperparameters.items() if not _same(v, defaults[k])}
        if family != self.family:
            fields.setdefault("code", registry.code_hash("kerascnn.models", family))
        return dataclasses.replace(self, **{**fields, "hyperparameters": shown})

    def to_json(self) -> dict[str, Any]:
        """Returns the fields as JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "RunSpec":
        return cls(**fields)

    @property
    def data_options(self) -> dict[str, Any]:
        """The options of `datasets.load`, by name."""
        return {name: getattr(self, name) for name in _DATA_FIELDS if name != "dataset"}

    @property
    def last_epoch(self) -> int:
        """Epochs this run trains: `stop_epoch`, or all that are planned."""
        return self.stop_epoch or self.epochs

    @property
    def config_id(self) -> str:
        """Twelve hex digits naming the configuration: the same values on the same data.

        Fields at their default do not count, so a new field renames nothing old.
        """
        return _digest(self._identity())

    @property
    def run_id(self) -> str:
        """Twelve hex digits naming the run: configuration, phase, subset and seed."""
        run = {"phase": self.phase, "subset": self.subset, "seed": self.seed}
        return _digest({**self._identity(), **run})

    @property
    def run_name(self) -> str:
        """The run's folder in its configuration's: "search0", "decompose1-disjoint-4-0"."""
        subset = "" if self.subset == "all" else "-" + self.subset.translate(_IN_FILE_NAMES)
        return f"{self.phase}{self.repeat}{subset}"

    def repeated(self, study_seed: int, phase: str, repeat: int, subset: str = "all") -> "RunSpec":
        """Returns run `repeat` of this configuration, its seed derived and never chosen.

        The subset is not in the seed, so that subsets and seeds can be crossed; the phase is,
        so that confirmation seeds are fresh.
        """
        text = f"{study_seed}/{self.config_id}/{phase}/{repeat}"
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1
        return dataclasses.replace(self, phase=phase, repeat=repeat, subset=subset, seed=seed)

    def _identity(self) -> dict[str, Any]:
        hidden = {*_RUN_FIELDS, *(_DATA_FIELDS if self.fingerprint else ())}
        named = {f.name: f for f in dataclasses.fields(self) if f.name not in hidden}
        kept = {
            name: getattr(self, name)
            for name, field in named.items()
            if getattr(self, name) != field.default
        }
        if self.code:  # The content, not where the user keeps it.
            kept["family"] = self.family.rpartition("/")[2]
        return {**kept, "hyperparameters": dict(self.hyperparameters)}

    def __hash__(self) -> int:  # The generated one cannot hash the mapping.
        return hash(self.run_id)


# What `--set`, `--vary` and a space may name besides the builder's keywords.
CONFIGURABLE = (
    "train_size",
    "epochs",
    "batch_size",
    "optimizer",
    "learning_rate",
    "weight_decay",
    "augmentation",
)
_IN_FILE_NAMES = str.maketrans(":/", "--")


def settings(family: str) -> tuple[str, ...]:
    """Returns every name that can be set for `family`: the builder's keywords, then ours."""
    return (*registry.keywords("kerascnn.models", family, "build"), *CONFIGURABLE)


def default_of(family: str, name: str) -> Value:
    """Returns the value a setting has when nobody sets it."""
    if name in CONFIGURABLE:
        return {f.name: f.default for f in dataclasses.fields(RunSpec)}[name]  # type: ignore[return-value]
    value: Value = registry.keywords("kerascnn.models", family, "build")[name]
    return value


def value_of(spec: RunSpec, name: str) -> Value:
    """Returns the value of a setting in `spec`, defaults included."""
    if name in CONFIGURABLE or name == "family":
        value: Value = getattr(spec, name)
        return value
    if name in spec.hyperparameters:
        return spec.hyperparameters[name]
    return default_of(spec.family, name)


def subset_parts(subset: str) -> tuple[int, int]:
    """Returns (number of parts, which part) of a `subset`; "all" is part 0 of 1.

    Raises:
        ValueError: If `subset` is neither "all" nor "disjoint:K/I" with 0 <= I < K.
    """
    if subset == "all":
        return 1, 0
    scheme, _, numbers = subset.partition(":")
    count, _, part = numbers.partition("/")
    if scheme == "disjoint" and count.isdecimal() and part.isdecimal() and int(part) < int(count):
        return int(count), int(part)
    raise ValueError(f"`subset` must be 'all' or 'disjoint:K/I' with I < K. Received: {subset!r}")


def _plain(name: str, value: Any) -> Any:
    """Turns a NumPy scalar into Python's own, and refuses what JSON cannot hold."""
    value = value.item() if hasattr(value, "item") else value
    if not isinstance(value, Value):
        raise TypeError(
            f"`{name}` must be an int, a float, a string or a bool. Received: {value!r}"
        )
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"`{name}` must be finite. Received: {value!r}")
    return value


def _typed(name: str, expected: Any, value: Any) -> Any:
    if expected is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if expected is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if type(value) is not expected:
        raise ValueError(f"`{name}` must be of type {expected.__name__}. Received: {value!r}")
    return value


def _like(name: str, default: Any, value: Any) -> Any:
    """Gives `value` the type of the builder's default, so that 0 and 0.0 are one value."""
    value = _plain(name, value)
    return value if default is None else _typed(name, type(default), value)


def _same(value: Value, default: Value) -> bool:
    return type(value) is type(default) and value == default


def _digest(identity: Mapping[str, Any]) -> str:
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
