"""What to run: one frozen, JSON-able value that determines a training run."""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from kerascnn import checks, registry, weights

Value = int | float | str | bool

# The data's fingerprint stands for all of these in an identity.
_DATA_FIELDS = ("dataset", "image_size", "split_seed", "skip_bad", "group_by")
# Which run of a configuration, and how far it went.
_RUN_FIELDS = ("phase", "subset", "repeat", "seed", "stop_epoch")


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunSpec:
    """One training run.

    Three groups of fields: the *configuration* (all up to `freeze`), *which run* of it
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
        optimizer: One of `checks.OPTIMIZERS`, with Keras' defaults (sgd: momentum 0.9).
        learning_rate: Step size, above 0; with a schedule, the largest there is.
        schedule: One of `checks.SCHEDULES`, over the steps of all planned epochs. "cosine" falls
            from `learning_rate` to 0 (Loshchilov & Hutter, SGDR, ICLR 2017,
            arxiv.org/abs/1608.03983; without restarts). "one_cycle" rises to it from a 25th over
            the first 30 % of the steps, then falls to a 10,000th of where it began (Smith &
            Topin, Super-Convergence, 2018, arxiv.org/abs/1708.07120), both along half a cosine
            as in fastai and in PyTorch's OneCycleLR; momentum is left as it is.
        weight_decay: Decoupled weight decay per step, times the learning rate; at least 0.
        label_smoothing: Share of each label that is spread evenly over all classes, from 0 to
            below 1 (Szegedy et al., Rethinking the Inception Architecture, CVPR 2016,
            arxiv.org/abs/1512.00567). The validation loss stays plain cross-entropy.
        augmentation: "none", or some of `checks.AUGMENTATIONS` joined by "+", in any order.
            Drawn anew for every image and epoch: "shift" by up to an eighth of the side, zero
            filled; "flip", left to right, half the time; "rotation" by up to 15 degrees either
            way, bilinear, zero filled; "crop": a region of 64 to 100 % of the area, in the
            image's proportions, resized back, bilinear; "cutout": a square of half the shorter
            side set to 0, centred anywhere (DeVries & Taylor, 2017, arxiv.org/abs/1708.04552).
        patience: Stop once so many epochs have not brought the validation loss below its least,
            and end, stopped or not, with the weights of the epoch that had it, the first if two
            had (Prechelt, Early Stopping - But When?, 1998). 0: no stopping, and the weights of
            the last epoch.
        balance: One of `checks.BALANCES`, for classes of unequal size. "weights" weighs an
            image's loss by n / (classes * n_class) of the n images trained on, which is 1 on
            average (King & Zeng, 2001; scikit-learn's "balanced"). "sampling" shows as many
            images of every class in an epoch, n in all: those of a small class repeatedly, those
            of a large one in part, drawn anew for every epoch.
        precision: One of `checks.PRECISIONS`. "bfloat16" multiplies in bfloat16 and keeps weights,
            logits and loss in float32 (Micikevicius et al., Mixed Precision Training, ICLR 2018,
            arxiv.org/abs/1710.03740, in the type of Kalamkar et al., 2019,
            arxiv.org/abs/1905.12322, which needs no scaling of the loss).
        weights: "none", or a file that the layers before the logits start from, with the hash of
            its content, which stands for it in the identity; a path becomes that. See `starts`.
        freeze: "none", or the last layer that is not trained: it and all that lead to it stay as
            they start, normalizations with the statistics they start with.
        phase: One of `checks.PHASES`.
        subset: "all", or "disjoint:K/I": subset I of K, drawn in one of `checks.SCHEMES`
            or as `checks.DRAW`.
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
    schedule: str = "constant"
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    augmentation: str = "none"
    patience: int = 0
    balance: str = "none"
    precision: str = "float32"
    weights: str = weights.NONE
    freeze: str = "none"
    phase: str = "search"
    subset: str = "all"
    repeat: int = 0
    seed: int = 0
    stop_epoch: int = 0

    def __post_init__(self) -> None:
        values = vars(self)
        given = values["hyperparameters"]
        plain = {name: checks.plain(name, given[name]) for name in sorted(given)}
        object.__setattr__(self, "hyperparameters", plain)
        for field in _fields():
            value = values[field.name]
            # A log holds thousands: what is as it should be costs nothing more.
            if field.name != "hyperparameters" and not checks.is_plain(value, field.type):
                typed = checks.typed(field.name, field.type, checks.plain(field.name, value))
                object.__setattr__(self, field.name, typed)
        augmentation = checks.joined("augmentation", self.augmentation, checks.AUGMENTATIONS)
        object.__setattr__(self, "augmentation", augmentation)
        object.__setattr__(self, "weights", weights.named(self.weights))
        checks.ranges(vars(self))

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
                hyperparameters[name] = checks.like(name, defaults[name], value)
            else:
                raise ValueError(
                    registry.unknown(f"the settings of {family}", name, settings(family))
                )
        shown = {k: v for k, v in hyperparameters.items() if not checks.same(v, defaults[k])}
        if family != self.family:
            fields.setdefault("code", registry.code_hash("kerascnn.models", family))
        return dataclasses.replace(self, **{**fields, "hyperparameters": shown})

    def to_json(self) -> dict[str, Any]:
        """Returns the fields as JSON values."""
        values = vars(self)  # `asdict` copies deeply, which a log of thousands pays for.
        fields = {field.name: values[field.name] for field in _fields()}
        return {**fields, "hyperparameters": dict(self.hyperparameters)}

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

    @functools.cached_property
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
        named = {f.name: f for f in _fields() if f.name not in hidden}
        kept = {
            name: getattr(self, name)
            for name, field in named.items()
            if getattr(self, name) != field.default
        }
        if self.code:  # The content, not where the user keeps it.
            kept["family"] = self.family.rpartition("/")[2]
        if "weights" in kept:  # Likewise.
            kept["weights"] = weights.content(self.weights)
        return {**kept, "hyperparameters": dict(self.hyperparameters)}

    def __hash__(self) -> int:  # The generated one cannot hash the mapping.
        return hash(self.run_id)


@functools.cache
def _fields() -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(RunSpec)


# What `--set`, `--vary` and a space may name besides the builder's keywords.
CONFIGURABLE = (
    "train_size",
    "epochs",
    "batch_size",
    "optimizer",
    "learning_rate",
    "schedule",
    "weight_decay",
    "label_smoothing",
    "augmentation",
    "patience",
    "balance",
    "precision",
    "weights",
    "freeze",
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


def short(value: object) -> str:
    """Returns a setting's value as tables and figures show it: 3 digits of a number."""
    if isinstance(value, str) and weights.is_value(value):
        return weights.short(value)
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _digest(identity: Mapping[str, Any]) -> str:
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
