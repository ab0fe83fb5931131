"""What a study found, as the dashboard and the report show it: the value every figure is made of.

Nothing here reads the data or runs code that a study names: a log directory may be a stranger's.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from kerascnn.spec import Value
from tuning.comparison import Board
from tuning.examples import Answers
from tuning.learning_curve import Report as Curves
from tuning.measures import Interval
from tuning.pairs import Pair
from tuning.robustness import Report as Robustness
from tuning.thumbnails import Thumbnails

# Loss -> its name in words.
LOSSES = {
    "zero_one": "0-1 loss (share of errors)",
    "brier": "Brier score",
    "cross_entropy": "cross-entropy (nats)",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Course:
    """One run, epoch by epoch.

    Attributes:
        config_id: Its configuration.
        name: Which run of it: "search0".
        state: Running ones are read from event files, and no reported number is made of them.
        history: One value per epoch by name ("accuracy/validation"); None where it was not finite.
        seconds: Wall time so far.
        reason: Why it failed; else "".
        steps: Curve -> where its values stand; one that is not there stands at epochs 1, 2, 3, ...
    """

    config_id: str
    name: str
    state: Literal["finished", "failed", "running"]
    history: Mapping[str, Sequence[float | None]]
    seconds: float
    reason: str = ""
    steps: Mapping[str, Sequence[float]] = dataclasses.field(default_factory=dict)

    @property
    def epochs(self) -> int:
        """How many epochs it has values of."""
        return max(map(len, self.history.values()), default=0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Share:
    """One part of a loss.

    Attributes:
        value: Its mean over images.
        interval: For other images and other runs; None where there is none.
    """

    value: float
    interval: Interval | None


class Findings(Protocol):
    """What figures are made of, whoever wrote the runs."""

    @property
    def title(self) -> str:
        """What it is called."""

    @property
    def board(self) -> Board | None:
        """The leaderboard; None if there is none: see `missing`."""

    @property
    def missing(self) -> str:
        """Why there is no leaderboard; else ""."""

    @property
    def names(self) -> Mapping[str, str]:
        """Configuration -> what it is called, any text; one that is not there goes by its id."""

    @property
    def remarks(self) -> list[str]:
        """What the leaderboard does and does not tell, a line each."""

    @property
    def lacks(self) -> Mapping[str, str]:
        """Figure -> why there can be nothing to show in it."""

    @property
    def metrics(self) -> list[str]:
        """The metrics that can be asked for."""

    @property
    def splits(self) -> list[str]:
        """The parts that any run was scored on."""

    @property
    def settings(self) -> Mapping[str, Mapping[str, Value]]:
        """Configuration -> the settings that vary, in the order of the leaderboard."""

    @property
    def courses(self) -> Mapping[str, Sequence[Course]]:
        """Configuration -> its runs, those under way included."""

    def pairs(self, among: int) -> tuple[list[str], list[Pair]]:
        """Returns (the ids of the `among` leading configurations, all pairs of them)."""

    def shares(self, config_id: str, loss: str) -> dict[str, Share]:
        """Returns "risk", "bias", "data", "seed", "interaction" -> what is known of it, by loss.

        Nothing for fewer than two runs, or without their logits.
        """

    def answers(self, configs: Sequence[str]) -> Answers:
        """Returns what the runs of some configurations answered, image by image.

        Raises:
            ValueError: If they have left no answers.
        """

    def thumbnails(self) -> Thumbnails:
        """Returns the pictures that are kept of the hardest images.

        Raises:
            ValueError: If there are none.
        """

    def picture(self) -> bytes:
        """Returns the PNG of `thumbnails`.

        Raises:
            ValueError: If there is none, or it is damaged.
        """

    def class_names(self) -> Sequence[str]:
        """Returns the names of the classes; nothing where they are not known."""

    def learning_curve(self) -> Curves | None:
        """Returns the error against training-set size; None where it was not asked for.

        Raises:
            ValueError: If it cannot be had.
        """

    def robustness(self) -> tuple[Robustness, list[str]] | None:
        """Returns (how configurations hold up, what is otherwise by now, a sentence each).

        None where it cannot be measured.

        Raises:
            ValueError: If it was not measured, or what is kept of it is damaged.
        """


class WithoutAnswers:
    """The part of `Findings` of runs that have left no answers, image by image."""

    def answers(self, configs: Sequence[str]) -> Answers:
        """Raises ValueError: there are none."""
        raise ValueError("These runs have left no answers, image by image.")

    def thumbnails(self) -> Thumbnails:
        """Raises ValueError: there are none."""
        raise ValueError("These runs have left no pictures of images.")

    def picture(self) -> bytes:
        """Raises ValueError: there is none."""
        raise ValueError("These runs have left no pictures of images.")

    def class_names(self) -> Sequence[str]:
        """Returns nothing: they are not known."""
        return ()

    def learning_curve(self) -> Curves | None:
        """Returns None: there is none."""
        return None

    def robustness(self) -> tuple[Robustness, list[str]] | None:
        """Returns None: there are no networks."""
        return None
